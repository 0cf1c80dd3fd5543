"""Published models from a server: right, wrong, broken off, continued, offline; with tables of the test's own."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.codecs.checkpoints import build_model, compressai_model
from synthcomp_core.codecs.zoo import PublishedModel, choose_models, fetch_published, published_models
from synthcomp_core.errors import SnapshotError, SynthcompError
from synthcomp_core.library.downloads import download
from synthcomp_core.library.snapshots import Distortion, find_snapshot

ID = "mbt2018-q4-mse-vimeo90k"


class Server:
    """Files over HTTP with ranges; ``cut_after``: bytes after which the next answer's connection is dropped."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: int | None = None
        self.ranges = True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                wanted = self.headers.get("Range") if outer.ranges else None
                outer.requests.append((name, self.headers.get("Range")))
                if name not in outer.files:
                    self.send_error(404)
                    return
                content = outer.files[name]
                etag = f'"{hashlib.md5(content).hexdigest()}"'
                if self.headers.get("If-Range") not in (None, etag):
                    wanted = None
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                body, outer.cut_after, cut = content[start:], None, outer.cut_after
                self.wfile.write(body if cut is None else body[:cut])

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def checkpoint() -> tuple[bytes, dict[str, torch.Tensor]]:
    """A published file's bytes, with names of before CompressAI 1.1, and the weights by today's."""
    torch.manual_seed(0)
    weights = build_model("mbt2018", 8, 12).state_dict()
    old = {re.sub(r"\.(matrices|biases|factors)\.", r"._\1.", name): tensor for name, tensor in weights.items()}
    content = io.BytesIO()
    torch.save(old, content)
    return content.getvalue(), weights


def published(server: Server, content: bytes, *, digits: str | None = None) -> PublishedModel:
    name = f"mbt2018-4-{digits or hashlib.sha256(content).hexdigest()[:8]}.pth.tar"
    server.files[name] = content
    (model,) = published_models({"mbt2018": {"mse": {4: f"{server.url}/{name}"}}})
    return model


def test_a_published_model_becomes_a_snapshot_with_source_and_licence(server: Server, artifacts: Path) -> None:
    content, weights = checkpoint()
    model = published(server, content)
    fractions: list[float] = []
    card = fetch_published(model, half=False, on_progress=lambda fraction, stage: fractions.append(fraction))
    assert find_snapshot(ID) == card and model.installed
    assert (card.quality, card.distortion, card.lmbda, card.trained_on) == (4, "mse", 0.013, "vimeo90k")
    assert card.source == model.url and card.licence and "CompressAI" in card.licence
    imported = compressai_model(ID).state_dict()
    assert all(
        torch.equal(imported[name], weights[name]) for name, _ in build_model("mbt2018", 8, 12).named_parameters()
    )
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert not any((artifacts / "snapshots" / ".downloads").iterdir())


def test_a_file_of_another_hash_is_discarded_and_fetched_again(server: Server, artifacts: Path) -> None:
    content, _ = checkpoint()
    model = published(server, content, digits="00000000")
    with pytest.raises(SynthcompError, match=r"SHA-256 begins with .*, not with 00000000\); it was discarded"):
        fetch_published(model)
    left = [path for path in (artifacts / "snapshots").rglob("*") if path.is_file()]
    assert not left, "nothing of the wrong file stays"
    right = published(server, content)
    assert fetch_published(right).id == ID


def test_a_cut_connection_is_said_and_the_next_call_continues(server: Server, artifacts: Path) -> None:
    content, _ = checkpoint()
    model = published(server, content)
    server.cut_after = 70_000
    with pytest.raises(SynthcompError, match=r"broke after 70,000 bytes; the same command continues from there"):
        fetch_published(model)
    assert not model.installed
    assert fetch_published(model).id == ID
    assert [asked for _, asked in server.requests] == [None, "bytes=70000-"]


def test_a_server_without_ranges_or_with_a_new_file_gives_the_whole_file(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = bytes(range(256)) * 800
    for change in ("no ranges", "new file", "shorter file"):
        folder = tmp_path / change
        server.cut_after = 100_000
        with pytest.raises(SynthcompError):
            download(f"{server.url}/a.bin", folder, "a.bin")
        if change == "no ranges":
            server.ranges = False
        elif change == "new file":
            server.ranges, server.files["a.bin"] = True, bytes(reversed(range(256))) * 900
        else:
            server.files["a.bin"] = b"short"
        assert download(f"{server.url}/a.bin", folder, "a.bin").read_bytes() == server.files["a.bin"]
        assert [path.name for path in folder.iterdir()] == ["a.bin"]


def test_offline_the_sentence_says_what_else_to_do(server: Server, artifacts: Path) -> None:
    model = published(server, b"never sent")
    server.close()
    with pytest.raises(
        SynthcompError,
        match=rf"cannot be fetched .*check the network connection; or .*`snapshot import mbt2018-4-.* --id {ID}`",
    ) as raised:
        fetch_published(model)
    assert str(raised.value).isprintable()


def test_a_missing_file_names_the_address(server: Server, artifacts: Path) -> None:
    model = PublishedModel("mbt2018", 4, Distortion.MSE, f"{server.url}/gone-12345678.pth.tar")
    with pytest.raises(SynthcompError, match=r"gone-12345678.pth.tar cannot be fetched \(404"):
        fetch_published(model)


def test_the_command_fetches_what_is_asked_for_and_no_more(
    server: Server, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, _ = checkpoint()
    model = published(server, content)
    table = {"mbt2018": {"mse": {4: model.url, 5: f"{server.url}/absent-12345678.pth.tar"}}}
    monkeypatch.setattr("compressai.zoo.image.model_urls", table)
    asked = CliRunner().invoke(app, ["snapshot", "fetch", "mbt2018", "--quality", "all", "--dry-run"])
    assert asked.exit_code == 0 and "2 models to fetch" in asked.output and not server.requests
    first = CliRunner().invoke(app, ["snapshot", "fetch", "mbt2018", "--quality", "4", "--distortion", "mse"])
    assert first.exit_code == 0 and f"{ID}: installed" in first.output, first.output
    again = CliRunner().invoke(app, ["snapshot", "fetch", "mbt2018", "--quality", "4"])
    assert "installed already" in again.output and len(server.requests) == 1


def test_the_zoo_s_own_table_is_complete_and_its_sizes_are_those_of_its_classes() -> None:
    models = published_models()
    assert len(models) == 4 * 16 + 2 * 12
    assert all(model.sha256 and len(model.sha256) == 8 for model in models)
    large = choose_models(models, "mbt2018", qualities=(8,), distortions=(Distortion.MSE,))[0]
    parameters = sum(parameter.numel() for parameter in build_model("mbt2018", 192, 320).parameters())
    assert large.num_bytes == 4 * parameters > 90e6


def test_what_is_not_published_is_named() -> None:
    models = published_models()
    with pytest.raises(SnapshotError, match="no model 'mbt2019'; it publishes bmshj2018-factorized, "):
        choose_models(models, "mbt2019")
    with pytest.raises(SnapshotError, match="cheng2020-anchor at the qualities 1 to 6, not at 7"):
        choose_models(models, "cheng2020-anchor", qualities=(3, 7))
