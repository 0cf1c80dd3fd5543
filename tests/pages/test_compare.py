"""The Compare page, driven through app.py: what it shows is what the core computes, and nothing is computed twice."""

from __future__ import annotations

import dataclasses
import errno
import json
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.batch.journal import Writer, finished_entry
from synthcomp_core.batch.tasks import RENDER, Task
from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, image_sha256, write_png
from synthcomp_core.library.comparisons import list_comparisons
from synthcomp_core.metrics import DEFAULT_METRICS, flip_error, measure
from synthcomp_core.metrics.tiles import worst_tiles
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.runtime import Precision
from synthcomp_core.storage import file_sha256
from synthcomp_core.ui import render_cache
from synthcomp_core.ui.compare import blind
from synthcomp_core.ui.compare.blind import BlindState
from synthcomp_core.ui.compare.state import CompareState
from synthcomp_core.ui.compare.view import ranking
from synthcomp_core.ui.widgets.compare_link import compare_link
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.variants import Variant, evaluate, render, result_row
from synthcomp_core.variants.evaluation import Evaluation
from synthcomp_core.variants.names import variant_name
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import StuckMetrics, endless, frame, go_back, jobs_of, settled
from tests.tiny_codecs import POINTS, make_codecs

CASTLE = "castle.png"


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The variants that the pages have rendered so far; the server's cache starts empty."""
    done: list[str] = []

    def counted(image, variant, **options):  # type: ignore[no-untyped-def]
        done.append(str(variant))
        return evaluate(image, variant, **options)

    monkeypatch.setattr(render_cache, "evaluate", counted)
    render_cache.rendered_cache().clear()
    return done


@pytest.fixture
def page(small_artifacts: Path, renders: list[str]) -> AppTest:
    """The Compare page on the small artifacts, not yet run."""
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    return app.switch_page("pages/compare.py")


def compare(app: AppTest, *variants: str, **query: str | list[str]) -> AppTest:
    """Open the page with these other variants and compute them."""
    app.query_params["variant"] = list(variants)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    app.button(key="compute").click()
    settled(app)
    assert not app.exception
    return app


def names(*variants: str) -> list[str]:
    """What the table calls variants: numbered as in the viewer, where the original is the first."""
    return [f"{number}: {variant_name(Variant.parse(text))}" for number, text in enumerate(variants, start=2)]


def strip(app: AppTest) -> dict[str, dict[str, str]]:
    table = app.table[0].value
    return {
        str(index).replace("\\", ""): {str(name).replace("\\", ""): str(text) for name, text in row.items()}
        for index, row in table.iterrows()
    }


def keep(artifacts: Path, variant: Variant, *, metrics: Collection[str] = DEFAULT_METRICS, **fields: Any) -> Path:
    """Write the run "mine" that kept the variant of castle.png, measured by these metrics; the kept file."""
    rendering = render(frame(1), variant)
    row = result_row(
        rendering, measure(frame(1), rendering.image, metrics=metrics), dataset="samples", image_name=CASTLE
    )
    run = artifacts / "runs" / "mine"
    kept = run / "renderings" / "samples" / str(variant) / CASTLE
    write_png(rendering.image, kept)
    reference = artifacts / "samples" / CASTLE
    task = Task(RENDER, "samples", reference, file_sha256(reference), variant, (), (), Precision.AUTO, 10**7, kept)
    writer = Writer(run, [task.slot])
    writer.add(finished_entry(task, dataclasses.replace(row, **fields), 1.0))
    writer.close()
    return kept


def test_without_snapshots_the_page_compares_named_variants(page: AppTest, renders: list[str]) -> None:
    compare(page, "jpeg-q30", "webp-q60", "none@x2-bicubic")
    assert sorted(renders) == ["jpeg-q30", "none@x2-bicubic", "webp-q60"]
    shown = strip(page)
    assert list(shown) == names("jpeg-q30", "webp-q60", "none@x2-bicubic")
    codec = parse_codec("webp-q60")
    metrics = measure(frame(1), codec.decode(codec.encode(frame(1))))
    assert f"{metrics.psnr_rgb:.2f}" in shown["3: WebP, quality 60"]["PSNR RGB [dB]"]
    assert f"{metrics.flip:.4f}" in shown["3: WebP, quality 60"]["FLIP"]
    assert page.button(key="compute").disabled


