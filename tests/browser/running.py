"""A Streamlit server and the browser to look at it with."""

import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from synthcomp_core.storage import PROJECT_ROOT
from tests.browser.waiting import LIMIT_S
from tests.forked import forks

_LOG_TAIL = 12_000  # characters
_running: dict[str, tuple[psutil.Process, Path]] = {}  # and logs, by address

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """The first Chromium or Chrome on the PATH."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(address: str, server: psutil.Process) -> bool:
    for _ in range(LIMIT_S * 10):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=LIMIT_S) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            if _has_ended(server, within_s=0.1):  # It will answer no more.
                return False
    return False


def _has_ended(server: psutil.Process, *, within_s: float) -> bool:
    """Whether it ends in time. It then stays as a zombie until its parent, the process that forks, waits for it."""
    end = time.monotonic() + within_s
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def running_app(script: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of `streamlit run script` with extra environment variables; the server is stopped at the end."""
    port = free_port()
    options = {
        "server.port": str(port),
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **(env or {})}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        server = psutil.Process(forks().serve(["run", str(script), *arguments], environment=environment, log=log))
        try:
            address = f"http://127.0.0.1:{port}"
            if not _wait_until_healthy(address, server):
                raise RuntimeError(f"Streamlit did not start:\n{log.read_text(errors='replace')}")
            _running[address] = (server, log)
            yield address
        finally:
            _running.pop(address, None)
            server.terminate()
            if not _has_ended(server, within_s=10):
                server.kill()
            forks().ended(server.pid)


def states_of_servers() -> str:
    """The ends of the logs of all servers that run, with what their threads are doing now."""
    texts = []
    for address, (server, log) in _running.items():
        server.send_signal(signal.SIGUSR1)
        _has_ended(server, within_s=1)  # The time to write.
        texts.append(f"{address}\n{log.read_text(errors='replace')[-_LOG_TAIL:]}")
    return "\n\n".join(texts)


def server_process(address: str) -> psutil.Process:
    """The Streamlit server that listens at the address."""
    return _running[address][0]


def used_cpu_s(server: psutil.Process) -> float:
    """Seconds of the processor that a server has used, in all threads; under load, little more than else."""
    times = server.cpu_times()
    return times.user + times.system
