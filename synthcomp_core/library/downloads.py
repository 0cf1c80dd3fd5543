"""Downloads by pooch: up to a size, with progress, continued where they broke off, checked by hash, placed whole."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError, reason_of
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import file_sha256, write_text

CONNECT_S = 30  # Seconds without an answer or a byte after which a download is given up.
SLOW_S = 60  # Seconds over which the speed is judged.
_CHUNK_BYTES = 2**15  # What is lost, at most, when the connection breaks.
_MOST_DIGITS = 20  # of a length that a server states
_PARTIAL, _VALIDATOR = ".part", ".part.json"


def download(
    url: str,
    folder: Path,
    file_name: str,
    *,
    max_bytes: int = limits.DOWNLOAD_BYTES,
    raised_by: str = "",
    sha256: str | None = None,
    otherwise: str = "",
    on_progress: OnProgress = silent,
) -> Path:
    """The file at an address, as ``folder / file_name``, from the network unless it is there already.

    max_bytes: a larger file is discarded, as soon as the server says so or sends more; raised_by: the option that
    raises this limit. sha256: the hash in hexadecimal digits, or its first digits, as torch's hub writes them into file
    names; a file of another hash is discarded. What was received before a connection broke stays as a partial file and
    is continued, if the server can and the file is still the same. otherwise: ends the sentence of an error, on what
    else can be done. SynthcompError when the network, the server or the hash fails.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    target = folder / file_name
    if target.is_file() and sha256 is not None and not file_sha256(target).startswith(sha256):
        target.unlink()
    hint = f"; {otherwise}" if otherwise else ""
    downloader = _Resuming(target, sha256, max_bytes, on_progress)
    try:
        return Path(pooch.retrieve(url, None, fname=file_name, path=folder, downloader=downloader))
    except _WrongHash as error:
        raise SynthcompError(f"{url} did not return the expected file ({error}); it was discarded{hint}.") from None
    except _TooLarge as error:
        raised = f"raise the limit with {raised_by}" if raised_by else ""
        advice = ", ".join(filter(None, (raised, otherwise)))
        raise SynthcompError(
            f"{url} is larger than the {max_bytes:,} bytes that are fetched ({error}){'; ' if advice else ''}{advice}."
        ) from None
    except _TooSlow as error:
        raise SynthcompError(
            f"{url} is arriving too slowly ({error}), so the download was given up; run the same command later to "
            f"resume it{hint}."
        ) from None
    except requests.exceptions.HTTPError as error:
        raise SynthcompError(f"{url} cannot be fetched ({reason_of(error)}){hint}.") from None
    except requests.exceptions.RequestException as error:
        raise SynthcompError(_broken(url, target, error) + f"{hint}.") from None


def _broken(url: str, target: Path, error: Exception) -> str:
    """What became of a download that the network ended."""
    received = _partial(target).stat().st_size if _partial(target).is_file() else 0
    if received:
        return f"The connection to {url} broke after {received:,} bytes; the same command continues from there"
    return f"{url} cannot be fetched ({type(error).__name__}); check the network connection"


def _partial(target: Path) -> Path:
    return target.with_name(target.name + _PARTIAL)


def _pieces(answer: Any) -> Iterator[bytes]:
    """What a server sends, as it comes: waiting for whole pieces would hide how slowly. _TooSlow if it is too slow."""
    import requests
    import urllib3

    since, received = time.monotonic(), 0
    try:
        while piece := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
            received += len(piece)
            if time.monotonic() - since >= SLOW_S:
                if received < limits.DOWNLOAD_BYTES_A_MINUTE * SLOW_S / 60:
                    raise _TooSlow(f"it sent {received:,} bytes in {time.monotonic() - since:.0f} seconds")
                since, received = time.monotonic(), 0
            yield piece
    except urllib3.exceptions.HTTPError as error:  # which requests would have made its own
        raise requests.exceptions.ConnectionError(error) from error


class _TooSlow(ValueError):
    pass


class _WrongHash(ValueError):
    pass


class _TooLarge(ValueError):
    pass


class _Resuming:
    """A downloader as pooch takes them: called with the address and the file to fill."""

    def __init__(self, target: Path, sha256: str | None, max_bytes: int, on_progress: OnProgress) -> None:
        self.target, self.sha256, self.max_bytes, self.on_progress = target, sha256, max_bytes, on_progress
        self.partial = _partial(target)
        self.validator = target.with_name(target.name + _VALIDATOR)

    def __call__(self, url: str, output_file: Any, _: Any, check_only: bool = False) -> None:
        import requests

        received = self._continuable(url)
        headers = {"Range": f"bytes={received}-", "Accept-Encoding": "identity"} if received else {}
        known = self._known()
        if received and known.get("etag"):
            headers["If-Range"] = known["etag"]
        with requests.get(url, headers=headers, stream=True, timeout=CONNECT_S) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                self._forget()  # The partial file is longer than the server's; begin anew.
                return self(url, output_file, _)
            answer.raise_for_status()
            if answer.status_code != requests.codes.partial_content:
                received = 0
            etag = answer.headers.get("ETag", "")
            write_text(self.validator, json.dumps({"url": url, "etag": "" if etag.startswith("W/") else etag}))
            self._receive(answer, received)
        self._check()
        self.partial.replace(output_file)
        self.validator.unlink(missing_ok=True)

    def _continuable(self, url: str) -> int:
        """How many bytes of the partial file can be kept: none if nothing says that they are of the same file."""
        known = self._known()
        if not self.partial.is_file() or known.get("url") != url or not (known.get("etag") or self.sha256):
            self._forget()
            return 0
        return self.partial.stat().st_size

    def _known(self) -> dict[str, str]:
        try:
            known = json.loads(self.validator.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _receive(self, answer: Any, received: int) -> None:
        import requests

        length = answer.headers.get("Content-Length", "")
        total = received + int(length) if length.isdecimal() and len(length) < _MOST_DIGITS else 0
        self._check_size(total, f"it has {total:,}")
        with self.partial.open("ab" if received else "wb") as file:
            for chunk in _pieces(answer):
                received += file.write(chunk)
                self._check_size(received, "the server goes on")
                stage = f"fetching {self.target.name} ({received / 1e6:.1f} of {total / 1e6:.1f} MB)"
                self.on_progress(min(1.0, received / total) if total else 0.0, stage)
        if total and received < total and "Content-Encoding" not in answer.headers:
            raise requests.exceptions.ConnectionError(f"{received} of {total} bytes")

    def _check_size(self, num_bytes: int, reason: str) -> None:
        if num_bytes > self.max_bytes:
            self._forget()
            raise _TooLarge(reason)

    def _check(self) -> None:
        if self.sha256 is None:
            return
        found = file_sha256(self.partial)
        if not found.startswith(self.sha256):
            self._forget()
            raise _WrongHash(f"its SHA-256 begins with {found[: len(self.sha256)]}, not with {self.sha256}")

    def _forget(self) -> None:
        self.partial.unlink(missing_ok=True)
        self.validator.unlink(missing_ok=True)
