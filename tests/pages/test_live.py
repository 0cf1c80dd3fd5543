"""The Live page, driven through app.py: the values on screen are those the core computes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.codecs import FAMILIES, default_codec_id, parse_codec
from synthcomp_core.codecs.targets import TARGET_KINDS
from synthcomp_core.codecs.zoo import PublishedModel
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image, write_png
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.ui import render_cache
from synthcomp_core.ui.live import time_this
from synthcomp_core.ui.live.expected import Timings
from synthcomp_core.ui.live.sides import LiveState
from synthcomp_core.ui.live.time_this import TimeThisState
from synthcomp_core.ui.live.trail import CURVE_VARIANTS, TrailState
from synthcomp_core.ui.widgets import published_models as panel
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import variant_name
from synthcomp_core.variants.timing import Timing
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import StuckMetrics, frame, jobs_of, settled
from tests.upscalers.random_rcan import save_random_rcan


def strip(app: AppTest) -> dict[str, dict[str, str]]:
    """The metric strip: {row name: {heading: text}}, without Markdown marks."""
    table = app.table[0].value
    return {
        str(index).replace("\\", ""): {str(name).replace("\\", ""): str(text) for name, text in row.items()}
        for index, row in table.iterrows()
    }


def choose(app: AppTest, **values: object) -> AppTest:
    """Set widgets by key, whatever their kind."""
    for key, value in values.items():
        for kind in (app.selectbox, app.slider):
            for widget in kind:
                if widget.key == key:
                    widget.set_value(value)
    return app


def show(
    app: AppTest, *, a: str = "jpeg-q75", b: str = "webp-q75", image: str = "castle.png", with_curves: bool = False
) -> AppTest:
    """The page as a link to two variants opens it, with everything measured; with_curves: the trail's, too."""
    app.query_params.update({"image": image, "a": a, "b": b})
    if not with_curves:
        app.query_params["trail_curves"] = "false"
    return settled(app)


def linked(app: AppTest, key: str) -> str:
    """A value of the page's address; "" if it has none."""
    value = app.query_params.get(key, "")
    return value[-1] if isinstance(value, list) else str(value)


def test_two_classical_variants_show_their_bytes_and_metrics(app: AppTest) -> None:
    show(app, a="jpeg-q40", b="webp-q80")
    assert not app.exception
    assert not app.error
    shown = strip(app)
    reference = frame(1)
    for side, codec_id in (("A", "jpeg-q40"), ("B", "webp-q80")):
        codec = parse_codec(codec_id)
        bitstream = codec.encode(reference)
        metrics = measure(reference, codec.decode(bitstream))
        cells = shown[f"{side}: {variant_name(Variant(codec_id))}"]
        assert cells["bytes"].startswith((f"{len(bitstream):,}", f"**{len(bitstream):,}**"))
        assert f"{len(bitstream) * 8 / (200 * 176):.4f}" in cells["bpp"]
        for name in ("psnr_rgb", "ssim_rgb", "msssim_rgb", "flip", "ssimulacra2"):
            info = METRICS[name]
            heading = f"{info.label} [{info.unit}]" if info.unit else info.label
            assert cells[heading].strip("* ◀") == f"{getattr(metrics, name):.{info.decimals}f}"


def test_the_page_renders_its_default_variants_by_itself(app: AppTest) -> None:
    settled(app)
    assert not app.exception
    assert list(strip(app)) == ["A: JPEG, quality 75", "B: WebP, quality 75"]  # No snapshot is installed here.
    assert (linked(app, "a"), linked(app, "b"), linked(app, "image")) == ("jpeg-q75", "webp-q75", "castle.png")


def test_the_better_value_of_each_column_is_marked_once(app: AppTest) -> None:
    shown = strip(show(app, a="jpeg-q20", b="jpeg-q90"))
    low, high = shown["A: JPEG, quality 20"], shown["B: JPEG, quality 90"]
    assert low["bytes"].startswith("**") and not high["bytes"].startswith("**")
    psnr = next(name for name in high if name.startswith("PSNR"))
    assert high[psnr].startswith("**") and not low[psnr].startswith("**")


def test_another_image_is_rendered_in_the_same_variants(app: AppTest) -> None:
    show(app, a="png", b="webp-q75")
    before = strip(app)["B: WebP, quality 75"]["bytes"]
    settled(choose(app, image_choice="forest.png"))
    assert linked(app, "image") == "forest.png"
    assert list(strip(app)) == ["A: PNG", "B: WebP, quality 75"]
    assert strip(app)["B: WebP, quality 75"]["bytes"] != before


