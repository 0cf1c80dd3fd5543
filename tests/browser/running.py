"""A Streamlit server and the browser to look at it with."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from synthcomp_core.storage import PROJECT_ROOT
from tests.browser.waiting import LIMIT_S

# `streamlit`, which on a signal writes into its log what every thread of it is doing.
_STREAMLIT = """
import faulthandler, signal, streamlit.web.cli
faulthandler.register(signal.SIGUSR1, all_threads=True)
streamlit.web.cli.main(prog_name="streamlit")
"""
_LOG_TAIL = 12_000  # characters
_running: dict[str, tuple["subprocess.Popen[bytes]", IO[bytes]]] = {}  # by address

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


def _wait_until_healthy(address: str, server: "subprocess.Popen[bytes]") -> bool:
    for _ in range(LIMIT_S * 10):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=LIMIT_S) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            with suppress(subprocess.TimeoutExpired):  # A server that has ended will answer no more.
                server.wait(timeout=0.1)
                return False
    return False


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
    command = [sys.executable, "-c", _STREAMLIT, "run", str(script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **(env or {})}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            if not _wait_until_healthy(address, server):
                log.seek(0)
                raise RuntimeError(f"Streamlit did not start:\n{log.read().decode(errors='replace')}")
            _running[address] = (server, log)
            yield address
        finally:
            _running.pop(address, None)
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def states_of_servers() -> str:
    """The ends of the logs of all servers that run, with what their threads are doing now."""
    texts = []
    for address, (server, log) in _running.items():
        server.send_signal(signal.SIGUSR1)
        with suppress(subprocess.TimeoutExpired):  # The time to write.
            server.wait(timeout=1)
        os.lseek(log.fileno(), 0, os.SEEK_SET)
        text = log.read().decode(errors="replace")
        os.lseek(log.fileno(), 0, os.SEEK_END)  # The server writes at this place, too.
        texts.append(f"{address}\n{text[-_LOG_TAIL:]}")
    return "\n\n".join(texts)


def server_process(address: str) -> psutil.Process:
    """The Streamlit server that listens at the address."""
    port = address.rpartition(":")[2]
    (server,) = [child for child in psutil.Process().children(recursive=True) if port in child.cmdline()]
    return server


def used_cpu_s(server: psutil.Process) -> float:
    """Seconds of the processor that a server has used, in all threads; under load, little more than else."""
    times = server.cpu_times()
    return times.user + times.system
