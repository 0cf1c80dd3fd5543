"""The examples in docstrings and in docs/ are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT

CORE = PROJECT_ROOT / "synthcomp_core"
PROMPT = ">>> "
# Found by their text, so that a heavy module without examples is not imported.
MODULES = sorted(path for path in CORE.rglob("*.py") if PROMPT in path.read_text(encoding="utf-8"))
PAGES = sorted(path for path in (PROJECT_ROOT / "docs").glob("*.md") if PROMPT in path.read_text(encoding="utf-8"))
# A user of the package begins with these; each keeps an example.
FIRST_MET = {
    *("synthcomp_core.codecs.parse_codec", "synthcomp_core.codecs.decode", "synthcomp_core.codecs.ids.CodecId"),
    *("synthcomp_core.images.read_image", "synthcomp_core.images.coded_size", "synthcomp_core.metrics.bits_per_pixel"),
    *("synthcomp_core.metrics.measure", "synthcomp_core.metrics.psnr.psnr", "synthcomp_core.results.bd.bd_rate"),
    *("synthcomp_core.storage.safe_name", "synthcomp_core.upscalers.parse_upscaler"),
    *("synthcomp_core.variants.evaluation.evaluate", "synthcomp_core.variants.variant.Variant"),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_examples_of_a_module_are_true(path: Path, artifacts: Path) -> None:
    result = doctest.testmod(importlib.import_module(name_of(path)))
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_examples_of_a_page_of_the_docs_are_true(path: Path, artifacts: Path) -> None:
    result = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def test_the_functions_met_first_have_an_example() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for path in MODULES for test in finder.find(importlib.import_module(name_of(path)), name_of(path))]
    with_example = {test.name for test in tests if test.examples}
    assert not FIRST_MET - with_example
    assert len(with_example) >= 15
