"""The served app: who may connect, and what it does not offer."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message as Headers
from pathlib import Path
from typing import cast

import pytest
import streamlit as st
from starlette.types import Message, Receive, Scope, Send

from synthcomp_core.storage import last_part
from synthcomp_core.ui import gate
from synthcomp_core.ui.layout import FOLDING, STYLE
from synthcomp_core.ui.served_page import StyledPage
from tests.browser.running import running_app
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_app(PROJECT_ROOT / "app.py") as served:
        yield served


def handshake(address: str, host: str, origin: str | None) -> int:
    """The status with which the server answers a WebSocket handshake for this Host and Origin."""
    port = int(address.rpartition(":")[2])
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *([f"Origin: {origin}"] if origin else []),
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.recv(4096).split(b" ")[1])


def test_only_names_of_this_machine_may_connect(address: str) -> None:
    port = address.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "localhost"):
        assert handshake(address, host, f"http://{host}") == 101, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "x@localhost",
        "",
    ):
        assert handshake(address, host, f"http://{host}") in (400, 403), host
    own = f"localhost:{port}"
    for origin in (
        "http://evil.example",
        f"http://{own}.evil.example",
        f"http://{own}@evil.example",
        "null",
        "http://[",
    ):
        assert handshake(address, own, origin) == 403, origin


def asked(address: str, path: str, method: str = "GET", host: str = "", origin: str = "") -> tuple[int, bytes]:
    """Status and body of the answer to an HTTP request under any Host (default: its own) and Origin."""
    connection = http.client.HTTPConnection("127.0.0.1", int(address.rpartition(":")[2]), timeout=LIMIT_S)
    headers = {"Host": host or address.removeprefix("http://"), **({"Origin": origin} if origin else {})}
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_no_page_and_no_file_is_served_under_a_foreign_name(address: str) -> None:
    for path in ("/", "/compare", "/_stcore/health", "/_stcore/metrics", "/media/x.png", "/static/x", "/no/such"):
        for host in ("evil.example", "localhost.evil.example", "x@localhost", "localhost/evil"):
            status, body = asked(address, path, host=host)
            assert (status, body[:9]) in ((403, b"Synthcomp"), (400, b"Invalid h")), (path, host)
    assert asked(address, "/_stcore/health") == (200, b"ok")
    assert asked(address, "/_stcore/health", host="LOCALHOST:80") == (200, b"ok")


def test_what_changes_something_takes_no_request_of_a_foreign_page(address: str) -> None:
    for method in ("PUT", "DELETE", "POST"):
        assert asked(address, "/_stcore/upload_file/a/b", method, origin="http://evil.example")[0] == 403
    token, body = asked(address, "/_stcore/upload_file/a/b", "PUT", origin=address)
    assert token == 403 and b"XSRF" in body, "the form's own token is still asked for"


def test_the_counters_stay_off(address: str) -> None:
    for path in (
        "/_stcore/metrics",
        "/_stcore/metrics/",
        "/_stcore/metrics?families=session_events",
        "/_stcore%2Fmetrics",
    ):
        assert asked(address, path)[0] == 404, path


def test_without_a_setting_the_names_of_this_machine_are_the_allowed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "get_option", lambda name: [])
    for host, allowed in (("localhost:80", True), ("[::1]:80", True), ("evil.example", False), ("x@localhost", False)):
        scope = {"type": "websocket", "path": "/", "headers": [(b"host", host.encode())]}
        assert gate._is_ours(scope) == allowed, host
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]
    assert not gate._is_ours({"type": "websocket", "path": "/", "headers": twice})


def test_the_server_offers_no_files(address: str) -> None:
    for path in ("/app/static/../app.py", "/../../etc/passwd", "/media/../../app.py"):
        try:
            with urllib.request.urlopen(address + path, timeout=LIMIT_S) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            assert error.code in (400, 403, 404)
        else:  # Unknown paths show the app's own page.
            assert (
                b"root:" not in content and b"import" not in content[:100] and str(PROJECT_ROOT).encode() not in content
            )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("../../x.png", "x.png"), ("/etc/passwd", "passwd"), ("C:\\a\\b.png", "b.png"), ("a.png", "a.png")),
        *(("..", "unnamed"), ("", "unnamed"), ("a/", "unnamed"), ("x\0.png", "x.png"), ("...", "unnamed")),
    ],
)
def test_no_upload_names_a_path(text: str, expected: str) -> None:
    assert last_part(text) == expected
    assert Path(last_part(text)).name == last_part(text)


def fetched(address: str, path: str = "/", method: str = "GET", **headers: str) -> tuple[bytes, Headers]:
    """Body and headers of an answer."""
    request = urllib.request.Request(f"{address}{path}", headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
        return answer.read(), answer.headers


def test_every_page_carries_the_style_and_nothing_else_is_changed(address: str) -> None:
    for path in ("/", "/compare", "/no/such/page"):
        page, headers = fetched(address, path, Accept="text/html,*/*", **{"Accept-Encoding": "gzip, br"})
        assert page.count(STYLE.encode()) == 1, path
        assert page.index(STYLE.encode()) < page.index(b"</head>")
        assert int(headers["Content-Length"]) == len(page)
        assert (
            headers["ETag"] is None and headers["Last-Modified"] is None
        )  # They would stand for Streamlit's own page.
    plain, _ = fetched(address)
    assert plain == page.replace((STYLE + FOLDING).encode(), b"")
    assert fetched(address, method="HEAD", Accept="text/html")[0] == b""
    script = re.search(rb'src="\.?(/static/js/[^"]+\.js)"', page)
    assert script is not None
    path = script[1].decode()
    assert fetched(address, path, Accept="text/html")[0] == fetched(address, path)[0]
    assert fetched(address, "/_stcore/health", Accept="text/html")[0] == b"ok"


def test_a_page_that_is_saved_as_a_file_stays_as_it_is() -> None:
    content = b"<html><head></head></html>"

    async def streamlit(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"etag", b"7")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def body_of(path: str) -> bytes:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "path": path, "headers": [(b"accept", b"text/html")]}
        with ThreadPoolExecutor(1) as another_thread:  # In this one a browser's loop may be running, of other tests.
            another_thread.submit(asyncio.run, StyledPage(streamlit)(scope, cast(Receive, None), keep)).result()
        return b"".join(message.get("body", b"") for message in sent)

    assert body_of("/media/shared.html") == body_of("/base/media/shared.html") == content
    assert STYLE.encode() in body_of("/compare")
