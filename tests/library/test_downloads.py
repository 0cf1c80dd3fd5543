"""Downloads from servers that send too much, without end, or nothing more: a sentence, and nothing stays."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library import downloads
from synthcomp_core.library.downloads import download

LIMIT = 100_000


class Hostile(http.server.BaseHTTPRequestHandler):
    """/claims: a Content-Length beyond the limit; /endless: a body without end; /packed: one that grows; /stalls:
    a body that stops coming; /breaks: one that ends too soon; /drips: one that comes byte by byte; /exact: as much as
    is allowed."""

    protocol_version = "HTTP/1.1"
    released = threading.Event()

    def do_GET(self) -> None:
        self.close_connection = True
        self.send_response(200)
        match self.path:
            case "/claims.zip":
                self.send_header("Content-Length", str(2**50))
                self.end_headers()
            case "/endless.zip":
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(bytes(2**16))
                except OSError:
                    return
            case "/packed.zip":
                import gzip

                packed = gzip.compress(bytes(50 * LIMIT))
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(packed)))
                self.end_headers()
                self.wfile.write(packed)
            case "/stalls.zip":
                self.send_header("Content-Length", "5000")
                self.end_headers()
                self.wfile.write(bytes(10))
                self.wfile.flush()
                self.released.wait(20)
            case "/breaks.zip":
                self.send_header("Content-Length", "50000")
                self.end_headers()
                self.wfile.write(b"xxxxx")
            case "/drips.zip":
                self.send_header("Content-Length", "50000")
                self.end_headers()
                try:
                    while not self.released.wait(0.02):
                        self.wfile.write(b"x")
                except OSError:
                    return
            case _:
                self.send_header("Content-Length", str(LIMIT))
                self.end_headers()
                self.wfile.write(bytes(LIMIT))

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Hostile.released.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Hostile.released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("claims", f"it has {2**50:,}"),
        ("endless", "the server goes on"),
        ("packed", "the server goes on"),
    ],
)
def test_what_is_larger_than_the_limit_is_refused_and_discarded(
    address: str, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(SynthcompError) as found:
        download(f"{address}/{name}.zip", tmp_path, "a.zip", max_bytes=LIMIT, otherwise="or do without")
    assert str(found.value) == (
        f"{address}/{name}.zip is larger than the 100,000 bytes that are fetched ({reason}); or do without."
    )
    assert not list(tmp_path.iterdir())


def test_what_is_as_large_as_the_limit_is_fetched(address: str, tmp_path: Path) -> None:
    assert download(f"{address}/exact", tmp_path, "a.zip", max_bytes=LIMIT).stat().st_size == LIMIT


def test_a_server_that_stalls_is_given_up(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "CONNECT_S", 0.2)
    with pytest.raises(SynthcompError, match=r"cannot be fetched|broke after"):
        download(f"{address}/stalls.zip", tmp_path, "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_server_that_drips_is_given_up(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "SLOW_S", 0.2)
    with pytest.raises(SynthcompError) as found:
        download(f"{address}/drips.zip", tmp_path, "a.zip", otherwise="or do without")
    assert "drips.zip is arriving too slowly (it sent " in str(found.value)
    assert str(found.value).endswith("or do without.")
    assert not (tmp_path / "a.zip").exists()


def test_a_connection_that_breaks_is_an_error_with_what_had_come(address: str, tmp_path: Path) -> None:
    with pytest.raises(SynthcompError, match="broke after 5 bytes"):
        download(f"{address}/breaks.zip", tmp_path, "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_the_limit_of_a_data_set_is_an_option(address: str, artifacts: Path) -> None:
    for option, said in (
        ("0.00001", "raise the limit with --max-gigabytes, or download"),
        ("nan", "expected a number above 0"),
    ):
        ended = CliRunner().invoke(app, ["data", "fetch", f"{address}/exact.zip", "--max-gigabytes", option])
        assert ended.exit_code == 1 and said in str(ended.exception)
    assert not list(artifacts.rglob("*.part"))