def test_a_moved_slider_renders_its_side_and_leaves_the_other(app: AppTest) -> None:
    show(app, a="jpeg-q75", b="webp-q75")
    other = app.session_state[state_key(LiveState)].sides["A"].rendered
    settled(choose(app, b_quality_webp=30))
    assert list(strip(app)) == ["A: JPEG, quality 75", "B: WebP, quality 30"]
    assert linked(app, "b") == "webp-q30"
    assert app.session_state[state_key(LiveState)].sides["A"].rendered is other


def test_a_scaled_variant_counts_its_rate_on_the_reference(app: AppTest) -> None:
    shown = strip(show(app, a="none@x2-bicubic", b="png"))
    cells = shown["A: uncompressed, half resolution + bicubic"]
    assert cells["bytes"].strip("* ◀").replace(",", "") == str(100 * 88 * 3)


def test_matching_bytes_moves_the_quality_and_stays_below(app: AppTest) -> None:
    show(app, a="jpeg-q50", b="webp-q99")
    target = len(parse_codec("jpeg-q50").encode(frame(1)))
    next(button for button in app.button if button.label == "Match B's bytes to A").click()
    settled(app)
    settled(app)
    assert not app.exception
    quality = next(slider.value for slider in app.slider if slider.key == "b_quality_webp")
    best = max(
        size for size in (len(parse_codec(f"webp-q{q}").encode(frame(1))) for q in range(1, 101)) if size <= target
    )
    assert len(parse_codec(f"webp-q{quality}").encode(frame(1))) == best
    assert f"{best:,}" in strip(app)[f"B: WebP, quality {quality}"]["bytes"]


@pytest.mark.parametrize(
    ("control", "value", "left"), [("b_family", "jpeg", "jpeg-q75"), ("image_choice", "forest.png", "webp-q99")]
)
def test_a_match_is_not_applied_to_another_codec_or_image(app: AppTest, control: str, value: str, left: str) -> None:
    show(app, a="jpeg-q50", b="webp-q99")
    next(button for button in app.button if button.label == "Match B's bytes to A").click()
    app.selectbox(key=control).set_value(value)
    settled(app)
    settled(app)
    assert not app.exception
    assert linked(app, "b") == left


def test_a_match_is_given_up_with_a_sentence_when_the_other_side_is_moved(app: AppTest) -> None:
    show(app, a="jpeg-q50", b="webp-q99")
    next(button for button in app.button if button.label == "Match A's bytes to B").click()
    next(slider for slider in app.slider if slider.key == "b_quality_webp").set_value(20)
    settled(app)
    settled(app)
    assert not app.exception
    assert linked(app, "a") == "jpeg-q50", "the quality that fits a size which is no longer on screen"
    assert ["A was not matched to B" in error.value for error in app.error] == [True]


def test_a_match_that_cannot_be_reached_says_why(app: AppTest) -> None:
    show(app, a="jpeg-q1", b="webp-q75")
    next(button for button in app.button if button.label == "Match B's bytes to A").click()
    settled(app)
    assert not app.exception
    assert any("Even webp-q1 takes" in error.value.replace("\\", "") for error in app.error)


def test_a_data_set_folder_is_offered_and_its_name_is_only_text(app: AppTest) -> None:
    app.run()
    app.selectbox(key="source_choice").set_value("mine/test")
    settled(app)
    assert not app.exception
    image = next(box for box in app.selectbox if box.key == "image_choice")
    assert image.value == "a<b>.png"
    assert (linked(app, "source"), linked(app, "image")) == ("mine/test", "a<b>.png")


def test_each_source_keeps_its_image(app: AppTest) -> None:
    app.run()
    choose(app, image_choice="forest.png").run()
    choose(app, source_choice="mine/test").run()
    choose(app, source_choice="samples").run()
    assert linked(app, "image") == "forest.png" and linked(app, "source") == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", "<script>alert(1)</script>"),
        ("a", "jpeg-q900"),
        ("b", "webp-q80@x17-bicubic"),
        ("b", "webp-q80@x2-nothing"),
        ("b", "9" * 5000),
        ("image", "../../etc/passwd"),
        ("source", "moon"),
        ("a_codec", "<script>alert(1)</script>"),
        ("b_scale", "17"),
        ("a_quality", "900"),
        ("a_quality", "9" * 400),
        ("b_quality", "nan"),
        ("b_quality", "fine"),
        ("a_upscaler", "9" * 5000),
    ],
)
def test_an_unknown_url_value_gives_one_sentence_and_leaves_the_page_working(
    app: AppTest, key: str, value: str
) -> None:
    app.query_params[key] = value
    app.run()
    assert not app.exception
    assert len(app.warning) == 1
    assert app.warning[0].value.startswith("This link ")
    assert "<script>" not in app.warning[0].value
    settled(app)
    assert not app.exception
    assert not app.warning
    assert [name[:2] for name in strip(app)] == ["A:", "B:"]


