"""A project such as the thesis's, adopted by one command: its data, weights, renderings, samples and table by name."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.folder_plan import folder_plan
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.runner import carry_out_plan
from synthcomp_core.batch.tasks import plan_tasks
from synthcomp_core.cli import app
from synthcomp_core.codecs import FAMILIES
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image
from synthcomp_core.library import datasets
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.findings import Kind
from synthcomp_core.library.project_scan import scan_project
from synthcomp_core.library.renderings import find_renderings, list_renderings
from synthcomp_core.library.sharing import share_weights
from synthcomp_core.library.snapshots import find_snapshot, load_snapshot, save_snapshot, snapshot_path
from synthcomp_core.library.sources import image_sources, source_images
from synthcomp_core.metrics import psnr
from synthcomp_core.results.curves import rd_curves
from synthcomp_core.results.formats import reference_files
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import read_results, rows_table, without_rate
from synthcomp_core.training.data_parts import train_and_valid
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.ui.widgets.variant_fields import family_options, points_of
from synthcomp_core.upscalers.fsr_benchmark import evaluate_samples
from synthcomp_core.upscalers.fsr_samples import open_samples
from synthcomp_core.variants import Variant, evaluate
from synthcomp_core.variants.adoption import adopt_project, forget_project, sample_sets
from synthcomp_core.variants.candidates import candidates, lossy_families
from synthcomp_core.variants.snapshot_matrix import all_axes, matrix_cells
from tests.batch.conftest import OnTheSpot, on_the_spot
from tests.conftest import PROJECT_ROOT
from tests.thesis_project import FOLDERS, TEST_IMAGES, picture, reference, write_project

__all__ = ["on_the_spot"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "ba-thesis-scripts")


def run(*arguments: str | Path) -> str:
    finished = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert finished.exit_code == 0, finished.output + str(finished.exception)
    return finished.output


def test_one_command_adopts_a_thesis_shaped_project(project: Path, artifacts: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    seen = run("adopt", project, "--dry-run")
    assert "gta-plus" in seen and "mbt2018_q4_mse_500ep" in seen and not artifacts.exists()
    said = run("adopt", project)
    assert "data set gta-plus, 27 images, 2 subfolders walked" in said
    assert "snapshot mbt2018-q4-mse-own" in said and "left out" in said
    assert dict(datasets.read_data_set_card("gta-plus").splits) == {"train": 25, "test": 2}
    assert find_snapshot("mbt2018-q4-mse-own").quality == 4
    assert [rendered.id for rendered in list_renderings()] == [f"files:{name}" for name in sorted(FOLDERS)]
    assert list(sample_sets()) == ["fsr-samples"]
    assert [path.name for path in reference_files()] == ["compression_sr_results.csv"]
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before, "the project stays as it is"
    assert f"files:{FOLDERS[0]}" in run("list")
    assert "available already" in run("adopt", project)
    assert "removed" in run("adopt", project, "--forget")
    left = [
        path for path in artifacts.rglob("*") if path.is_symlink() or (path.is_file() and path.name != "adopted.json")
    ]
    assert left == [] and (project / "results" / FOLDERS[0] / "g0173.png").is_file()


def test_the_data_set_is_a_source_of_images_by_name_and_by_split(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    assert image_sources() == ["samples", "gta-plus", "gta-plus/train", "gta-plus/test"]
    found = source_images("gta-plus/test")
    assert list(found) == ["g0173.png", "g0174.png"]
    np.testing.assert_array_equal(read_image(found["g0173.png"]).image, reference("g0173"))
    assert len(source_images("gta-plus")) == 27
    with pytest.raises(SynthcompError, match=r"no source of images '\.\./x'"):
        source_images("../x")


def test_renderings_are_measured_against_their_references_and_cut_to_size(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    variant = Variant.parse(f"files:{FOLDERS[0]}")
    evaluation = evaluate(
        reference("g0173"), variant, dataset="gta-plus", image_name="g0173.png", metrics=("psnr_rgb", "flip")
    )
    row = evaluation.row
    assert row.psnr_rgb == psnr(reference("g0173"), reference("g0173") + 5) == pytest.approx(34.15, abs=0.01)
    assert (row.codec, row.quality, row.distortion, row.trained_on, row.scale) == ("mbt2018", 4, "mse", "files", None)
    assert row.bpp == pytest.approx(0.2, abs=0.01) and row.encode_s is None
    upscaled = evaluate(
        reference("g0174"), Variant.parse(f"files:{FOLDERS[2]}"), dataset="d", image_name="g0174.png", metrics=()
    ).row
    assert (upscaled.scale, upscaled.upscaler, upscaled.bpp) == (2.0, "rcan", None)
    image = source_images("gta-plus/test")["g0173.png"]
    call = ["render", str(image), "out.png", "--variant", str(variant), "--bitstream", str(artifacts / "b")]
    refused = CliRunner().invoke(app, call)
    assert "was made elsewhere and has no bitstream to write" in str(refused.exception)
    with pytest.raises(SynthcompError, match="none of c0001"):
        evaluate(picture(1), variant, dataset="d", image_name="c0001.png")
    with pytest.raises(SynthcompError, match="no renderings 'files:other'; available: files:mbt2018_q4_mse_fullres"):
        evaluate(picture(1), Variant.parse("files:other"), dataset="d", image_name="g0173.png")


def test_the_matrix_is_made_of_renderings_alone_with_and_without_super_resolution(
    project: Path, artifacts: Path
) -> None:
    shutil.rmtree(project / "models")
    adopt_project(project)
    axes = dataclasses.replace(all_axes("mbt2018"), scalings=("full", "x2-rcan"))
    assert (axes.qualities, axes.distortions, axes.trained_on) == ((4,), ("mse", "msssim"), ("files",))
    cells = {(cell.scaling, cell.distortion): str(cell.variant) for cell in matrix_cells(axes)}
    assert cells == {
        ("full", "mse"): f"files:{FOLDERS[0]}",
        ("full", "msssim"): f"files:{FOLDERS[1]}",
        ("x2-rcan", "mse"): f"files:{FOLDERS[2]}",
        ("x2-rcan", "msssim"): "None",
    }


def test_nothing_is_encoded_with_renderings_that_were_adopted_without_their_model(
    project: Path, artifacts: Path
) -> None:
    shutil.rmtree(project / "models")
    adopt_project(project)
    families = [name for name, family in FAMILIES.items() if family.qualities is not None]
    assert lossy_families() == families
    assert len(candidates(Target("bytes", 1000), scales=(1,))) == len(families)
    assert "mbt2018" not in family_options() and points_of("mbt2018") == []


def test_the_thesis_s_figure_is_drawn_from_renderings_without_weights(
    project: Path, artifacts: Path, tmp_path: Path
) -> None:
    shutil.rmtree(project / "models")
    adopt_project(project)
    image = source_images("gta-plus/test")["g0173.png"]
    out = tmp_path / "figure.png"
    run(
        "figure",
        image,
        out,
        "--crop",
        "4,4,40,32",
        "--scalings",
        "full,x2-rcan",
        "--trained-on",
        "files",
        "--dpi",
        "72",
    )
    assert read_image(out).image.shape[1] > 100


def test_a_run_measures_renderings_beside_codecs(
    project: Path, artifacts: Path, tmp_path: Path, on_the_spot: OnTheSpot
) -> None:
    adopt_project(project)
    path = tmp_path / "plan.toml"
    path.write_text(
        f'variants = ["jpeg-q50", "files:{FOLDERS[0]}", "files:{FOLDERS[1]}"]\nmetrics = ["psnr_rgb"]\nkeep = "none"\n'
        '[[datasets]]\ndataset = "gta-plus"\nsplit = "test"\n'
    )
    tasks = plan_tasks(read_run_plan(path), artifacts / "runs" / "plan")
    hashes = [task.made_with for task in tasks if str(task.variant).startswith("files:")]
    assert len(hashes) == len(set(hashes)) == 4 and all(made[0].startswith("rendering:") for made in hashes)
    outcome = carry_out_plan(read_run_plan(path), Workers(count=1))
    table = read_results(outcome.results)
    assert len(table) == 6 and table["error"].isna().all()
    assert without_rate(table, "psnr_rgb") == without_rate(table) == [f"files:{FOLDERS[1]}"]
    assert without_rate(table, "flip") == []
    assert [curve.name for curve in rd_curves(table, "psnr_rgb")] == ["jpeg", "files:mbt2018_mse_fullres"]


def test_rates_that_come_later_or_change_reach_a_run_and_an_open_app(
    project: Path, artifacts: Path, tmp_path: Path, on_the_spot: OnTheSpot
) -> None:
    adopt_project(project)
    path = tmp_path / "plan.toml"
    path.write_text(
        f'variants = ["files:{FOLDERS[1]}"]\nmetrics = ["psnr_rgb"]\nkeep = "none"\n'
        '[[datasets]]\ndataset = "gta-plus"\nsplit = "test"\n'
    )

    def sizes() -> list[int]:
        table = read_results(carry_out_plan(read_run_plan(path), Workers(count=1)).results)
        assert table["error"].isna().all()
        return list(table["num_bytes"].dropna())

    assert sizes() == []
    bitstreams = find_renderings(f"files:{FOLDERS[1]}").folder / "bitstreams"
    bitstreams.mkdir()
    for size in (300, 500):  # The second time they are overwritten in place, which leaves the folder's time as it was.
        for stem in TEST_IMAGES:
            (bitstreams / f"{stem}.bin").write_bytes(b"x" * size)
        assert sizes() == [size] * len(TEST_IMAGES)


def test_the_thesis_s_training_never_sees_a_test_image(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    for split in (None, 0.2):
        if split is not None:
            card = datasets.split("gta-plus", valid=split, test=0.5)
            assert dict(card.splits) == {"train": 20, "valid": 5, "test": 2}, "the published test set stays"
        train, valid = train_and_valid("gta-plus")
        names = {path.stem for path in (*train, *valid)}
        assert len(names) == len(train) + len(valid) == 25 and not names & set(TEST_IMAGES)
        assert valid
    shared = datasets.split("gta-plus", valid=0.2, test=0.2, ignore_published=True)
    assert dict(shared.splits)["test"] == 5


def test_the_thesis_s_plan_is_read_and_no_test_image_is_in_it(tmp_path: Path, artifacts: Path) -> None:
    for part, count in (("train", 21), ("test", 3)):
        for number in range(count):
            path = tmp_path / "gtaplus-dataset" / part / f"{part}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(np.full((200, 200, 3), number, np.uint8)))
    adopt_project(tmp_path)
    text = (PROJECT_ROOT / "artifacts" / "plans" / "thesis.toml").read_text()
    text = text.replace('dataset = "clic2020"', 'dataset = "gta-plus"').replace("patch = 512", "patch = 192")
    (artifacts / "thesis.toml").write_text(text)
    plan = read_training_plan(artifacts / "thesis.toml")
    for name in plan.data:
        train, valid = plan.split(name)
        assert (len(train), len(valid)) == (20, 1)
        assert not any("test" in path.name for path in (*train, *valid))


def test_a_folder_with_nothing_known_and_one_that_is_absent_are_sentences(tmp_path: Path, artifacts: Path) -> None:
    with pytest.raises(SynthcompError, match="holds nothing that can be adopted"):
        adopt_project(tmp_path)
    with pytest.raises(SynthcompError, match="There is no folder"):
        adopt_project(tmp_path / "absent")
    with pytest.raises(SynthcompError, match="was not adopted; adopted folders: none"):
        forget_project(tmp_path)


def test_folders_are_linked_and_environments_passed_over(project: Path, artifacts: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(project / "gtaplus-dataset.zip") as opened:
        opened.extractall(project)
    (project / "gtaplus-dataset.zip").unlink()
    (project / "node_modules" / "x").mkdir(parents=True)
    (project / "node_modules" / "x" / "w.pt").write_bytes(bytes(1000))
    kinds = [finding.kind for finding in scan_project(project)]
    assert kinds.count(Kind.DATA_SET) == 1 and kinds.count(Kind.CHECKPOINT) == 2
    adopt_project(project)
    link = artifacts / "data" / "gta-plus" / "images"
    assert link.is_symlink() and link.resolve() == (project / "gtaplus-dataset").resolve()
    assert forget_project(project) > 5 and (project / "gtaplus-dataset" / "test" / "g0173.png").is_file()


def test_forgetting_can_be_tried_before_it_is_done(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    before = set(artifacts.rglob("*"))
    said = run("adopt", project, "--forget", "--dry-run")
    assert "snapshots/mbt2018-q4-mse-own.safetensors" in said and "data/gta-plus" in said
    assert set(artifacts.rglob("*")) == before
    count = len(said.strip().splitlines()) - 1
    assert f"{count} links and files of {project} would be removed" in said
    assert f"{count} links and files of {project} removed" in run("adopt", project, "--forget")


def test_another_model_of_an_id_that_is_taken_is_not_called_installed(project: Path, artifacts: Path) -> None:
    """Another run of the same training, and the same file once more under another name."""
    first = project / "models" / "mbt2018_q4_mse_500ep.pth.tar"
    content = torch.load(first, weights_only=False)
    shutil.copy(first, project / "models" / "mbt2018_q4_mse_copy.pth.tar")
    content["state_dict"]["g_a.0.weight"] = content["state_dict"]["g_a.0.weight"] + 1
    other = project / "models" / "mbt2018_q4_mse_more ep.pth.tar"
    torch.save(content, other)
    for _ in range(2):
        outcomes = {one.finding.name: one for one in adopt_project(project)}
        held = outcomes[other.name]
        assert held.is_left_out
        assert (
            "another model is installed as mbt2018-q4-mse-own; import this one under an id of its own" in held.outcome
        )
        assert f"`snapshot import '{other}' --id mbt2018-q4-mse-own-2`" in held.outcome
        said = [one.outcome for name, one in outcomes.items() if name in (first.name, "mbt2018_q4_mse_copy.pth.tar")]
        assert "snapshot mbt2018-q4-mse-own, installed already" in said
    assert outcomes[first.name].outcome == "snapshot mbt2018-q4-mse-own, installed already"
    run("snapshot", "import", other, "--id", "mbt2018-q4-mse-own-2")
    assert find_snapshot("mbt2018-q4-mse-own-2").sha256 != find_snapshot("mbt2018-q4-mse-own").sha256


def test_forgetting_weights_makes_those_whole_that_borrow_from_them(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    card, tensors = load_snapshot("mbt2018-q4-mse-own")
    save_snapshot(dataclasses.replace(card, id="finer"), tensors)
    share_weights("finer", ["mbt2018-q4-mse-own"])
    forget_project(project)
    assert not snapshot_path("mbt2018-q4-mse-own").exists()
    assert load_snapshot("finer")[0].sha256 == card.sha256


def test_a_registry_that_was_edited_removes_nothing_outside(project: Path, artifacts: Path, tmp_path: Path) -> None:
    adopt_project(project)
    keep = tmp_path / "keep.txt"
    keep.write_text("mine")
    registry = artifacts / "adopted.json"
    content = json.loads(registry.read_text())
    content[str(project.resolve())] += ["../keep.txt", str(keep)]
    registry.write_text(json.dumps(content))
    forget_project(project)
    assert keep.read_text() == "mine"


def test_a_registry_that_was_edited_removes_no_folder_as_a_whole(project: Path, artifacts: Path) -> None:
    adopt_project(project)
    registry = artifacts / "adopted.json"
    names = [".", "./", "data", "data/", "data/.", "snapshots", "data/gta-plus/..", "", "a" * 5000, "data/" + "a" * 300]
    registry.write_text(json.dumps({str(project.resolve()): names}))
    assert forget_project(project) == 0
    assert datasets.has_data_set("gta-plus") and find_snapshot("mbt2018-q4-mse-own")


@pytest.mark.parametrize(
    "text", ["[]", "5", "null", '{"/x": 5}', '{"/x": [5]}', '{"/x": {"a": 1}}', "{", "[" * 100_000, "\xff", ""]
)
def test_a_registry_of_other_types_is_a_sentence(text: str, artifacts: Path) -> None:
    artifacts.mkdir(parents=True)
    (artifacts / "adopted.json").write_text(text, encoding="latin-1")
    with pytest.raises(SynthcompError, match=r"adopted\.json does not say what was adopted \(.+\); remove it"):
        forget_project(Path("/x"))


def test_links_to_nowhere_pipes_and_devices_in_a_project_are_passed_over(project: Path) -> None:
    before = [finding.path for finding in scan_project(project)]
    for suffix in (".pt", ".zip", ".csv", ".toml"):
        (project / f"nowhere{suffix}").symlink_to("absent")
        (project / f"loop{suffix}").symlink_to(f"loop{suffix}")
        (project / f"device{suffix}").symlink_to("/dev/zero")
        os.mkfifo(project / f"pipe{suffix}")
    assert [finding.path for finding in scan_project(project)] == before


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 5000])
def test_a_folder_whose_name_no_system_can_hold_is_a_sentence(name: str, tmp_path: Path) -> None:
    for look in (scan_project, adopt_project, open_samples):
        with pytest.raises(SynthcompError, match=r"There is no folder a[a/]a"):
            look(Path(name))
    others = (
        lambda: source_images(name),
        lambda: evaluate_samples(Path(name)),
        lambda: datasets.fetch(name, name="mine"),
        lambda: read_checkpoint(Path(name)),
        lambda: folder_plan(Path(name), ["jpeg-q50"], purpose="x", metrics=[], keep="none"),
    )
    for other in others:
        with pytest.raises(SynthcompError):
            other()
    path = tmp_path / "plan.toml"
    path.write_text(f'variants = ["jpeg-q50"]\n[[datasets]]\nfolder = "{name}"\n')
    with pytest.raises(SynthcompError, match="no such folder") as caught:
        read_run_plan(path)
    assert len(str(caught.value)) < 1000


def test_a_zip_inside_an_archive_is_unpacked(project: Path, artifacts: Path, tmp_path: Path) -> None:
    archive = tmp_path / "main.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(project / "gtaplus-dataset.zip", "ba-thesis-scripts-main/gtaplus-dataset.zip")
    card = datasets.fetch(str(archive), name="archive")
    assert dict(card.splits) == {"train": 25, "test": 2}


def test_rows_of_renderings_without_a_name_of_the_thesis_are_one_curve(artifacts: Path) -> None:
    rows = [ResultRow("d", "a.png", variant="files:mine", codec="files:mine", bpp=0.5, psnr_rgb=30.0)]
    (curve,) = rd_curves(rows_table(rows), "psnr_rgb")
    assert curve.name == "files:mine"


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return content.getvalue()


def flat_images(*names: str) -> dict[str, bytes]:
    return {name: png_bytes(np.full((8, 8, 3), 50, np.uint8)) for name in names}


def test_a_repository_s_archive_gives_its_data_set_and_samples_and_names_the_rest(
    tmp_path: Path, artifacts: Path
) -> None:
    data = zipped(flat_images(*(f"gtaplus-dataset/{part}.png" for part in ("train/a", "train/b", "test/c"))))
    samples = flat_images("repo-main/fsr-samples/1-native.png", "repo-main/fsr-samples/1-q2.png")
    renderings = flat_images("repo-main/results/mbt2018_q4_mse_fullres/c.png")
    rest = {"repo-main/table.csv": b"a;b\n", "repo-main/models/mbt2018_q4_mse.pth.tar": b"x" * 999, "readme.md": b""}
    project = tmp_path / "project"
    project.mkdir()
    (project / "repo-main.zip").write_bytes(
        zipped({"repo-main/gtaplus-dataset.zip": data, **samples, **renderings, **rest})
    )
    (project / "torn.zip").write_bytes(data[:-40])
    left = "1 folder of renderings, 1 checkpoint, 1 table; unpack it, and adopt again, for the rest"
    for said in (run("adopt", project, "--dry-run"), run("adopt", project)):
        assert "train 2, test 1, in a zip" in said and left in said and "torn.zip is not a whole zip file" in said
    assert dict(datasets.read_data_set_card("gta-plus").splits) == {"train": 2, "test": 1}
    assert list(source_images("gta-plus/test")) == ["c.png"] and len(source_images("gta-plus")) == 3
    assert list(sample_sets()) == ["fsr-samples"]
    assert open_samples(sample_sets()["fsr-samples"]).kinds == ("q2",)
    assert forget_project(project) == 2


def test_folders_of_other_names_are_renderings_by_the_names_of_their_images(project: Path, artifacts: Path) -> None:
    shutil.rmtree(project / "models")
    for name, images in (("my codec", ("g0173", "g0174_x2_SR")), ("holiday", ("g0173", "beach"))):
        for stem in images:
            path = project / "out" / name / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(reference(stem[:5] if stem[0] == "g" else "g0") + 3))
    (project / "out" / "my codec" / "sizes.csv").write_text("Image;Size [bytes]\ng0173.png;1000\n")
    said = run("adopt", project)
    assert "out/my codec (2 images, named as those of gta-plus): renderings files:my-codec, rates of 1 of 2" in said
    assert "holiday" not in said
    row = evaluate(reference("g0174"), Variant.parse("files:my-codec"), dataset="d", image_name="g0174.png").row
    assert row.psnr_rgb == pytest.approx(psnr(reference("g0174"), reference("g0174") + 3))
    assert "files:holiday, without rates" in run("adopt", project / "out" / "holiday"), "named by itself, it is taken"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("name,bpp\ng0173.png,0.5\ng0174.png,0.25\n", "rates from rates.csv"),
        ("Image;BPP\ng0173;0,5\ng0174_x2_SR.png;0,25\n", "rates from rates.csv"),
        ("file\tFile size\ng0173.png\t1000\ng0174.png\t-1\n", "rates of 1 of 2 images from rates.csv"),
        ("filename,bytes\ng0173.png,inf\ng0174.png,nan\n", "without rates, so they stay out"),
        ("a,b\n1,2\n", "without rates, so they stay out"),
        ("", "without rates, so they stay out"),
    ],
)
def test_rates_are_read_from_tables_as_people_write_them_and_their_number_is_said(
    table: str, said: str, project: Path, artifacts: Path
) -> None:
    shutil.rmtree(project / "models")
    (project / "results" / FOLDERS[0] / "rates.csv").write_text(table)
    outcomes = {one.finding.name: one.outcome for one in adopt_project(project)}
    assert outcomes[FOLDERS[0]].startswith(f"renderings files:{FOLDERS[0]}, {said}")
    variant = Variant.parse(f"files:{FOLDERS[0]}")
    rates = [
        evaluate(reference(stem), variant, dataset="d", image_name=f"{stem}.png", metrics=()).row.bpp
        for stem in TEST_IMAGES
    ]
    expected = {0.5: [0.5, 0.25], 1000: [8000 / (70 * 50), None]}
    known = 0.5 if "0.5" in table or "0,5" in table else 1000 if "1000" in table else None
    assert rates == (pytest.approx(expected[known], rel=0.01) if known == 0.5 else expected.get(known, [None, None]))


def test_variants_whose_rate_is_known_of_some_images_only_are_counted_and_not_averaged(
    project: Path, artifacts: Path, tmp_path: Path, on_the_spot: OnTheSpot
) -> None:
    shutil.rmtree(project / "models")
    (project / "results" / FOLDERS[0] / "rates.csv").write_text("name,bpp\ng0173.png,0.5\n")
    adopt_project(project)
    some, none = (f"files:{name}" for name in FOLDERS[:2])
    table = tmp_path / "table.csv"
    chosen = ["--variants", some, "--variants", none, "--variants", "jpeg-q50", "--metric", "psnr_rgb"]
    means = " ".join(run("evaluate", "gta-plus/test", *chosen, "--out", table).split())
    assert f"{some} 2 0.5006 (1 of 2)" in means and f"{none} 2 – " in means and "nan" not in means
    assert sorted(without_rate(read_results(table))) == [f"{some} (1 of 2 images)", none]
    said = run("results", "export", table, tmp_path / "means.csv", "--dataset", "test")
    assert f"{some} (1 of 2 images)" in said and "whose bpp is left empty" in said
    rows = {line.split(";")[0]: line.split(";")[4] for line in (tmp_path / "means.csv").read_text().splitlines()}
    assert rows["mbt2018"] == "" and float(rows["jpeg"]) > 0


def test_a_project_whose_path_cannot_be_noted_is_refused_and_hides_no_other(tmp_path: Path, artifacts: Path) -> None:
    for name in ("project", os.fsdecode(b"proj\xff")):
        for part in ("train", "test"):
            (tmp_path / name / "frames" / part).mkdir(parents=True)
            (tmp_path / name / "frames" / part / "0.png").write_bytes(png_bytes(picture(1)))
    adopt_project(tmp_path / "project")
    with pytest.raises(SynthcompError, match="is not UTF-8, so that it cannot be noted; rename that folder"):
        adopt_project(tmp_path / os.fsdecode(b"proj\xff"))
    assert forget_project(tmp_path / "project") == 1


def test_forgetting_keeps_what_was_put_in_the_place_of_what_was_adopted(
    project: Path, artifacts: Path, tmp_path: Path
) -> None:
    run("adopt", project)
    checkpoint = next(project.rglob("mbt2018_q4_mse_500ep.pth.tar"))
    run("snapshot", "import", checkpoint, "--id", "mbt2018-q4-mse-own", "--replace")
    shutil.rmtree(artifacts / "data" / "gta-plus")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.png").write_bytes(png_bytes(picture(1)))
    run("data", "fetch", tmp_path / "own", "--name", "gta-plus")
    card = datasets.read_data_set_card("gta-plus")
    path = datasets.card_path("gta-plus")
    address = dataclasses.replace(card, source="https://example.org/main.zip")  # As that of the published one.
    path.write_text(json.dumps(dataclasses.asdict(address)))
    said = run("adopt", project, "--dry-run", "--forget")
    assert "would be removed" in said and "gta-plus" not in said and "mbt2018-q4-mse-own" not in said
    run("adopt", project, "--forget")
    assert find_snapshot("mbt2018-q4-mse-own") and datasets.image_paths("gta-plus") == ["a.png"]
    assert not list_renderings()