def test_reruns_picks_and_jumps_compute_nothing_again(page: AppTest, renders: list[str]) -> None:
    compare(page, "jpeg-q30", "webp-q60")
    assert len(renders) == 2
    page.button(key="worst_1").click().run()
    page.button(key="worst_2").click().run()
    page.query_params["view"] = "grid~original~p1~8~0.5~0.5"
    page.run()
    page.multiselect(key="variant").set_value(["webp-q60"]).run()
    page.multiselect(key="variant").set_value(["webp-q60", "jpeg-q30"]).run()
    assert list(strip(page)) == names("webp-q60", "jpeg-q30")
    assert len(renders) == 2
    page.selectbox(key="image_choice").set_value("forest.png").run()
    assert not page.table
    page.selectbox(key="image_choice").set_value("castle.png").run()
    assert list(strip(page)) == names("webp-q60", "jpeg-q30")
    assert len(renders) == 2


def test_a_worst_tile_s_button_moves_the_viewer_to_where_flip_is_worst(page: AppTest) -> None:
    compare(page, "jpeg-q5", "webp-q90")
    codec = parse_codec("jpeg-q5")
    other = parse_codec("webp-q90")
    maps = [flip_error(frame(1), each.decode(each.encode(frame(1)))) for each in (codec, other)]
    tile = worst_tiles(maps)[0]
    button = page.button(key="worst_1")
    assert button.label == f"1: FLIP {tile.error:.3f}"
    button.click().run()
    state: CompareState = page.session_state[state_key(CompareState)]
    view = state.view
    assert view is not None
    assert (view.left, view.right) == ("original", "p1")
    assert view.zoom >= 4
    assert (view.x * 200, view.y * 176) == pytest.approx(tile.centre, abs=0.01)
    assert sent(page) == (str(view), 1)
    # The same tile once more is the same view, and yet moves the viewer.
    page.button(key="worst_1").click().run()
    assert sent(page) == (str(view), 2)
    page.run()
    assert sent(page) == (str(view), 2)


def sent(app: AppTest) -> tuple[str, int]:
    """The view that the viewer is sent, and the number of the jump."""
    elements = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    viewer = next(data for data in elements if "pictures" in data)
    return viewer["state"], viewer["jump"]


def test_the_iso_lock_matches_bytes_or_says_why_not(page: AppTest, renders: list[str]) -> None:
    compare(page, "webp-q60", classical=["jpeg", "jpeg2000"], hold="bytes")
    target = len(parse_codec("webp-q60").encode(frame(1)))
    captions = [caption.value.replace("\\", "") for caption in page.caption]
    for family in ("jpeg", "jpeg2000"):
        label = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000"}[family]
        name = next(name for name in strip(page) if f": {label}, quality" in name)
        num_bytes = int(strip(page)[name]["bytes"].strip("* ◀").replace(",", ""))
        within = abs(num_bytes - target) <= 0.02 * target
        assert any(f"{family}-q" in text and "holds size" in text for text in captions) == within
        assert any(text.startswith(f"{label}'s qualities are too coarse") for text in captions) == (not within)
    count = len(renders)
    page.run()
    assert len(renders) == count


def test_a_size_that_is_not_known_cannot_be_held(page: AppTest, small_artifacts: Path) -> None:
    write_png(frame(2), small_artifacts / "renderings" / "dlss" / CASTLE)
    compare(page, "files:dlss", classical=["jpeg"], hold="bytes")
    settled(page)
    said = [error.value.replace("\\", "") for error in page.error]
    assert said == ["The size of files:dlss is not known; hold another quantity."]


def test_a_metric_out_of_reach_is_one_sentence(page: AppTest) -> None:
    compare(page, "png", classical=["jpeg"], hold="psnr_rgb")
    texts = [caption.value.replace("\\", "") for caption in page.caption]
    assert any(text.startswith("JPEG cannot reach PSNR inf dB on this image") for text in texts)


def test_the_matrix_shows_every_point_at_hand_and_counts_the_others(page: AppTest, renders: list[str]) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games", "mbt2018-q6-mse-games"))
    page.query_params["quality"] = ["4", "6"]
    page.query_params["scaling"] = ["full", "x2-bicubic"]
    page.run()
    assert page.button(key="compute").label == "Compute 6 missing"
    assert any("2 of the 8 points of the matrix have no snapshot" in caption.value for caption in page.caption)
    page.multiselect(key="scaling").set_value(["full"]).run()
    assert any("1 of the 4 points of the matrix has no snapshot" in caption.value for caption in page.caption)
    page.multiselect(key="scaling").set_value(["full", "x2-bicubic"]).run()
    page.button(key="compute").click()
    settled(page)
    assert not page.exception and not page.error
    points = [
        f"{codec}{scaling}"
        for scaling in ("", "@x2-bicubic")
        for codec in ("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games", "mbt2018-q6-mse-games")
    ]
    assert list(strip(page)) == names(*points)
    assert sorted(renders) == sorted(points)


