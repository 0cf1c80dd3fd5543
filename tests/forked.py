"""Commands, scripts and Streamlit servers in forks of one process that has imported what they import.

The imports are most of what a short command takes, and 3 to 4 seconds of the processor for every server. A fork is a
process of its own, with its own environment, folder, output and signals, as one started by a shell would be.

``python -m tests.forked`` reads one JSON object a line and answers each with a line that holds a number. A job gives
the exit status of what it ran, a server its process ID at once, and a process ID given back its exit status.
"""

from __future__ import annotations

import atexit
import faulthandler
import functools
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parent.parent
FAILED = 70
COMMAND, SCRIPT, SERVER = "command", "script", "server"


class Forks:
    """The process that forks. Its methods may be called by one thread only."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "COLUMNS": "200"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, kind: str, arguments: list[str], *, folder: Path, environment: Mapping[str, str], output: Path
    ) -> subprocess.CompletedProcess[str]:
        """`synthcomp` with arguments, or a script with its own, to its end. output: a folder for what is printed."""
        out, err = output / ".out", output / ".err"
        status = self._ask(kind, arguments, folder, environment, out, err)
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())

    def serve(self, arguments: list[str], *, environment: Mapping[str, str], log: Path) -> int:
        """The process ID of `streamlit` with arguments, in the project's folder; to be waited for by :meth:`ended`."""
        return self._ask(SERVER, arguments, PROJECT_ROOT, environment, log, log)

    def ended(self, pid: int) -> int:
        """Wait until a server has ended; its exit status."""
        return self._answer({"ended": pid})

    def _ask(
        self, kind: str, arguments: list[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
    ) -> int:
        job = {"kind": kind, "arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        return self._answer({**job, "out": str(out), "err": str(err)})

    def _answer(self, question: dict[str, Any]) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate("")


@functools.cache
def forks() -> Forks:
    """The forking process of this one: one for all tests of a worker."""
    running = Forks()
    atexit.register(running.close)
    return running


def main() -> None:
    """Answer until the input ends, as it does when the tests are killed; then no server goes on."""
    import_libraries()
    servers: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "ended" in asked:
            servers.discard(asked["ended"])
            number = _status(asked["ended"])
        else:
            child = os.fork()
            if child == 0:
                _carry_out_and_exit(asked)
            if asked["kind"] == SERVER:
                servers.add(child)
            number = child if asked["kind"] == SERVER else _status(child)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    for server in servers:
        os.kill(server, signal.SIGKILL)


def _status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def import_libraries() -> None:
    """Import, and no more: a library that has started threads does not survive a fork."""
    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    for name in (
        "dask.distributed",
        "matplotlib.figure",
        "numba",
        "pandas",
        "plotly.graph_objects",
        "torch",
        "streamlit.web.bootstrap",
        "streamlit.web.cli",
        "compressai.models",
        "synthcomp_core.cli",
        "synthcomp_core.codecs.learned",
    ):
        importlib.import_module(name)


def _carry_out_and_exit(job: dict[str, Any]) -> None:
    status = FAILED
    try:
        status = carry_out(job)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def carry_out(job: dict[str, Any]) -> int:
    """One job in this process; its exit status."""
    for path, stream in ((job["out"], 1), (job["err"], 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    arguments: list[str] = job["arguments"]
    if job["kind"] == COMMAND:
        sys.argv = ["synthcomp", *arguments]
        return int(sys.modules["synthcomp_core.cli"].main(arguments))
    sys.argv = list(arguments)
    if job["kind"] == SCRIPT:
        runpy.run_path(arguments[0], run_name="__main__")
        return 0
    # On a signal a server writes into its log what every thread of it is doing.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    sys.argv = ["streamlit", *arguments]
    sys.modules["streamlit.web.cli"].main(prog_name="streamlit")
    return 0


if __name__ == "__main__":
    main()
