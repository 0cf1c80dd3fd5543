"""What the charts show: every point, units, data sets, numbers of images, fixed colours, settings under the pointer."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures import palette
from synthcomp_core.figures import rd_chart as charts
from synthcomp_core.figures.curve_styles import curve_key, curve_styles
from synthcomp_core.figures.domain_gap_chart import domain_gap_chart
from synthcomp_core.figures.rd_chart_file import write_rd_chart
from synthcomp_core.results.curves import RDCurve, rd_curves
from synthcomp_core.results.domain_gap import domain_gap
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from tests.conftest import PROJECT_ROOT

THESIS = PROJECT_ROOT / "artifacts/results/thesis_compression_sr_results.csv"


def curves(num_images: int = 3, *, metric: str = "psnr_rgb", decibels: bool = False) -> list[RDCurve]:
    """JPEG and a learned codec at full and half resolution, on images that differ; PNG identical."""
    rows = []
    for image in range(num_images):
        for quality in range(4):
            for number, (codec, scaling) in enumerate([("jpeg", ""), ("mbt2018", ""), ("mbt2018", "@x2-rcan")]):
                suffix = "-mse-games" if codec == "mbt2018" else ""
                rows.append(
                    ResultRow(
                        "games",
                        f"{image}.png",
                        variant=f"{codec}-q{quality}{suffix}{scaling}",
                        codec=codec,
                        quality=quality,
                        distortion="mse" if suffix else None,
                        trained_on="games" if suffix else None,
                        scale=2.0 if scaling else None,
                        upscaler="rcan" if scaling else None,
                        bpp=0.1 * 2**quality + 0.01 * image,
                        psnr_rgb=30 + 2 * quality + number + image,
                        msssim_rgb=1 - 0.1 / (1 + quality),
                    )
                )
        rows.append(
            ResultRow("games", f"{image}.png", variant="png", codec="png", bpp=9.0, psnr_rgb=math.inf, msssim_rgb=1)
        )
    return rd_curves(rows_table(rows), metric, decibels=decibels)


def test_the_mean_chart_shows_every_point_with_units_data_set_and_number_of_images() -> None:
    shown = curves()
    figure = charts.rd_chart(shown)
    assert figure.layout.xaxis.title.text == "Rate [bit per pixel]"
    assert figure.layout.yaxis.title.text == "PSNR RGB [dB]"
    assert figure.layout.title.text == "PSNR RGB over rate: games (3 images)"
    assert figure.layout.xaxis.type == "linear"
    names = [trace.name for trace in figure.data]
    assert names == ["jpeg", "mbt2018-mse-games", "mbt2018-mse-games@x2-rcan"]
    np.testing.assert_allclose(figure.data[0].x, [0.1 * 2**quality + 0.01 for quality in range(4)])
    np.testing.assert_allclose(figure.data[0].y, [31, 33, 35, 37])
    assert list(figure.data[2].customdata[1]) == ["mbt2018-q1-mse-games@x2-rcan", "", "games"]


def test_hovering_names_the_settings() -> None:
    text = charts.rd_chart(curves()).data[2].text[1]
    for part in ("mbt2018-q1-mse-games@x2-rcan", "quality 1", "optimised for MSE", "trained on games", "x2 by rcan"):
        assert part in text
    for part in ("games, mean of 3 images", "0.21 bpp", "PSNR RGB 35.00 dB"):
        assert part in text


def test_images_identical_to_their_references_are_named_not_drawn() -> None:
    figure = charts.rd_chart(curves())
    assert "png (9 bpp)" in figure.layout.annotations[0].text
    assert "png" not in [trace.name for trace in figure.data]


def test_decibels_and_log_rate_are_on_the_axes() -> None:
    figure = charts.rd_chart(curves(metric="msssim_rgb", decibels=True), log_rate=True)
    assert figure.layout.yaxis.title.text == "MS-SSIM RGB [dB]"
    assert figure.layout.xaxis.type == "log"
    np.testing.assert_allclose(figure.data[0].y, [-10 * math.log10(0.1 / (1 + quality)) for quality in range(4)])
    assert charts.rd_chart(curves(metric="msssim_rgb")).layout.yaxis.title.text == "MS-SSIM RGB"


def test_the_thesis_table_has_its_25_points_and_is_dashed_as_a_reference() -> None:
    thesis = rd_curves(load_results(THESIS).table, "psnr_rgb")
    figure = charts.rd_chart(thesis)
    assert sum(len(trace.x) for trace in figure.data) == 25
    assert figure.layout.title.text.replace("<br>", " ") == "PSNR RGB over rate: thesis (published means)"
    assert "published mean" in figure.data[0].text[0]
    assert "(estimated)" in figure.data[0].text[0]
    figure = charts.rd_chart(curves(), references=thesis)
    assert [trace.line.dash for trace in figure.data] == ["solid"] * 3 + ["dash"] * 6
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == "PSNR RGB over rate: games (3 images), thesis (published means)"
    assert figure.data[0].name == "jpeg on games"
    assert figure.data[-1].name == "jpeg on thesis (reference)"


def test_bands_are_the_95_percent_confidence_of_the_mean() -> None:
    shown = curves()[:1]
    band, line = charts.rd_chart(shown, bands=True).data
    # PSNRs of 30, 31, 32 dB: standard deviation 1, of the mean 1 / sqrt(3).
    assert band.y[0] - line.y[0] == pytest.approx(1.959964 / math.sqrt(3))
    assert line.y[0] - band.y[-1] == pytest.approx(1.959964 / math.sqrt(3))
    assert band.fillcolor == "rgba(213,94,0,0.18)"
    thesis = rd_curves(load_results(THESIS).table, "psnr_rgb")
    assert len(charts.rd_chart(thesis, bands=True).data) == len(thesis)


def test_a_codec_has_one_colour_in_every_chart_and_its_curves_different_markers() -> None:
    shown = curves()
    for figure in (charts.rd_chart(shown), charts.rd_chart(shown[::-1])):
        by_name = {trace.name: trace for trace in figure.data}
        assert by_name["jpeg"].line.color == palette.CODEC_COLOURS["jpeg"]
        full, half = by_name["mbt2018-mse-games"], by_name["mbt2018-mse-games@x2-rcan"]
        assert full.line.color == half.line.color == palette.CODEC_COLOURS["mbt2018"]
        assert full.marker.symbol != half.marker.symbol
        assert half.marker.symbol.endswith("-open")
    assert palette.codec_colour("bpg-8b-444-x265-ycbcr") == palette.CODEC_COLOURS["bpg"]
    assert palette.codec_colour("mbt2018-mean-vbr") == palette.CODEC_COLOURS["mbt2018-mean"]
    assert palette.codec_colour("unheard-of") == palette.codec_colour("unheard-of")


def test_no_two_curves_of_a_chart_look_alike() -> None:
    compact = load_results(PROJECT_ROOT / "artifacts/results/compact.csv")
    measured = rd_curves(compact.table, "psnr_rgb")
    assert len(measured) > 20
    references = rd_curves(load_results(PROJECT_ROOT / "artifacts/results/compressai-kodak/vtm.json").table, "psnr_rgb")
    for shown, dashed in ((measured, references), ([c for c in measured if c.dataset == "games"], [])):
        figure = charts.rd_chart(shown, references=dashed)
        looks = [(trace.line.color, trace.line.dash, trace.marker.symbol) for trace in figure.data]
        assert len(set(looks)) == len(looks) == len([curve for curve in (*shown, *dashed) if curve.points])
        by_name = {trace.name: trace for trace in figure.data}
        assert by_name[next(name for name in by_name if name.startswith("vtm"))].line.dash == "dash" if dashed else True


def test_the_dash_says_the_data_set_or_on_one_data_set_the_resolution() -> None:
    compact = rd_curves(load_results(PROJECT_ROOT / "artifacts/results/compact.csv").table, "psnr_rgb")
    styles = curve_styles(compact)
    for dataset in ("games", "kodak"):
        assert len({styles[curve_key(curve)].dash for curve in compact if curve.dataset == dataset}) == 1
    games = [curve for curve in compact if curve.dataset == "games"]
    styles = curve_styles(games)
    assert {styles[curve_key(curve)].dash for curve in games if curve.scale is None} == {"solid"}
    assert "solid" not in {styles[curve_key(curve)].dash for curve in games if curve.scale is not None}


def test_the_axis_opens_on_the_rates_asked_for_and_counts_what_lies_beyond() -> None:
    figure = charts.rd_chart(curves(), rates=(0.1, 0.5))
    assert tuple(figure.layout.xaxis.range) == (0.0, 0.5)
    # Of each of the three curves, the rates are 0.11, 0.21, 0.41 and 0.81 bpp.
    assert "3 variants off the axis" in figure.layout.title.subtitle.text.replace("<br>", " ")
    low, high = figure.layout.yaxis.range
    assert low < 31 < 33 + 2 + 2 < high < 39
    assert sum(len(trace.x) for trace in figure.data) == 12  # Drawn all the same: zooming out shows them.
    assert charts.rd_chart(curves(), rates=(0.1, 0.5), log_rate=True).layout.xaxis.range[1] == pytest.approx(
        math.log10(0.5)
    )


def _lab(colour: str, deficiency: np.ndarray) -> np.ndarray:
    """CIELAB of "#RRGGBB" as somebody with a colour vision deficiency sees it."""
    from skimage.color import rgb2lab

    encoded = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(deficiency @ linear, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None, None])[0, 0]


# Machado, Oliveira, Fernandes 2009, severity 1.
PROTAN = np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]])
DEUTAN = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])


@pytest.mark.parametrize("deficiency", [np.eye(3), PROTAN, DEUTAN], ids=["none", "protan", "deutan"])
def test_colour_blind_readers_can_tell_the_codecs_met_most(deficiency: np.ndarray) -> None:
    names = ("jpeg", "webp", "avif", "jxl", "jpeg2000", "mbt2018")
    for first, second in itertools.combinations(names, 2):
        distance = np.linalg.norm(
            _lab(palette.CODEC_COLOURS[first], deficiency) - _lab(palette.CODEC_COLOURS[second], deficiency)
        )
        assert distance > 8, (first, second)


def test_names_from_files_are_not_markup() -> None:
    rows = [ResultRow("<b>set</b>", "<i>.png", variant="<a href='x'>-q1", codec="<a>", bpp=1.0, psnr_rgb=30.0)]
    shown = rd_curves(rows_table(rows), "psnr_rgb")
    for figure in (charts.rd_chart(shown), charts.image_curves_chart(shown), charts.scatter_chart(shown)):
        for text in (figure.layout.title.text, figure.data[0].name, figure.data[0].text[0]):
            assert "<b>set" not in text
            assert "<a " not in text
            assert "<i>" not in text


def test_the_chart_of_single_images_has_a_line_per_image_that_names_it() -> None:
    figure = charts.image_curves_chart(curves())
    jpeg = next(trace for trace in figure.data if trace.name == "jpeg")
    # Three lines of four points, each followed by a gap.
    assert np.flatnonzero(np.isnan(jpeg.y)).tolist() == [4, 9, 14]
    np.testing.assert_allclose(jpeg.y[10:14], [32, 34, 36, 38])
    assert list(jpeg.customdata[5]) == ["jpeg-q0", "1.png", "games"]
    assert "2.png" in jpeg.text[10]


def test_of_many_images_an_even_choice_is_drawn_and_said() -> None:
    shown = curves(charts.MAX_IMAGES + 50)[:1]
    figure = charts.image_curves_chart(shown)
    assert np.isnan(figure.data[0].y).sum() == charts.MAX_IMAGES
    assert figure.layout.title.subtitle.text == "one line per image (200 of 250 shown)"


def test_the_scatter_has_a_marker_per_image_and_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = charts.scatter_chart(curves())
    assert sum(len(trace.x) for trace in figure.data) == 3 * 3 * 4
    assert set(map(tuple, figure.data[0].customdata)) == {
        (f"jpeg-q{quality}", f"{image}.png", "games") for quality in range(4) for image in range(3)
    }
    monkeypatch.setattr(charts, "MAX_MARKERS", 12)
    figure = charts.scatter_chart(curves())
    assert sum(len(trace.x) for trace in figure.data) == 12
    assert figure.layout.title.subtitle.text == "one marker per image and variant (12 of 36 shown)"


def test_the_domain_gap_chart_shows_the_matrix() -> None:
    rows = [
        ResultRow(
            tested,
            "a.png",
            variant=f"mbt2018-q{quality}-{trained}",
            codec="mbt2018",
            trained_on=trained,
            bpp=0.1 * 2**quality * (2 if trained != tested else 1),
            psnr_rgb=30.0 + quality,
        )
        for tested in ("games", "photos")
        for trained in ("games", "photos")
        for quality in range(4)
    ]
    (gap,) = domain_gap(rd_curves(rows_table(rows), "psnr_rgb"))
    figure = domain_gap_chart(gap)
    np.testing.assert_allclose(figure.data[0].z, [[0, 0], [100, -50]], atol=1e-9)
    assert list(figure.data[0].text[1]) == ["+100.0 %", "-50.0 %"]
    assert figure.layout.xaxis.title.text == "Tested on (data set)"


def test_a_chart_without_curves_is_empty_not_an_error() -> None:
    assert charts.rd_chart([]).layout.title.text == "Metric over rate: no data"
    assert len(charts.scatter_chart([]).data) == 0


@pytest.mark.parametrize("suffix", [".html", ".png", ".svg", ".pdf"])
def test_a_chart_is_written_in_the_format_of_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"chart{suffix}"
    write_rd_chart(path, curves(), references=rd_curves(load_results(THESIS).table, "psnr_rgb"), log_rate=True)
    content = path.read_bytes()
    starts = {".html": b"<!doctype html>", ".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert content.startswith(starts[suffix])
    if suffix == ".html":
        assert b"cdn.plot.ly/plotly-" not in content  # Works offline.
        assert b"mbt2018-mse-games" in content


def test_an_unknown_chart_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthcompError, match=r"chart\.gif: charts are written as"):
        write_rd_chart(tmp_path / "chart.gif", curves())
    assert list(tmp_path.iterdir()) == []


def test_lines_of_many_points_are_drawn_for_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = curves(10)
    per_image = sum(len(curve.points) for curve in shown)
    monkeypatch.setattr(charts, "MAX_LINE_POINTS", 5 * per_image + 1)
    figure = charts.image_curves_chart(shown)
    assert sum(int(np.isfinite(trace.y).sum()) for trace in figure.data) == 5 * per_image
    assert figure.layout.title.subtitle.text == "one line per image (5 of 10 shown)"


def test_a_click_in_the_legend_leaves_one_codec_whose_curves_stand_together() -> None:
    shown = curves()
    figure = charts.rd_chart([shown[1], shown[0], *shown[2:]], bands=True)
    assert figure.layout.legend.groupclick == "togglegroup"
    assert figure.layout.legend.itemclick == "toggleothers"
    assert figure.layout.legend.traceorder == "grouped"
    by_codec: dict[str, list] = {}
    for trace in figure.data:
        by_codec.setdefault(trace.legendgroup, []).append(trace)
    assert set(by_codec) == {"mbt2018", "jpeg"}
    lines = {codec: [trace for trace in traces if trace.showlegend is not False] for codec, traces in by_codec.items()}
    assert {codec: len(traces) for codec, traces in lines.items()} == {"mbt2018": 2, "jpeg": 1}
    assert {trace.legendgrouptitle.text for trace in lines["mbt2018"]} == {"mbt2018"}
    assert not lines["jpeg"][0].legendgrouptitle.text  # One curve says its codec itself.
    assert all(trace.showlegend is False or trace.name for trace in figure.data)
