"""The Live page, driven through app.py: the values on screen are those the core computes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.codecs import FAMILIES, default_codec_id, parse_codec
from synthcomp_core.images import read_image
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.variants import Variant
from tests.pages.conftest import frame
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


def render(app: AppTest) -> AppTest:
    """Press the form's one button."""
    next(button for button in app.button if button.label == "Render both").click()
    return app.run()


def test_two_classical_variants_show_their_bytes_and_metrics(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert app.title[0].value == "Live"
    render(choose(app, a_codec="jpeg", a_quality=40, b_codec="webp", b_quality=80))
    assert not app.exception
    assert not app.error
    shown = strip(app)
    reference = frame(1)
    for side, codec_id in (("A", "jpeg-q40"), ("B", "webp-q80")):
        codec = parse_codec(codec_id)
        bitstream = codec.encode(reference)
        metrics = measure(reference, codec.decode(bitstream))
        cells = shown[f"{side}: {codec_id}"]
        assert cells["bytes"].startswith((f"{len(bitstream):,}", f"**{len(bitstream):,}**"))
        assert f"{len(bitstream) * 8 / (200 * 176):.4f}" in cells["bpp"]
        for name in ("psnr_rgb", "ssim_rgb", "msssim_rgb", "flip", "ssimulacra2"):
            info = METRICS[name]
            heading = f"{info.label} [{info.unit}]" if info.unit else info.label
            assert cells[heading].strip("* ◀") == f"{getattr(metrics, name):.{info.decimals}f}"


def test_the_better_value_of_each_column_is_marked_once(app: AppTest) -> None:
    app.run()
    render(choose(app, a_codec="jpeg", a_quality=20, b_codec="jpeg", b_quality=90))
    shown = strip(app)
    low, high = shown["A: jpeg-q20"], shown["B: jpeg-q90"]
    assert low["bytes"].startswith("**") and not high["bytes"].startswith("**")
    psnr = next(name for name in high if name.startswith("PSNR"))
    assert high[psnr].startswith("**") and not low[psnr].startswith("**")


def test_another_frame_shows_the_original_until_it_is_rendered(app: AppTest) -> None:
    app.run()
    render(choose(app, a_codec="png", b_codec="webp"))
    assert len(app.table) == 1
    choose(app, image="forest.png").run()
    assert len(app.table) == 0
    render(app)
    assert len(app.table) == 1


def test_a_scaled_variant_counts_its_rate_on_the_reference(app: AppTest) -> None:
    app.run()
    render(choose(app, a_codec="none", a_scale="2", a_upscaler="bicubic", b_codec="png"))
    assert strip(app)["A: none@x2-bicubic"]["bytes"].strip("* ◀").replace(",", "") == str(100 * 88 * 3)


def test_matching_bytes_moves_the_quality_and_stays_below(app: AppTest) -> None:
    app.run()
    render(choose(app, a_codec="jpeg", a_quality=50, b_codec="webp", b_quality=99))
    target = len(parse_codec("jpeg-q50").encode(frame(1)))
    next(button for button in app.button if button.label == "Match B's bytes to A").click()
    app.run()
    assert not app.exception
    quality = next(slider.value for slider in app.slider if slider.key == "b_quality")
    best = max(
        size for size in (len(parse_codec(f"webp-q{q}").encode(frame(1))) for q in range(1, 101)) if size <= target
    )
    assert len(parse_codec(f"webp-q{quality}").encode(frame(1))) == best
    assert f"{best:,}" in strip(app)[f"B: webp-q{quality}"]["bytes"]


def test_a_data_set_folder_is_offered_and_its_name_is_only_text(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("mine/test").run()
    assert not app.exception
    image = next(box for box in app.selectbox if box.key == "image")
    assert image.value == "a<b>.png"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a_codec", "<script>alert(1)</script>"),
        ("image", "../../etc/passwd"),
        ("b_scale", "17"),
        ("a_quality", "900"),
        ("a_quality", "9" * 400),
        ("b_quality", "nan"),
        ("b_quality", "fine"),
        ("a_upscaler", "9" * 5000),
        ("source", "moon"),
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
    render(choose(app, a_codec="jpeg", b_codec="webp"))
    assert not app.exception
    assert len(app.table) == 1


def quality(app: AppTest, side: str) -> float | None:
    """The value of a side's quality slider; None for a codec without a quality."""
    return next((slider.value for slider in app.slider if slider.key == f"{side}_quality"), None)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_renders_with_the_untouched_slider(app: AppTest, family: str) -> None:
    app.run()
    choose(app, b_codec=family).run()
    assert quality(app, "b") == FAMILIES[family].default_quality
    render(app)
    assert not app.exception
    assert not app.error
    assert list(strip(app)) == ["A: jpeg-q75", f"B: {default_codec_id(family)}"]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_another_family_starts_from_its_own_default_also_after_the_slider_was_moved(app: AppTest, family: str) -> None:
    app.run()
    for other in FAMILIES:
        choose(app, a_codec=other).run()
        if quality(app, "a") is not None:
            choose(app, a_quality=25).run()
            assert quality(app, "a") == 25
        if other != family:
            choose(app, a_codec=family).run()
            assert not app.exception
            assert quality(app, "a") == FAMILIES[family].default_quality


def test_a_codec_and_a_quality_changed_together_are_both_taken(app: AppTest) -> None:
    app.run()
    choose(app, b_codec="avif", b_quality=33).run()
    assert quality(app, "b") == 33


def test_the_quality_is_in_the_address_unless_it_is_the_codec_s_default(app: AppTest) -> None:
    app.query_params["a_codec"], app.query_params["a_quality"] = "jpeg2000", "45"
    app.run()
    assert quality(app, "a") == 45
    assert app.query_params["a_quality"] in ("45", ["45"])
    choose(app, a_quality=36).run()
    assert "a_quality" not in app.query_params
    choose(app, a_codec="png").run()
    choose(app, a_codec="jpeg2000").run()
    assert quality(app, "a") == 36
    assert not app.warning


def test_a_linked_quality_beyond_the_codec_s_range_is_moved_into_it_and_that_is_said(app: AppTest) -> None:
    app.query_params["a_codec"], app.query_params["a_quality"] = "jpeg2000", "75"
    app.run()
    assert quality(app, "a") == 60
    assert app.warning[0].value.endswith("; 60 is used instead.")
    app.run()
    assert not app.warning


def test_the_quality_survives_a_visit_to_another_page(app: AppTest) -> None:
    app.run()
    choose(app, b_codec="jpeg2000").run()
    choose(app, b_quality=50).run()
    app.switch_page("pages/compare.py").run()
    app.switch_page("pages/live.py").run()
    assert not app.exception
    assert next(box.value for box in app.selectbox if box.key == "b_codec") == "jpeg2000"
    assert quality(app, "b") == 50


def test_each_upscaler_is_listed_once(app: AppTest) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    save_random_rcan("mine-x2", scale=2)
    app.run()
    options = app.selectbox(key="a_upscaler").options
    assert "rcan" in options and "mine-x2" in options
    assert "rcan-x2-games" not in options
    assert len(options) == len(set(options))
    assert Variant.parse("none@x2-rcan-x2-games").upscaler == "rcan-x2-games"


def test_a_link_with_the_other_name_of_an_upscaler_still_works(app: AppTest, small_artifacts: Path) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    app.query_params["b_codec"], app.query_params["b_scale"] = "none", "2"
    app.query_params["b_upscaler"] = "rcan-x2-games"
    app.run()
    assert not app.warning
    render(app)
    assert not app.exception and not app.error
    assert "B: none@x2-rcan-x2-games" in strip(app)


def test_a_link_reopens_the_rendered_view(app: AppTest) -> None:
    for key, value in {
        "image": "forest.png",
        "a_codec": "jpeg",
        "a_quality": "33",
        "b_codec": "png",
        "rendered": "1",
    }.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    assert set(strip(app)) == {"A: jpeg-q33", "B: png"}


def test_a_side_that_fails_says_why_and_the_other_side_stays(app: AppTest, small_artifacts: Path) -> None:
    from synthcomp_core.images import write_png

    # WebP takes at most 16,383 pixels a side.
    write_png(frame(4, width=16_400, height=2), small_artifacts / "samples" / "strip.png")
    app.run()
    choose(app, image="strip.png").run()
    render(choose(app, a_codec="webp", b_codec="png"))
    assert not app.exception
    assert len(app.error) == 1
    assert app.error[0].value.startswith("A: ")
    assert list(strip(app)) == ["B: png"]


def test_the_command_on_the_page_makes_the_same_row(
    app: AppTest, small_artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    from synthcomp_core.cli import main

    app.run()
    render(choose(app, a_codec="jpeg", a_quality=40, b_codec="webp"))
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
    app.segmented_control(key="source").set_value("upload").run()
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
