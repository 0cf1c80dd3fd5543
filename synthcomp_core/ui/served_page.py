"""What the server adds to Streamlit's page itself, so that nothing is painted in another place first: style, folding.

A style that comes with the first run of the script arrives after the browser has painted an empty page: everything
painted before moves.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthcomp_core.ui.layout import FOLDING, STYLE

_HEAD_END = b"</head>"
_FILES = ("/media/", "/static/", "/_stcore/")
_OF_THE_FILE = (b"content-length", b"etag", b"last-modified")  # Headers that do not hold for the changed page.


class StyledPage:
    """ASGI middleware that puts the style into the head of every page of the app; other answers pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and _asks_for_a_page(scope):
            # The page is small, and served without being packed: only so can it be changed on its way.
            headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await self._app({**scope, "headers": headers}, receive, _Styling(send))
        else:
            await self._app(scope, receive, send)


class _Styling:
    """Passes an answer on; an HTML page as a whole, with the style."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(_HEAD_END, (STYLE + FOLDING).encode() + _HEAD_END, 1) if self._body else b""
        kept = [(name, value) for name, value in start["headers"] if name.lower() not in _OF_THE_FILE]
        length = [(b"content-length", str(len(body)).encode())] if body else []
        await self._send({**start, "headers": [*kept, *length]})
        await self._send({"type": "http.response.body", "body": body})


def _asks_for_a_page(scope: Scope) -> bool:
    """Whether a browser opens a page; a file that it saves, as a shared page, is to stay as it is."""
    is_file = any(folder in f"{scope['path']}/" for folder in _FILES)
    return not is_file and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _is_page(start: Message) -> bool:
    """Whether an answer begins a page that is sent as it is."""
    headers = {name.lower(): value for name, value in start["headers"]}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers
