"""Who may ask the server anything: only a page that came from it, under a name of this machine or one that was allowed.

A foreign web page can make its own name point to this machine (DNS rebinding), and a browser then takes the app for a
part of that page. Streamlit looks at the names of WebSockets alone; here every request is held against them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

_LOCAL = ("localhost", "127.0.0.1", "::1")
_METRICS = "/_stcore/metrics"  # Streamlit offers it always; it counts visits and memory.
_CHANGING = ("POST", "PUT", "PATCH", "DELETE")
_REFUSAL = (
    "Synthcomp is not served under this name. Whoever runs the server must name the hosts under which it may be "
    "reached: --server.allowedHosts (docs/robustness.md).\n"
)


class Gate:
    """ASGI middleware that answers requests under the server's own names alone, and none for its counters."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 403 under a foreign name or from a foreign page, 404 for the counters."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif not _is_ours(scope):
            await _refuse(scope, send, 403, _REFUSAL)
        elif scope["type"] == "http" and scope["path"].rstrip("/").endswith(_METRICS):
            await _refuse(scope, send, 404, "Not Found\n")
        else:
            await self._app(scope, receive, send)


def _is_ours(scope: Scope) -> bool:
    """Whether Host, and the Origin of what may change something, are names under which the app is served."""
    hosts, origins = (
        [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]
        for wanted in (b"host", b"origin")
    )
    if len(hosts) != 1 or not _is_allowed(hosts[0]):
        return False
    if scope["type"] == "http" and scope["method"] not in _CHANGING:
        return True
    listed = st.get_option("server.corsAllowedOrigins") or ()
    return all(origin in listed or _is_allowed(_netloc(origin)) for origin in origins)


def _is_allowed(host: str) -> bool:
    """Whether ``host``, with or without a port, is an allowed name; where none is set, one of this machine."""
    if not st.get_option("server.allowedHosts"):
        try:
            return urlsplit(f"//{host}").hostname in _LOCAL and "@" not in host
        except ValueError:
            return False
    return is_host_allowed(host)


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the server answers 403
        return
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
