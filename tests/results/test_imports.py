"""A page of results starts fast: its room loads neither codecs nor torch."""

import subprocess
import sys

from tests.conftest import PROJECT_ROOT

PROGRAM = """
import importlib, pkgutil, sys
import synthcomp_core.results
for module in pkgutil.walk_packages(synthcomp_core.results.__path__, "synthcomp_core.results."):
    importlib.import_module(module.name)
print(sum(name.startswith("synthcomp_core.results.") for name in sys.modules))
unwanted = ("torch", "compressai", "synthcomp_core.codecs")
print(sorted(name for name in sys.modules if name.startswith(unwanted)))
"""


def test_results_know_no_codec() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=PROJECT_ROOT, check=True
    )
    modules, loaded = finished.stdout.splitlines()
    assert int(modules) >= 15
    assert loaded == "[]"