def quality(app: AppTest, side: str) -> float | None:
    """The value of a side's quality slider; None for a codec without a quality."""
    return next((slider.value for slider in app.slider if (slider.key or "").startswith(f"{side}_quality")), None)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_renders_with_the_untouched_slider(app: AppTest, family: str) -> None:
    app.run()
    settled(choose(app, b_family=family))
    assert quality(app, "b") == FAMILIES[family].default_quality
    assert not app.exception
    assert not app.error
    assert list(strip(app))[1] == f"B: {variant_name(Variant(str(default_codec_id(family))))}"


@pytest.mark.parametrize("family", list(FAMILIES))
def test_another_family_starts_from_its_own_default_also_after_the_slider_was_moved(app: AppTest, family: str) -> None:
    app.run()
    for other in FAMILIES:
        choose(app, a_family=other).run()
        if quality(app, "a") is not None:
            choose(app, **{f"a_quality_{other}": 25}).run()
            assert quality(app, "a") == 25
        if other != family:
            choose(app, a_family=family).run()
            assert not app.exception
            assert quality(app, "a") == FAMILIES[family].default_quality


def test_a_link_of_version_0_1_opens_the_same_variants(app: AppTest) -> None:
    for key, value in {
        **{"image": "forest.png", "rendered": "1"},
        **{"a_codec": "jpeg2000", "a_quality": "45"},
        **{"b_codec": "none", "b_scale": "2", "b_upscaler": "lanczos"},
    }.items():
        app.query_params[key] = value
    settled(app)
    assert not app.exception and not app.warning
    assert (linked(app, "a"), linked(app, "b")) == ("jpeg2000-q45", "none@x2-lanczos")
    assert not linked(app, "a_codec") and not linked(app, "b_scale")
    assert quality(app, "a") == 45


def test_a_linked_quality_beyond_the_codec_s_range_is_moved_into_it_and_that_is_said(app: AppTest) -> None:
    app.query_params["a_codec"], app.query_params["a_quality"] = "jpeg2000", "75"
    app.run()
    assert quality(app, "a") == 60
    assert app.warning[0].value.endswith("; 60 is used instead.")
    app.run()
    assert not app.warning


def test_an_address_that_lags_behind_does_not_move_the_controls_back(app: AppTest) -> None:
    show(app, b="webp-q75")
    choose(app, b_quality_webp=40).run()
    app.query_params["b"] = "webp-q75"  # The browser had not heard of the 40 when it sent the next move.
    choose(app, b_quality_webp=41).run()
    assert quality(app, "b") == 41
    assert linked(app, "b") == "webp-q41"


def test_variants_and_image_survive_a_visit_to_another_page(app: AppTest) -> None:
    show(app, a="jpeg-q30", b="jpeg2000-q50", image="forest.png")
    app.switch_page("pages/runs.py").run()
    for key in ("a", "b", "image"):
        app.query_params.pop(key, None)
    app.switch_page("pages/live.py")
    settled(app)
    assert not app.exception
    assert (linked(app, "a"), linked(app, "b"), linked(app, "image")) == ("jpeg-q30", "jpeg2000-q50", "forest.png")
    assert list(strip(app)) == ["A: JPEG, quality 30", "B: JPEG 2000, quality 50"]


def test_each_upscaler_is_listed_once(app: AppTest) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    save_random_rcan("mine-x2", scale=2)
    app.query_params["a"] = "none@x2-bicubic"
    app.run()
    options = app.selectbox(key="a_upscaling").options
    assert "rcan" in options and "mine-x2" in options
    assert "rcan-x2-games" not in options
    assert len(options) == len(set(options))
    assert Variant.parse("none@x2-rcan-x2-games").upscaler == "rcan-x2-games"


def test_a_link_with_the_other_name_of_an_upscaler_still_works(app: AppTest, small_artifacts: Path) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    show(app, b="none@x2-rcan-x2-games")
    assert not app.warning
    assert not app.exception and not app.error
    assert linked(app, "b") == "none@x2-rcan-x2-games"
    assert list(strip(app))[1].startswith("B: uncompressed, half resolution + ")