def test_choices_have_names_and_the_link_their_ids(page: AppTest) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games"))
    page.query_params["scaling"] = ["full", "x2-bicubic"]
    page.run()
    scaling = page.multiselect(key="scaling")
    assert scaling.options[0] == "Full resolution" and "Half resolution + bicubic" in scaling.options
    assert page.query_params["distortion"] == ["mse", "msssim"]
    assert page.selectbox(key="equal_to").options[0] == "mbt2018, quality 4, MSE, games"
    assert page.query_params["equal_to"] == "mbt2018-q4-mse-games"
    scaling.set_value(["x2-bicubic"]).run()
    assert page.query_params["scaling"] == "x2-bicubic"
    scaling.set_value([]).run()
    assert page.query_params["scaling"] == ""  # Opened elsewhere, it is as empty there.
    elsewhere = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    elsewhere.switch_page("pages/compare.py")
    elsewhere.query_params["scaling"] = ""
    elsewhere.run()
    assert elsewhere.multiselect(key="scaling").value == []


def test_unknown_values_in_the_link_are_one_sentence_each(page: AppTest) -> None:
    make_codecs(("mbt2018-q4-mse-games",))
    for key, value in (
        ("quality", "9"),
        ("distortion", "l1"),
        ("trained_on", "cats"),
        ("scaling", "x9-magic"),
        ("variant", "no-such-codec"),
        ("classical", "gif"),
        ("hold", "beauty"),
        ("equal_to", "<b>x</b>"),
    ):
        page.query_params[key] = value
    page.run()
    assert not page.exception
    warnings = [warning.value.replace("\\", "") for warning in page.warning]
    assert len(warnings) == 8
    for value in ("“9”", "l1", "cats", "x9-magic", "no-such-codec", "gif", "beauty", "<b>x</b>"):
        assert sum(value in warning for warning in warnings) == 1, value


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000, "nan", "-inf", "1e999"], ids=lambda value: value[:8])
def test_hostile_numbers_in_the_link_never_fail_the_page(page: AppTest, value: str) -> None:
    keys = ("compare_dpi", "compare_pt", "compare_side", "hold", "model", "view")
    for key in keys:
        page.query_params[key] = value
    page.query_params["compare_crops"] = f"{value},0,9,9 0,0,30,30"
    page.session_state["compare_figure"] = True
    compare(page, "jpeg-q30", f"none@x{value}-bicubic", f"jpeg-q{value}")
    assert list(strip(page)) == names("jpeg-q30")
    assert (page.number_input(key="compare_dpi").value, page.number_input(key="compare_pt").value) == (300, 7)
    page.button(key="compare_draw").click().run()
    assert not page.exception
    assert [error.value.replace("\\", "").partition(" ")[0] for error in page.error] == ["The"]


def test_a_variant_that_fails_leaves_the_others(page: AppTest) -> None:
    compare(page, "webp-q60", "none@x2-rcan")
    assert list(strip(page)) == names("webp-q60")
    assert len(page.error) == 1
    assert "rcan" in page.error[0].value


