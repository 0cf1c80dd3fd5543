"""Data sets from a local HTTP server, a folder or a zip; hostile zips; splits and conversion."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image, resize, write_png
from synthcomp_core.library import datasets
from synthcomp_core.library.converting import convert
from synthcomp_core.library.split_names import SPLITS
from synthcomp_core.training.data_parts import train_and_valid


def picture(seed: int, size: tuple[int, int] = (12, 10)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def frames_zip(path: Path) -> Path:
    members = {f"repo-main/gtaplus-dataset/train/c{n:04d}.png": png_bytes(picture(n)) for n in range(3)}
    members["repo-main/gtaplus-dataset/test/g0173.png"] = png_bytes(picture(9))
    members["repo-main/fsr-samples/1-native.png"] = png_bytes(picture(10))
    members["repo-main/README.md"] = b"not an image"
    members["__MACOSX/._c0000.png"] = b"not an image either"
    return make_zip(path, members)


@dataclasses.dataclass
class Server:
    url: str
    folder: Path
    requests: list[str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            requests.append(self.path)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield Server(f"http://127.0.0.1:{httpd.server_port}", folder, requests)
    httpd.shutdown()
    httpd.server_close()


def test_a_known_source_is_fetched_split_and_carded(
    server: Server, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames_zip(server.folder / "main.zip")
    source = dataclasses.replace(datasets.SOURCES["gta-plus"], downloads=(datasets.Download(f"{server.url}/main.zip"),))
    monkeypatch.setitem(datasets.SOURCES, "gta-plus", source)
    stages = []
    card = datasets.fetch("gta-plus", on_progress=lambda fraction, stage: stages.append((fraction, stage)))
    assert card.images == 4
    assert card.splits == (("train", 3), ("test", 1))
    assert datasets.image_paths("gta-plus")[0] == "gtaplus-dataset/test/g0173.png"
    assert np.array_equal(read_image(datasets.split_files("gta-plus", "test")[0]).image, picture(9))
    assert any("fetching" in stage for _, stage in stages)
    assert all(0 <= fraction <= 1 for fraction, _ in stages)
    assert [card.name for card in datasets.list_datasets()] == ["gta-plus"]
    count = len(server.requests)
    datasets.fetch("gta-plus")
    assert len(server.requests) == count  # What is there is not fetched again.


def test_a_damaged_download_is_discarded_and_fetched_again(server: Server, artifacts: Path) -> None:
    whole = frames_zip(server.folder / "main.zip").read_bytes()
    (server.folder / "main.zip").write_bytes(whole[:-40])
    with pytest.raises(SynthcompError, match=r"main\.zip is not a whole zip"):
        datasets.fetch(f"{server.url}/main.zip", name="mine")
    (server.folder / "main.zip").write_bytes(whole)
    assert datasets.fetch(f"{server.url}/main.zip", name="mine").images == 5
    (server.folder / "page.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(SynthcompError, match=r"page\.png did not return an image"):
        datasets.fetch(f"{server.url}/page.png", name="page")


def test_single_image_downloads_go_into_their_split(
    server: Server, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        (server.folder / f"kodim{number:02d}.png").write_bytes(png_bytes(picture(number)))
    downloads = tuple(datasets.Download(f"{server.url}/kodim{number:02d}.png", "test") for number in (1, 2))
    monkeypatch.setitem(datasets.SOURCES, "kodak", dataclasses.replace(datasets.SOURCES["kodak"], downloads=downloads))
    assert datasets.fetch("kodak").splits == (("test", 2),)


def test_a_licence_that_is_given_stands_on_the_card_of_a_known_source(
    server: Server, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server.folder / "kodim01.png").write_bytes(png_bytes(picture(1)))
    known = datasets.SOURCES["kodak"]
    source = dataclasses.replace(known, downloads=(datasets.Download(f"{server.url}/kodim01.png", "test"),))
    monkeypatch.setitem(datasets.SOURCES, "kodak", source)
    assert datasets.fetch("kodak", licence="asked for").licence == "asked for"
    assert datasets.fetch("kodak").licence == known.licence


def test_a_wrong_checksum_is_refused(server: Server, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames_zip(server.folder / "main.zip")
    download = datasets.Download(f"{server.url}/main.zip", sha256="0" * 64)
    monkeypatch.setitem(
        datasets.SOURCES, "gta-plus", dataclasses.replace(datasets.SOURCES["gta-plus"], downloads=(download,))
    )
    with pytest.raises(SynthcompError, match=r"main\.zip"):
        datasets.fetch("gta-plus")


def test_a_network_that_says_no_is_one_sentence_with_a_way_out(server: Server, artifacts: Path) -> None:
    with pytest.raises(SynthcompError, match=r"absent\.zip cannot be fetched .*404.*data fetch FILE") as caught:
        datasets.fetch(f"{server.url}/absent.zip", name="mine")
    assert "\n" not in str(caught.value)
    with pytest.raises(SynthcompError, match="cannot be fetched"):
        datasets.fetch("http://127.0.0.1:9/closed.zip", name="mine")


def test_a_folder_and_a_zip_of_images_are_taken_in(tmp_path: Path, artifacts: Path) -> None:
    folder = tmp_path / "frames"
    (folder / "level").mkdir(parents=True)
    (folder / "level" / "a.png").write_bytes(png_bytes(picture(1)))
    (folder / "notes.txt").write_text("no image")
    assert datasets.fetch(str(folder), name="mine").images == 1
    assert datasets.fetch(str(frames_zip(tmp_path / "zipped.zip")), name="zipped").images == 5
    with pytest.raises(SynthcompError, match="neither a folder nor a zip"):
        datasets.fetch(str(tmp_path / "nothing"), name="nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SynthcompError, match="holds no images"):
        datasets.fetch(str(tmp_path / "empty"), name="empty")


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:/evil.png", "..\\evil.png"])
def test_a_zip_that_reaches_outside_writes_nothing(name: str, tmp_path: Path, artifacts: Path) -> None:
    path = make_zip(tmp_path / "evil.zip", {"good.png": png_bytes(picture(1)), name: png_bytes(picture(2))})
    with pytest.raises(SynthcompError, match="outside its folder"):
        datasets.fetch(str(path), name="evil")
    assert not list(artifacts.rglob("*.png"))
    assert not (tmp_path / "evil.png").exists()


def test_a_zip_bomb_is_stopped_by_what_comes_out(tmp_path: Path, artifacts: Path) -> None:
    path = make_zip(tmp_path / "bomb.zip", {"bomb.png": bytes(64 * 2**20)})
    assert path.stat().st_size < 2**17
    with pytest.raises(SynthcompError, match="grows beyond"):
        datasets.fetch(str(path), name="bomb")
    assert not list(artifacts.rglob("bomb.png*"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path, artifacts: Path) -> None:
    path = tmp_path / "link.zip"
    info = zipfile.ZipInfo("link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(SynthcompError, match="outside its folder"):
        datasets.fetch(str(path), name="link")


def test_a_truncated_zip_is_named(tmp_path: Path, artifacts: Path) -> None:
    path = frames_zip(tmp_path / "cut.zip")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SynthcompError, match=r"cut\.zip is not a whole zip"):
        datasets.fetch(str(path), name="cut")


@pytest.fixture
def mine(tmp_path: Path, artifacts: Path) -> str:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02d}.png").write_bytes(png_bytes(picture(number)))
    datasets.fetch(str(folder), name="mine")
    return "mine"


def test_a_split_is_complete_disjoint_and_the_same_again(mine: str) -> None:
    card = datasets.split(mine, valid=0.1, test=0.2, seed=4)
    assert dict(card.splits) == {"train": 14, "valid": 2, "test": 4}
    parts = {part: {file.name for file in datasets.split_files(mine, part)} for part in SPLITS}
    assert set.union(*parts.values()) == {f"{number:02d}.png" for number in range(20)}
    assert sum(len(part) for part in parts.values()) == 20
    datasets.split(mine, valid=0.1, test=0.2, seed=5)
    other = {file.name for file in datasets.split_files(mine, "test")}
    datasets.split(mine, valid=0.1, test=0.2, seed=4)
    assert {file.name for file in datasets.split_files(mine, "test")} == parts["test"] != other
    assert datasets.read_data_set_card(mine).splits == card.splits


def test_a_split_that_cannot_be_made_says_why(mine: str) -> None:
    with pytest.raises(SynthcompError, match="leave nothing to train on"):
        datasets.split(mine, valid=0.6, test=0.5)
    with pytest.raises(SynthcompError, match="too few"):
        datasets.split(mine, valid=0.01, test=0.1)
    with pytest.raises(SynthcompError, match="no split 'valid'"):
        datasets.split_files(mine, "valid")
    with pytest.raises(SynthcompError, match="no data set 'other'"):
        datasets.split("other")


def test_conversion_halves_with_the_products_bicubic_and_goes_on_where_it_stopped(mine: str, tmp_path: Path) -> None:
    out = tmp_path / "half"
    assert convert(mine, out, downscale=2) == 20
    half = read_image(out / "03.png").image
    assert np.array_equal(half, resize(picture(3), (5, 6), method="bicubic"))
    (out / "03.png").unlink()
    assert convert(mine, out, downscale=2) == 1
    whole = io.BytesIO()
    whole.write((out / "03.png").read_bytes())
    assert np.array_equal(read_image(whole.getvalue()).image, half)


def test_a_conversion_says_what_reading_the_images_changed(mine: str, artifacts: Path, tmp_path: Path) -> None:
    for number in (3, 5):
        pixels = picture(number)
        transparent = np.full(pixels.shape[:2], 99, np.uint8)
        write_png(pixels, artifacts / "data" / mine / "images" / f"{number:02}.png", alpha=transparent)
    notes: list[str] = []
    convert(mine, tmp_path / "out", on_note=notes.append)
    assert notes == ["transparent parts are shown over black"] * 2


def test_conversion_refuses_a_folder_of_another_size_and_changes_nothing_in_it(mine: str, tmp_path: Path) -> None:
    out = tmp_path / "half"
    convert(mine, out, downscale=2)
    (out / "03.png").unlink()
    before = contents(out)
    with pytest.raises(SynthcompError, match=r"00\.png is there already and is 5x6; expected 2x3. Give another folder"):
        convert(mine, out, downscale=4)
    (out / "00.png").write_bytes(b"no image")
    with pytest.raises(SynthcompError, match=r"00\.png is there already and is no readable image; expected 5x6"):
        convert(mine, out, downscale=2)
    (out / "00.png").write_bytes(before["00.png"])
    assert contents(out) == before and convert(mine, out, downscale=2) == 1


def test_a_turned_photograph_is_converted_on_where_it_stopped(tmp_path: Path, artifacts: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # Orientation: a quarter turn
    (tmp_path / "photos").mkdir()
    PillowImage.fromarray(picture(1, (16, 32))).save(tmp_path / "photos" / "a.jpg", exif=exif)
    datasets.fetch(str(tmp_path / "photos"), name="photos")
    assert [convert("photos", tmp_path / "out") for _ in range(2)] == [1, 0]
    assert read_image(tmp_path / "out" / "a.png").image.shape == (32, 16, 3)


def test_two_images_that_would_be_one_file_are_not_converted(tmp_path: Path, artifacts: Path) -> None:
    for name in ("level/a.png", "level/a.jpg", "a.png"):
        path = tmp_path / "frames" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(picture(1)).save(path)
    datasets.fetch(str(tmp_path / "frames"), name="mine")
    with pytest.raises(SynthcompError, match="Data set mine has 2 images named level/a; rename all but one"):
        convert("mine", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_data_set_is_not_converted_into_itself(mine: str, artifacts: Path, tmp_path: Path) -> None:
    images = artifacts / "data" / mine / "images"
    (tmp_path / "link").symlink_to(images)
    for out in (images, images / "half", tmp_path / "link"):
        with pytest.raises(SynthcompError, match="would mix them with those made; give another folder"):
            convert(mine, out, downscale=2)
    assert len(datasets.image_paths(mine)) == 20


@pytest.mark.parametrize("name", ["My Frames", "../escaped", ".hidden", "a/b", "", "x" * 81])
def test_a_name_that_cannot_be_a_folder_is_refused_as_a_data_set_s(name: str, tmp_path: Path, artifacts: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "a.png").write_bytes(png_bytes(picture(1)))
    with pytest.raises(SynthcompError, match=r"The data set's name .* is not usable as a name") as caught:
        datasets.fetch(str(folder), name=name)
    assert "snapshot" not in str(caught.value)
    assert not list(artifacts.rglob("*.png"))


def test_a_split_that_names_what_no_system_can_hold_is_a_sentence(tmp_path: Path, artifacts: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "a.png").write_bytes(png_bytes(picture(1)))
    datasets.fetch(str(tmp_path / "frames"), name="mine")
    listed = artifacts / "data" / "mine" / "splits" / "train.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("a" * 5000 + "\n")
    with pytest.raises(SynthcompError, match="is missing") as caught:
        datasets.split_files("mine", "train")
    assert len(str(caught.value)) < 1000


def test_the_archive_that_a_browser_downloaded_gives_what_fetching_it_would(tmp_path: Path, artifacts: Path) -> None:
    names = ("train/c1", "train/c2", "test/g1")
    frames = {f"gtaplus-dataset/{name}.png": png_bytes(picture(number)) for number, name in enumerate(names)}
    inner = make_zip(tmp_path / "inner.zip", frames).read_bytes()
    samples = {f"repo-main/fsr-samples/1-{kind}.png": png_bytes(picture(9)) for kind in ("native", "q2")}
    members = {"repo-main/gtaplus-dataset.zip": inner, "repo-main/readme.md": b"", **samples}
    archive = make_zip(tmp_path / "repo-main.zip", members)
    for _ in range(2):  # A second call changes nothing.
        card = datasets.fetch(str(archive), name="gta-plus")
        assert (card.images, dict(card.splits), card.left_out) == (3, {"train": 2, "test": 1}, "")
    other = datasets.fetch(str(archive), name="mine")
    assert (other.images, other.left_out) == (5, "1 other file (.md 1)")


def published_folder(tmp_path: Path) -> Path:
    for number in range(20):
        path = tmp_path / "frames" / ("train" if number < 16 else "test") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(picture(number)))
    return tmp_path / "frames"


def test_fetching_again_keeps_a_split_that_was_made_here(tmp_path: Path, artifacts: Path) -> None:
    """Else train is all of the published one again, and the images of valid are in both."""
    folder = published_folder(tmp_path)
    datasets.fetch(str(folder), name="mine")
    assert [len(part) for part in train_and_valid("mine")] == [15, 1]  # Nothing was split off for it.
    made = datasets.split("mine", valid=0.25)
    train, valid = train_and_valid("mine")
    assert datasets.fetch(str(folder), name="mine").splits == made.splits == (("train", 12), ("valid", 4), ("test", 4))
    assert train_and_valid("mine") == (train, valid)
    (folder / "train" / "new.png").write_bytes(png_bytes(picture(99)))
    assert datasets.fetch(str(folder), name="mine").splits == made.splits
    assert datasets.num_unsplit("mine") == 1
    # What is split anew is all there is.
    assert dict(datasets.split("mine", valid=0).splits) == {"train": 17, "valid": 0, "test": 4}
    assert [len(part) for part in train_and_valid("mine")] == [16, 1]


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -0.1, 1.0])
def test_a_share_that_is_none_is_refused_beside_a_published_test_set(
    tmp_path: Path, artifacts: Path, share: float
) -> None:
    datasets.fetch(str(published_folder(tmp_path)), name="mine")
    with pytest.raises(SynthcompError, match="too few for shares of"):
        datasets.split("mine", valid=share)


def test_splits_whose_images_are_gone_give_way_to_the_published_ones_and_leave_no_list(
    tmp_path: Path, artifacts: Path
) -> None:
    folder = published_folder(tmp_path)
    datasets.fetch(str(folder), name="mine")
    datasets.split("mine", valid=0.25)
    held = datasets.split_files("mine", "valid")[0]
    for path in (held, folder / "train" / held.name):
        path.unlink()
    assert datasets.fetch(str(folder), name="mine").splits == (("train", 15), ("test", 4))
    assert not (artifacts / "data" / "mine" / "splits" / "valid.txt").exists()
    train, valid = train_and_valid("mine")
    assert not {*train} & {*valid} and len(train) + len(valid) == 15


def test_a_published_split_takes_in_what_was_added_to_it(tmp_path: Path, artifacts: Path) -> None:
    folder = published_folder(tmp_path)
    datasets.fetch(str(folder), name="mine")
    (folder / "train" / "new.png").write_bytes(png_bytes(picture(99)))
    assert datasets.fetch(str(folder), name="mine").splits == (("train", 17), ("test", 4))


def test_a_list_that_the_card_does_not_name_is_not_validated_on(tmp_path: Path, artifacts: Path) -> None:
    datasets.fetch(str(published_folder(tmp_path)), name="mine")
    train = datasets.split_files("mine", "train")
    stray = artifacts / "data" / "mine" / "splits" / "valid.txt"
    stray.write_text("train/gone.png\n" + "".join(f"train/{path.name}\n" for path in train[:3]))
    parts = train_and_valid("mine")
    assert not {*parts[0]} & {*parts[1]} and {*parts[0], *parts[1]} == {*train}


def other_frames(folder: Path) -> Path:
    (folder / "train").mkdir(parents=True)
    for name in ("00.png", "other.png"):
        (folder / "train" / name).write_bytes(png_bytes(picture(77, (20, 20))))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["folder", "zip", "url", "known"])
def test_nothing_is_fetched_into_a_linked_data_set(
    what: str, server: Server, tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = published_folder(tmp_path)
    before = contents(project)
    datasets.link_data_set("gta-plus", project)
    card = datasets.read_data_set_card("gta-plus")
    frames_zip(server.folder / "main.zip")
    source = dataclasses.replace(datasets.SOURCES["gta-plus"], downloads=(datasets.Download(f"{server.url}/main.zip"),))
    monkeypatch.setitem(datasets.SOURCES, "gta-plus", source)
    sources = {"folder": str(other_frames(tmp_path / "other")), "zip": str(server.folder / "main.zip")}
    sources |= {"url": f"{server.url}/main.zip", "known": "gta-plus"}
    with pytest.raises(SynthcompError, match=r"linked to .*frames, where nothing is written; choose another name"):
        datasets.fetch(sources[what], name="gta-plus")
    assert contents(project) == before and datasets.read_data_set_card("gta-plus") == card


def test_nothing_is_written_through_a_link_among_the_images(mine: str, tmp_path: Path, artifacts: Path) -> None:
    frames, outside = tmp_path / "frames", tmp_path / "outside"
    other_frames(outside)
    before = contents(outside)
    image = artifacts / "data" / mine / "images" / "03.png"
    image.unlink()
    image.symlink_to(outside / "train" / "00.png")
    datasets.fetch(str(frames), name=mine)
    assert np.array_equal(read_image(image).image, picture(3)) and not image.is_symlink()
    (image.parent / "train").symlink_to(outside / "train")
    with pytest.raises(SynthcompError, match="where nothing is written"):
        datasets.fetch(str(frames), name=mine)
    assert contents(outside) == before


def test_a_folder_of_images_linked_into_the_data_folder_does_not_become_a_data_set(
    tmp_path: Path, artifacts: Path
) -> None:
    own, frames = other_frames(tmp_path / "own"), published_folder(tmp_path)
    before = contents(own)
    (artifacts / "data").mkdir(parents=True)
    (artifacts / "data" / "own").symlink_to(own)
    with pytest.raises(SynthcompError, match="where nothing is written"):
        datasets.fetch(str(frames), name="own")
    with pytest.raises(SynthcompError, match="where nothing is written"):
        datasets.link_data_set("own", frames)
    assert contents(own) == before and not list(own.glob("images"))
    # A whole data set, however, may have been moved to another disk.
    datasets.fetch(str(frames), name="mine")
    (artifacts / "data" / "mine").rename(tmp_path / "disk")
    (artifacts / "data" / "mine").symlink_to(tmp_path / "disk")
    assert datasets.fetch(str(frames), name="mine").images == 20
    # And a large disk may have been prepared for one.
    (tmp_path / "large").mkdir()
    (artifacts / "data" / "prepared").symlink_to(tmp_path / "large")
    assert datasets.fetch(str(frames), name="prepared").images == 20


def test_a_linked_folder_of_a_published_name_is_no_published_data_set(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_folder(tmp_path).rename(tmp_path / "clic2020")
    monkeypatch.chdir(tmp_path)
    card = datasets.link_data_set("clic2020", Path("clic2020"))
    assert (card.source, card.licence) == ("clic2020", "not stated") and card.place


def test_names_with_what_some_take_for_line_breaks_stand_in_splits(tmp_path: Path, artifacts: Path) -> None:
    for part in ("train", "test"):
        for name in ("a\u2028b.png", "c\x85d.png", "e\x0cf.png"):
            path = tmp_path / "frames" / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(picture(1)))
    datasets.fetch(str(tmp_path / "frames"), name="mine")
    assert [len(datasets.split_files("mine", part)) for part in ("train", "test")] == [3, 3]
    listed = datasets.split_path("mine", "train")
    listed.write_bytes(listed.read_bytes().replace(b"\n", b"\r\n"))  # As some editors write it.
    assert len(datasets.split_files("mine", "train")) == 3
    (tmp_path / "frames" / "train" / "g\nh.png").write_bytes(png_bytes(picture(1)))
    with pytest.raises(SynthcompError, match="has a line break in its name") as caught:
        datasets.fetch(str(tmp_path / "frames"), name="mine")
    assert "\n" not in str(caught.value)


def test_two_sources_are_not_mixed_under_one_name(mine: str, server: Server, tmp_path: Path, artifacts: Path) -> None:
    frames_zip(server.folder / "frames")  # Called as the folder is.
    images, card = contents(artifacts / "data" / mine / "images"), datasets.read_data_set_card(mine)
    others = [other_frames(tmp_path / "other"), other_frames(tmp_path / "moved" / "frames")]
    for what, source in (
        (str(others[0]), "from frames"),
        (str(others[1]), "from a folder or zip called frames in another place"),
        (str(server.folder / "frames"), "from a folder or zip called frames in another place"),
        (f"{server.url}/main.zip", "from frames"),
    ):
        with pytest.raises(SynthcompError, match=rf"There is a data set mine already, {source}; choose another name"):
            datasets.fetch(what, name=mine)
    assert contents(artifacts / "data" / mine / "images") == images and datasets.read_data_set_card(mine) == card
    (artifacts / "data" / mine / "images" / "07.png").unlink()
    link = tmp_path / "by another name"
    link.symlink_to(tmp_path)
    assert datasets.fetch(str(link / "frames"), name=mine).images == 20  # The same folder fills in what is missing.
    (tmp_path / "frames").rename(tmp_path / "elsewhere")
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").rename(tmp_path / "project" / "frames")
    assert datasets.fetch(str(tmp_path / "project" / "frames"), name=mine).images == 20  # It was moved.


def test_a_card_of_an_older_version_does_not_say_where_its_source_lay(
    mine: str, tmp_path: Path, artifacts: Path
) -> None:
    path = datasets.card_path(mine)
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "place"}))
    assert datasets.fetch(str(tmp_path / "frames"), name=mine).images == 20
    assert datasets.read_data_set_card(mine).place


def test_a_card_that_could_not_be_read_back_is_refused_before_anything_is_copied(
    tmp_path: Path, artifacts: Path
) -> None:
    with pytest.raises(SynthcompError, match="card of mine could not be read back"):
        datasets.fetch(str(published_folder(tmp_path)), name="mine", licence="a" * 2001)
    assert not list(artifacts.rglob("*.png"))