def test_a_side_that_fails_says_why_and_the_other_side_stays(app: AppTest, small_artifacts: Path) -> None:
    # WebP takes at most 16,383 pixels a side.
    write_png(frame(4, width=16_400, height=2), small_artifacts / "samples" / "strip.png")
    show(app, a="webp-q75", b="png", image="strip.png")
    assert not app.exception
    assert len(app.error) == 1
    assert app.error[0].value.startswith("A: ")
    assert list(strip(app)) == ["B: PNG"]


def test_only_a_rendering_that_takes_long_waits_for_a_click(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Timings, "expected_s", lambda self, image, variant: 25.0 if variant.codec.startswith("webp") else 0.1
    )
    show(app, a="jpeg-q75", b="webp-q66")
    assert list(strip(app)) == ["A: JPEG, quality 75"]
    next(button for button in app.button if button.label == "Render B (about 25 s)").click()
    settled(app)
    assert list(strip(app)) == ["A: JPEG, quality 75", "B: WebP, quality 66"]


def test_a_side_stopped_before_its_metrics_can_be_measured(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = StuckMetrics()
    show(app, a="jpeg-q75", b="png")
    render_cache.rendered_cache().clear()
    with monkeypatch.context() as patch:
        patch.setattr(render_cache, "evaluate", stuck)
        app.query_params["b"] = "webp-q57"
        app.run()
        assert stuck.has_image.wait(LIMIT_S)
        for job in jobs_of(app):
            job.stop()
        settled(app)
    assert strip(app)["B: WebP, quality 57"].get("SSIMULACRA2", "–").strip("* ◀") == "–"
    next(button for button in app.button if button.label == "Measure B").click()
    settled(app)
    assert not app.exception and strip(app)["B: WebP, quality 57"]["SSIMULACRA2"].strip("* ◀") != "–"
    assert not any(button.label == "Measure B" for button in app.button)


def test_the_command_on_the_page_makes_the_same_row(
    app: AppTest, small_artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    from synthcomp_core.cli import main

    show(app, a="jpeg-q40", b="webp-q75")
    command = shlex.split(app.code[0].value)
    assert command[:3] == ["python", "-m", "synthcomp_core"]
    monkeypatch.chdir(tmp_path)
    assert main(command[3:]) == 0
    decoded = read_image(tmp_path / "castle.jpeg-q40.png").image
    codec = parse_codec("jpeg-q40")
    assert (tmp_path / "castle.jpeg-q40.jpg").read_bytes() == codec.encode(frame(1))
    assert (decoded == codec.decode(codec.encode(frame(1)))).all()


def test_bad_uploads_each_give_one_sentence(app: AppTest) -> None:
    app.run()
    app.selectbox(key="source_choice").set_value("upload").run()
    for name, content in {
        "text.png": b"hello, I am text",
        "short.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
        "empty.png": b"",
    }.items():
        app.file_uploader[0].set_value((name, content, "image/png")).run()
        assert not app.exception
        assert len(app.error) == 1, name
        assert name.split(".")[0] in app.error[0].value


def test_without_the_samples_folder_the_page_says_so_in_one_sentence(app: AppTest, small_artifacts: Path) -> None:
    shutil.rmtree(small_artifacts / "samples")
    page = app.run()
    assert not page.exception
    assert [error.value for error in page.error] == [
        "There are no images in the folder of samples; choose another source."
    ]


def test_a_size_or_a_metric_can_set_the_quality(app: AppTest) -> None:
    show(app, a="jpeg-q50", b="webp-psnr33")
    assert not app.exception and not app.warning
    metrics = [value for name, value in strip(app)["B: WebP, PSNR 33.00 dB"].items() if name.startswith("PSNR RGB")]
    assert 33 <= float(metrics[0].strip("* ◀")) < 34
    choose(app, b_set_by_webp="bytes").run()
    next(box for box in app.number_input if box.key == "b_set_by_webp_bytes").set_value(2000.0)
    settled(app)
    assert linked(app, "b") == "webp-bytes2000"
    num_bytes = int(strip(app)["B: WebP, size 2,000 bytes"]["bytes"].strip("* ◀").replace(",", ""))
    best = max(
        size for size in (len(parse_codec(f"webp-q{q}").encode(frame(1))) for q in range(1, 101)) if size <= 2000
    )
    assert num_bytes == best
    settled(choose(app, b_set_by_webp=""))
    assert linked(app, "b") == "webp-q75"


@pytest.mark.parametrize("word", TARGET_KINDS)
def test_a_target_that_is_shown_is_the_one_that_is_aimed_at(app: AppTest, word: str) -> None:
    show(app, a="webp-q75", b="png")
    choose(app, a_set_by_webp=word).run()
    kind = TARGET_KINDS[word]
    for typed in (kind.above, kind.below, 0.5, 1.0, 16.5):
        field = next(box for box in app.number_input if box.key == f"a_set_by_webp_{word}")
        assert kind.above < field.min < field.max < kind.below
        if not field.min <= typed <= field.max:
            continue  # The browser takes no such number.
        field.set_value(typed).run()
        assert not app.exception and not app.warning
        shown = 17 if word == "bytes" and typed == 16.5 else typed
        assert linked(app, "a") == f"webp-{word}{shown:g}"


def test_a_linked_target_closer_to_its_bound_than_the_field_shows_is_kept(app: AppTest) -> None:
    show(app, a="webp-bpp0.00005", b="webp-psnr199.999999")
    assert not app.exception and not app.warning
    assert (linked(app, "a"), linked(app, "b")) == ("webp-bpp0.00005", "webp-psnr199.999999")


def test_encoder_options_are_drawn_from_what_the_family_has(app: AppTest) -> None:
    show(app, a="avif-q50+s8+444", b="png")
    assert next(slider.value for slider in app.select_slider if slider.key == "a_speed_avif") == "s8"
    assert next(iter(strip(app))) == "A: AVIF, quality 50, speed 8, 4:4:4"
    choose(app, b_family="webp").run()
    next(toggle for toggle in app.toggle if toggle.key == "b_lossless_webp").set_value(True)
    settled(app)
    assert linked(app, "b") == "webp+lossless"
    assert quality(app, "b") is None
    assert strip(app)["B: WebP, lossless"]["PSNR RGB [dB]"].strip("* ◀") == "∞"


def trail(app: AppTest) -> TrailState:
    """What the page remembers of the variants that it has shown."""
    state: TrailState = app.session_state[state_key(TrailState)]
    return state


def test_the_trail_holds_every_variant_shown_and_the_classical_curves(app: AppTest) -> None:
    show(app, a="jpeg-q40", b="webp-q60", with_curves=True)
    settled(choose(app, b_quality_webp=61))
    (rows,) = trail(app).rows.values()
    assert set(rows) == {"jpeg-q40", "webp-q60", "webp-q61"}
    codec = parse_codec("webp-q61")
    expected = measure(frame(1), codec.decode(codec.encode(frame(1))), metrics=("ssimulacra2",)).ssimulacra2
    assert rows["webp-q61"].ssimulacra2 == pytest.approx(expected)
    curves = {row.variant: row for row in next(iter(trail(app).curves.values()))}
    assert set(curves) == set(CURVE_VARIANTS)
    assert curves["jpeg-q50"].num_bytes == len(parse_codec("jpeg-q50").encode(frame(1)))
    assert any(table.value.shape[0] == len(set(rows) | set(curves)) for table in app.table)


def test_each_image_has_a_trail_of_its_own_and_the_curves_can_be_left_out(app: AppTest) -> None:
    app.query_params["trail_curves"] = "false"
    show(app, a="jpeg-q40", b="webp-q60")
    settled(choose(app, image_choice="forest.png"))
    assert [set(rows) for rows in trail(app).rows.values()] == [{"jpeg-q40", "webp-q60"}] * 2
    assert not trail(app).curves


def test_a_page_opened_on_finished_renderings_sends_the_images_before_the_chart(
    app: AppTest, small_artifacts: Path
) -> None:
    def open_page() -> AppTest:
        later = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
        later.query_params.update({"image": "castle.png", "a": "jpeg-q40", "b": "webp-q60", "trail_curves": "false"})
        return later

    show(app, a="jpeg-q40", b="webp-q60")
    opened = open_page()
    assert not opened.run().get("plotly_chart")
    assert len(strip(opened)) == 2  # The renderings were there.
    assert opened.run().get("plotly_chart")


def test_a_link_to_a_metric_of_the_trail_is_taken_without_a_word(app: AppTest) -> None:
    app.query_params["trail_curves"] = "false"
    app.query_params["trail_metric"] = "psnr_rgb"
    show(app, a="jpeg-q40", b="webp-q60")
    assert not app.warning
    assert app.selectbox("trail_metric").value == "psnr_rgb"
    assert linked(app, "trail_metric") == "psnr_rgb"
    app.query_params["trail_metric"] = "vmaf"
    assert ["vmaf" in warning.value for warning in app.run().warning] == [True]


def test_renderings_made_elsewhere_are_a_side_like_any_other(app: AppTest, small_artifacts: Path) -> None:
    other = parse_codec("jpeg-q20")
    rendered = other.decode(other.encode(frame(1)))
    write_png(rendered, small_artifacts / "renderings" / "dlss" / "castle.png")
    show(app, a="files:dlss", b="jpeg-q20")
    assert not app.exception and not app.error and not app.warning
    shown = strip(app)
    files, coded = (next(cells for name, cells in shown.items() if name.startswith(side)) for side in ("A: ", "B: "))
    assert files["SSIMULACRA2"].strip("* ◀") == coded["SSIMULACRA2"].strip("* ◀")
    assert linked(app, "a") == "files:dlss"
    match = next(button for button in app.button if button.label == "Match B's bytes to A")
    assert match.disabled  # Nothing says how many bytes the files stand for.
    # The files may be rendered anew: what is shown later is what they hold then.
    write_png(frame(1), small_artifacts / "renderings" / "dlss" / "castle.png")
    settled(choose(app, image_choice="forest.png"))
    settled(choose(app, image_choice="castle.png"))
    again = next(cells for name, cells in strip(app).items() if name.startswith("A: "))
    assert again["PSNR RGB [dB]"].strip("* ◀") == "∞"


def test_a_result_that_does_not_fit_one_image_is_tried_with_the_next(app: AppTest, small_artifacts: Path) -> None:
    write_png(frame(5, width=300, height=260), small_artifacts / "samples" / "wide.png")
    show(app, a="jpeg-q40", b="png")
    app.file_uploader(key="result_A").set_value(("theirs.png", png_bytes(frame(6, 300, 260)), "image/png"))
    settled(app)
    assert ["300x260" in error.value for error in app.error] == [True]
    settled(choose(app, image_choice="wide.png"))
    assert not app.exception and not app.error
    assert linked(app, "a") == "files:theirs"


def test_the_panel_of_published_models_lists_them_and_says_why_a_download_failed(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(model: PublishedModel, **options: object) -> object:
        raise SynthcompError(f"{model.url} cannot be reached.")

    monkeypatch.setattr(panel, "fetch_published", offline)
    app.session_state["published"] = True
    show(app, a="jpeg-q40", b="png")
    box = next(box for box in app.selectbox if box.key == "published_model")
    assert "mbt2018-q4-mse-vimeo90k" in box.options
    box.set_value("mbt2018-q4-mse-vimeo90k").run()
    button = next(button for button in app.button if button.key == "published_get")
    assert "MiB" in button.label
    button.click()
    settled(app)
    job = app.session_state[state_key(panel.FetchState)].job
    assert job.wait(lambda status: status.is_over, 60).error is not None
    app.run()
    assert any("cannot be reached" in error.value.replace("\\", "") for error in app.error)


def timings(app: AppTest) -> list[Any]:
    return [table.value for table in app.table if "fastest to slowest" in table.value]


def test_time_this_shows_medians_of_repeated_runs_of_both_sides(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[str] = []

    def counted(image, variant, *, repeats, on_progress):  # type: ignore[no-untyped-def]
        timed.append(str(variant))
        return Timing(repeats, 1.25, 0.5, None, 1.0, 2.0)

    monkeypatch.setattr(time_this, "time_variant", counted)
    show(app, a="jpeg-q40", b="webp-q80")
    assert not timings(app)
    app.button(key="time_this").click()
    settled(app)
    assert not app.exception
    assert timed == ["jpeg-q40", "webp-q80"]
    (table,) = timings(app)
    assert list(table["encode [s]"]) == ["1.250", "1.250"]
    assert list(table["fastest to slowest"]) == ["1.000 to 2.000"] * 2
    assert list(table["upscale [s]"]) == ["–", "–"]
    assert any("Medians of 5 runs" in caption.value for caption in app.caption)


def test_what_was_timed_of_other_variants_is_not_shown(app: AppTest) -> None:
    show(app, a="jpeg-q40", b="webp-q80")
    app.button(key="time_this").click()
    settled(app)
    assert len(timings(app)) == 1
    key = state_key(TimeThisState)
    app.session_state[key] = TimeThisState(("another",), app.session_state[key].job)
    app.run()
    assert not app.exception and not timings(app)