def test_what_failed_is_named_and_tried_again_by_a_click_and_nothing_else_is(
    page: AppTest, renders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(image: Image, variant: Variant, **options: Any) -> Evaluation:
        if str(variant) == "webp-q61":
            raise SynthcompError("The encoder was out of memory; try again.")
        return evaluate(image, variant, **options)

    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", failing)
        compare(page, "webp-q60", "webp-q61", classical=["jpeg"], equal_to="webp-q61")
        assert len(page.error) == 2  # Of the variant, and of what is matched to it.
        assert page.button(key="compute").label == "Try 2 failed again" and not page.button(key="compute").disabled
    page.multiselect(key="variant").set_value(["webp-q60", "webp-q61", "webp-q62"]).run()
    assert page.button(key="compute").label == "Compute 1 missing and 2 failed"
    page.button(key="again").click()
    settled(page)
    assert not page.exception and not page.error
    assert list(strip(page))[:2] == names("webp-q60", "webp-q61") and len(strip(page)) == 3
    assert "webp-q61" in renders and "webp-q62" not in renders
    assert page.button(key="compute").label == "Compute 1 missing"


def test_another_try_takes_the_matching_that_failed_and_no_other(
    page: AppTest, renders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(image: Image, variant: Variant, **options: Any) -> Evaluation:
        if variant.codec.startswith("jpeg-"):
            raise SynthcompError("The encoder was out of memory; try again.")
        return evaluate(image, variant, **options)

    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", failing)
        compare(page, "webp-q60", classical=["jpeg"], hold="bytes")
        assert len(page.error) == 1
    state: CompareState = page.session_state[state_key(CompareState)]
    elsewhere = ("another image", "none")
    page.session_state[state_key(CompareState)] = dataclasses.replace(
        state, failures={**state.failures, elsewhere: "The image is too large."}
    )
    page.pills(key="classical").set_value(["jpeg", "jpeg2000"]).run()
    assert page.button(key="compute").label == "Compute 1 missing and 1 failed"
    page.button(key="again").click()
    settled(page)
    assert not page.exception and not page.error
    assert page.button(key="compute").label == "Compute 1 missing"
    assert not [one for one in renders if one.startswith("jpeg2000")]
    assert list(page.session_state[state_key(CompareState)].failures) == [elsewhere]


def test_a_link_computes_once_when_it_says_so(page: AppTest, renders: list[str]) -> None:
    page.query_params["variant"] = ["webp-q60"]
    page.query_params["computed"] = "1"
    settled(page)
    assert list(strip(page)) == names("webp-q60")
    page.multiselect(key="variant").set_value(["webp-q60", "webp-q61"]).run()
    assert renders == ["webp-q60"]


def follow(app: AppTest, *variants: str) -> None:
    """Come from Live by a link to Compare that promises results."""
    app.switch_page("pages/live.py")
    app.query_params.clear()
    app.run()
    app.switch_page("pages/compare.py")
    app.query_params.update({"variant": list(variants), "computed": "1"})
    settled(app)
    assert not app.exception


def test_a_link_computes_what_is_missing_beside_what_other_pages_computed(page: AppTest, renders: list[str]) -> None:
    follow(page, "webp-q60")
    elsewhere = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    follow(elsewhere, "webp-q60", "webp-q61")  # The first is in the server's cache.
    assert list(strip(elsewhere)) == names("webp-q60", "webp-q61")
    follow(elsewhere, "webp-q61", "webp-q62")  # A second link in the same session.
    assert list(strip(elsewhere)) == names("webp-q61", "webp-q62")
    assert [one for one in renders if one.startswith("webp-q6")] == ["webp-q60", "webp-q61", "webp-q62"]


def test_a_link_of_another_page_computes_what_it_names_and_nothing_picked_before(
    page: AppTest, renders: list[str]
) -> None:
    make_codecs(POINTS)
    page.query_params.update({"variant": TEN, "shown": ["webp-q19", "webp-q11"], "classical": ["jpeg"]})
    page.run()
    assert page.pills(key="quality").value and page.multiselect(key="shown").value
    page.switch_page("pages/live.py")
    page.query_params.clear()
    settled(page)
    renders.clear()
    page.switch_page("pages/compare.py")
    page.query_params.update({**dict(compare_link([])), "variant": ["webp-q60", "webp-q11"]})
    settled(page)
    assert not page.exception
    assert renders == ["webp-q60", "webp-q11"] and in_viewer(page) == ["WebP, quality 60", "WebP, quality 11"]
    page.multiselect(key="variant").set_value(["webp-q60", *TEN]).run()  # More than the viewer holds.
    assert page.multiselect(key="shown").value == []


def test_what_was_stopped_is_not_started_by_loading_the_address_anew(
    page: AppTest, renders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", endless)
        page.query_params.update({"variant": ["webp-q60"], "computed": "1"})
        page.session_state["blind"] = True
        page.run()
        assert jobs_of(page)
        page.button(key="blind_stop").click()
        settled(page)
    anew = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    anew.switch_page("pages/compare.py")
    for key, value in page.query_params.items():
        anew.query_params[key] = value
    settled(anew)
    assert renders == [] and anew.button(key="compute").label == "Compute 1 missing"


def test_what_was_stopped_is_not_started_by_going_back(
    page: AppTest, renders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", endless)
        page.query_params["variant"] = ["webp-q60"]
        page.session_state["blind"] = True
        page.run()
        page.button(key="compute").click().run()
        assert jobs_of(page)
        page.button(key="blind_stop").click()
        settled(page)
    page.query_params["computed"] = "1"
    with monkeypatch.context() as patch:
        go_back(patch)
        page.run()
    assert "computed" not in page.query_params  # To load the page anew starts nothing either.
    page.query_params["computed"] = "1"
    settled(page)  # Nor do the runs that follow, in which a browser may send what stood in the address.
    assert renders == [] and page.button(key="compute").label == "Compute 1 missing"
    page.button(key="compute").click()
    settled(page)
    assert renders == ["webp-q60"]


def test_the_link_to_a_view_promises_the_results_also_of_cells_clicked_or_cached(page: AppTest) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games"))
    page.query_params["scaling"] = ["full"]
    page.run()
    assert not any("computed=1" in code.value for code in page.code)
    page.button(key="cell_4_mse_games_full").click()
    settled(page)
    assert any("computed=1" in code.value and "view=" in code.value for code in page.code)


def test_pictures_kept_by_a_run_are_shown_without_rendering(
    page: AppTest, renders: list[str], small_artifacts: Path
) -> None:
    keep(small_artifacts, Variant("webp-q33"), encode_s=123.0)
    compare(page, "webp-q33", "webp-q34")
    assert renders == ["webp-q34"]
    assert "123.00" in strip(page)["2: WebP, quality 33"]["encode [s]"]
    assert any("taken from the run mine" in caption.value for caption in page.caption)


def test_a_kept_image_gets_the_metrics_its_run_left_out_and_stays_off_the_server_s_cache(
    page: AppTest, renders: list[str], small_artifacts: Path
) -> None:
    keep(small_artifacts, Variant("webp-q33"), metrics=("psnr_rgb",))
    compare(page, "webp-q33")
    assert renders == []
    expected = measure(frame(1), render(frame(1), Variant("webp-q33")).image)
    assert f"{expected.flip:.4f}" in strip(page)["2: WebP, quality 33"]["FLIP"]
    assert f"{expected.ssimulacra2:.2f}" in strip(page)["2: WebP, quality 33"]["SSIMULACRA2"]
    key = render_cache.rendered_key(image_sha256(frame(1)), Variant("webp-q33"))
    assert render_cache.rendered_cache().get(key) is None, "Live wants its bitstream, too"


def test_a_kept_file_that_is_no_rendering_any_more_is_rendered_anew(
    page: AppTest, renders: list[str], small_artifacts: Path
) -> None:
    kept = keep(small_artifacts, Variant("webp-q33"))
    size = kept.stat().st_size
    kept.write_bytes(b"x" * size)
    compare(page, "webp-q33")
    assert renders == ["webp-q33"] and "2: WebP, quality 33" in strip(page)


def test_what_was_stopped_half_way_is_computed_again_and_matched_then(
    page: AppTest, renders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = StuckMetrics()
    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", stuck)
        page.query_params.update({"variant": ["webp-q60"], "classical": ["jpeg"], "hold": "bytes"})
        page.run()
        page.button(key="compute").click().run()
        assert stuck.has_image.wait(LIMIT_S)
        page.run()
        assert list(strip(page)) == names("webp-q60")
        for job in jobs_of(page):
            job.stop()
        settled(page)
    assert not page.table and not page.button(key="compute").disabled
    page.button(key="compute").click()
    settled(page)
    assert not page.exception and len(strip(page)) == 2
    assert all(row["SSIMULACRA2"] for row in strip(page).values())


def test_more_pictures_than_the_viewer_holds_can_be_chosen_from(page: AppTest) -> None:
    compare(page, *(f"webp-q{quality}" for quality in range(10, 20)))
    assert [name.partition(": ")[2] for name in strip(page)] == [
        f"WebP, quality {quality}" for quality in range(10, 20)
    ]
    page.multiselect(key="shown").set_value(["webp-q19", "webp-q11"]).run()
    assert list(strip(page))[:2] == names("webp-q11", "webp-q19")


def in_viewer(app: AppTest) -> list[str]:
    """What the viewer holds beside the original."""
    elements = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    viewer = next(data for data in elements if "pictures" in data)
    return [picture["label"] for picture in viewer["pictures"][1:]]


TEN = [f"webp-q{quality}" for quality in range(10, 20)]
TWO = ["WebP, quality 11", "WebP, quality 19"]


def test_images_chosen_for_the_viewer_are_in_it_when_the_link_is_opened(page: AppTest) -> None:
    compare(page, *TEN)
    page.multiselect(key="shown").set_value(["webp-q19", "webp-q11"]).run()
    assert in_viewer(page) == TWO
    anew = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    anew.switch_page("pages/compare.py")
    anew.query_params.update({"variant": TEN, "shown": ["webp-q19", "webp-q11"]})
    anew.run()
    assert in_viewer(anew) == TWO
    assert list(strip(anew))[:2] == names("webp-q11", "webp-q19")


def test_images_chosen_for_the_viewer_are_awaited_and_stay_chosen_on_another_image(page: AppTest) -> None:
    page.query_params["shown"] = ["webp-q19", "webp-q11"]
    compare(page, *TEN)
    assert not page.warning and in_viewer(page) == TWO
    page.selectbox(key="image_choice").set_value("forest.png").run()
    assert not page.table
    page.selectbox(key="image_choice").set_value("castle.png").run()
    assert in_viewer(page) == TWO
    page.multiselect(key="variant").set_value([*TEN[:-1], "webp-q20"]).run()  # One of the two is gone.
    assert not page.exception and not page.warning and in_viewer(page) == TWO[:1]


def test_a_matched_codec_chosen_for_the_viewer_is_awaited(page: AppTest) -> None:
    compare(page, *TEN[:8], classical=["jpeg"], hold="bytes")
    (found,) = [name for name in page.multiselect(key="shown").options if name.startswith("jpeg-")]
    render_cache.rendered_cache().clear()
    anew = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    anew.switch_page("pages/compare.py")
    anew.query_params["shown"] = [found, "webp-q11"]
    compare(anew, *TEN[:8], classical=["jpeg"], hold="bytes")
    assert not anew.warning
    assert in_viewer(anew) == ["WebP, quality 11", variant_name(Variant.parse(found))]


def test_everything_can_be_copied(page: AppTest) -> None:
    compare(page, "webp-q60", "jpeg-q30")
    codes = [code.value for code in page.code]
    assert any("variant=webp-q60&variant=jpeg-q30" in code for code in codes)
    assert any("python -m synthcomp_core render" in code and "--variant jpeg-q30" in code for code in codes)
    assert any(code.startswith("dataset,image,") for code in codes)
    assert any(code.startswith("| variant | bytes |") for code in codes)
    assert any("\\begin{table}" in code for code in codes)


def test_the_figure_is_drawn_from_what_is_computed(page: AppTest, renders: list[str]) -> None:
    compare(page, "webp-q60", "jpeg-q30")
    page.session_state["compare_figure"] = True
    page.run()
    page.text_input(key="compare_crops").set_value("10,20,48,48 0,0,30,30")
    page.button(key="compare_draw").click().run()
    assert not page.exception
    assert not page.error
    codes = [code.value for code in page.code]
    command = next(code for code in codes if "synthcomp_core figure" in code)
    assert "--variant webp-q60 --variant jpeg-q30 --crop 10,20,48,48 --crop 0,0,30,30" in command
    assert any("\\includegraphics" in code for code in codes)
    assert len(renders) == 2
    page.text_input(key="compare_crops").set_value("190,0,99,99")
    page.button(key="compare_draw").click().run()
    assert "does not lie in the image" in page.error[0].value.replace("\\", "")


@pytest.mark.parametrize("axis", ["quality", "trained_on", "distortion", "scaling"])
def test_the_figure_has_no_matrix_if_an_axis_is_cleared(page: AppTest, small_artifacts: Path, axis: str) -> None:
    make_codecs(POINTS[:1])
    page.session_state["compare_figure"] = True
    page.run()
    next(box for box in (*page.button_group, *page.multiselect) if box.key == axis).set_value([])
    page.multiselect(key="variant").set_value(["jpeg-q50"]).run()
    page.button(key="compute").click()
    settled(page)
    page.button(key="compare_draw").click().run()
    assert not page.exception and not page.error
    command = next(code.value for code in page.code if "synthcomp_core figure" in code.value)
    assert "--variant jpeg-q50" in command and "--qualities" not in command


def test_ranking_puts_the_better_first_and_the_unmeasured_last() -> None:
    rows = [
        ResultRow("d", "i", variant="a", num_bytes=10, psnr_rgb=30.0, flip=0.2),
        ResultRow("d", "i", variant="b", num_bytes=5, psnr_rgb=float("inf"), flip=0.1),
        ResultRow("d", "i", variant="c", num_bytes=7, psnr_rgb=None, flip=0.3),
    ]
    ranked = dict(ranking(rows))
    assert ranked["bytes"] == ["b: 5", "c: 7", "a: 10"]
    assert ranked["PSNR RGB [dB]"] == ["b: ∞", "a: 30.00", "c: –"]
    assert ranked["FLIP"] == ["b: 0.1000", "a: 0.2000", "c: 0.3000"]


def test_a_blind_test_hides_the_names_until_the_votes_are_counted(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind, "_LEAST_LOOK_S", 0.0)
    compare(page, "jpeg-q30", "webp-q60", "webp-q10")
    page.toggle(key="blind").set_value(True).run()
    assert not page.exception
    shown = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    pictures = next(data for data in shown if "pictures" in data)["pictures"]
    assert [(picture["label"], picture["detail"]) for picture in pictures] == [
        ("Original", ""),
        ("X", ""),
        ("Y", ""),
    ]
    assert not page.table
    pairs = []
    for key in ("vote_left", "vote_none", "vote_right"):
        pair = page.session_state[state_key(BlindState)].pair
        pairs.append(frozenset(pair))
        page.button(key=key).click().run()
        assert not page.exception
    votes = page.session_state[state_key(BlindState)].votes
    assert len(set(pairs)) == 3  # Each of the three pairs once before any comes again.
    assert [vote.preferred for vote in votes] == [votes[0].left, "", votes[2].right]
    assert page.table[0].value.shape[0] == 3
    page.button(key="votes_forget").click().run()
    assert page.session_state[state_key(BlindState)].votes == ()


def test_the_second_click_of_a_double_click_is_no_vote_on_the_next_pair(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind, "_LEAST_LOOK_S", 600.0)
    compare(page, "jpeg-q30", "webp-q60", "webp-q10")
    page.toggle(key="blind").set_value(True).run()
    key = state_key(BlindState)
    shown: BlindState = page.session_state[key]
    page.session_state[key] = dataclasses.replace(shown, shown_at=shown.shown_at - 1000.0)
    page.button(key="vote_left").click().run()
    page.button(key="vote_left").click().run()
    state: BlindState = page.session_state[key]
    assert [(vote.left, vote.right) for vote in state.votes] == [shown.pair]
    assert state.pair is not None and set(state.pair) != set(shown.pair or ())


def test_a_blind_test_shows_no_name_or_number_while_something_is_computed(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def waiting(image: Image, variant: Variant, **options: Any) -> Evaluation:
        assert go_on.wait(LIMIT_S)
        return evaluate(image, variant, **options)

    compare(page, "jpeg-q30", "webp-q60")
    monkeypatch.setattr(render_cache, "evaluate", waiting)
    page.toggle(key="blind").set_value(True)
    page.multiselect(key="variant").set_value(["jpeg-q30", "webp-q60", "webp-q10"]).run()
    page.button(key="compute").click().run()
    assert not page.exception
    elements = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    assert not any("pictures" in data for data in elements) and not page.table
    assert page.get("progress")[0].proto.text.startswith("Computing: 2 of 3 done.")
    assert page.button(key="blind_stop")
    go_on.set()
    settled(page)
    assert not page.exception and page.button(key="vote_left")


def test_a_blind_test_of_one_variant_says_what_it_needs(page: AppTest) -> None:
    compare(page, "jpeg-q30")
    page.toggle(key="blind").set_value(True).run()
    assert not page.exception
    assert any("at least two computed variants" in info.value for info in page.info)


def test_the_ranking_has_a_chart(page: AppTest) -> None:
    compare(page, "jpeg-q30", "webp-q60")
    assert page.get("plotly_chart")


def test_a_comparison_is_saved_under_a_name_and_its_link_opens_it(page: AppTest) -> None:
    compare(page, "jpeg-q30", "none@x2-bicubic", image="forest.png")
    page.text_input(key="comparison_name").set_value("half")
    page.button(key="save_comparison").click().run()
    assert not page.exception and not page.error
    (saved,) = list_comparisons()
    assert ("variant", "jpeg-q30") in saved.pairs and ("image", "forest.png") in saved.pairs
    assert ("computed", "1") in saved.pairs
    opened = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    opened.switch_page("pages/compare.py")
    for key, _ in saved.pairs:
        opened.query_params[key] = [other for name, other in saved.pairs if name == key]
    settled(opened)
    assert list(strip(opened)) == names("jpeg-q30", "none@x2-bicubic")
    opened.button(key="delete_half").click().run()
    assert not opened.exception and list_comparisons() == []


def test_a_comparison_of_a_wrong_name_is_refused_in_one_sentence(page: AppTest) -> None:
    compare(page, "jpeg-q30")
    page.text_input(key="comparison_name").set_value("../out")
    page.button(key="save_comparison").click().run()
    assert "not usable as a name" in page.error[0].value
    assert list_comparisons() == []


def test_comparisons_that_cannot_be_written_or_deleted_are_one_sentence(
    page: AppTest, small_artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_artifacts / "comparisons"
    page.run()
    page.text_input(key="comparison_name").set_value("half")
    folder.touch()
    page.button(key="save_comparison").click().run()
    said = [error.value.replace("\\", "") for error in page.error]
    assert said == [f"{folder} cannot be read or written: File exists."]
    folder.unlink()
    page.button(key="save_comparison").click().run()
    assert not page.error

    def refuse(path: Path, **options: bool) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    page.button(key="delete_half").click().run()
    assert not page.exception
    said = [error.value.replace("\\", "") for error in page.error]
    assert said == [f"{folder / 'half.json'} cannot be read or written: Permission denied."]


def test_a_cell_of_the_matrix_is_computed_by_a_click_and_says_so(
    page: AppTest, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def waiting(image: Image, variant: Variant, **options: Any) -> Evaluation:
        assert go_on.wait(LIMIT_S)
        return evaluate(image, variant, **options)

    monkeypatch.setattr(render_cache, "evaluate", waiting)
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games"))
    page.query_params["scaling"] = ["full"]
    page.run()
    cells = ["cell_4_mse_games_full", "cell_4_msssim_games_full"]
    assert [page.button(key=key).icon for key in cells] == [":material/radio_button_unchecked:"] * 2
    page.button(key=cells[1]).click().run()
    assert page.button(key=cells[1]).icon == ":material/hourglass_top:" and page.button(key=cells[1]).disabled
    go_on.set()
    settled(page)
    assert not page.exception
    assert [page.button(key=key).icon for key in cells] == [
        ":material/radio_button_unchecked:", ":material/check_circle:",
    ]  # fmt: skip
    jumps = page.session_state[state_key(CompareState)].jumps
    page.button(key=cells[1]).click().run()
    state: CompareState = page.session_state[state_key(CompareState)]
    assert state.jumps == jumps + 1
    assert state.view is not None and state.view.right == "p1"


@pytest.mark.parametrize("mode", ["single", "loupe", "swipe", "grid"])
def test_a_click_on_a_done_cell_shows_it_in_every_mode(page: AppTest, mode: str) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games"))
    compare(page, scaling=["full"], view=f"{mode}~p2~p1~8~0.5~0.5")
    page.button(key="cell_4_msssim_games_full").click().run()
    state: CompareState = page.session_state[state_key(CompareState)]
    view = state.view
    assert view is not None and (view.left, view.right, view.zoom) == ("original", "p2", 8.0)
    assert view.mode == ("grid" if mode == "grid" else "swipe")


@pytest.mark.parametrize(("before", "after"), [("p2", "p3"), ("p8", "original"), ("original", "original")])
def test_a_cell_brought_into_the_viewer_leaves_the_left_image_as_it_is(page: AppTest, before: str, after: str) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games", "mbt2018-q6-mse-games"))
    compare(
        page, quality=["4", "6"], scaling=["full", "x2-bicubic", "x2-bilinear"], view=f"swipe~{before}~p1~8~0.5~0.5"
    )
    page.multiselect(key="shown").set_value(page.multiselect(key="shown").options[1:9]).run()
    page.button(key="cell_4_mse_games_full").click().run()  # The first one: all others move on, and the last one goes.
    assert not page.exception
    view = page.session_state[state_key(CompareState)].view
    assert (view.left, view.right) == (after, "p1")


def test_a_click_on_a_done_cell_outside_of_the_viewer_brings_it_in_and_shows_it(page: AppTest) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games", "mbt2018-q6-mse-games"))
    scalings = ["full", "x2-bicubic", "x2-bilinear"]
    compare(page, quality=["4", "6"], scaling=scalings)
    assert len(strip(page)) == 9
    held = in_viewer(page)
    last = "cell_6_mse_games_x2-bilinear"
    page.button(key=last).click().run()
    assert not page.exception
    assert [name in held for name in in_viewer(page)] == [True] * 7 + [False]
    state: CompareState = page.session_state[state_key(CompareState)]
    assert state.view is not None and (state.view.right, state.jumps) == ("p8", 1)
    page.multiselect(key="shown").set_value(page.multiselect(key="shown").options[1:3]).run()
    page.button(key="cell_4_mse_games_full").click().run()  # There is room for it.
    assert len(in_viewer(page)) == 3 and in_viewer(page)[0] == held[0]
    state = page.session_state[state_key(CompareState)]
    assert state.view is not None and (state.view.right, state.jumps) == ("p1", 2)
