"""Rate-distortion charts for the app as plotly figures: mean curves, curves and points of single images, domain gap.

The colour says the codec, the markers what else differs. Every point carries (variant, image) as customdata; the image
is empty for a mean.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthcomp_core.errors import SnapshotError
from synthcomp_core.figures.palette import FEWER_BITS, MORE_BITS, NEUTRAL, codec_colour, see_through
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.curves import RDCurve, RDPoint
from synthcomp_core.results.domain_gap import DomainGap

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "triangle-down", "hexagon")
_RATE_TITLE = "Rate [bit per pixel]"
MAX_IMAGES = 200  # More lines than this show nothing, and a browser draws them slowly.
MAX_MARKERS = 20_000
MAX_LINE_POINTS = 40_000  # In all lines together: the hover text of every point goes to the browser.
_NORMAL_95 = 1.96
_BAND_OPACITY = 0.18


def curve_label(curve: RDCurve, curves: Iterable[RDCurve], *, escape: bool = True) -> str:
    """The curve's name for a legend, with its data set if the chart has several; escaped for plotly."""
    several = len({other.dataset for other in curves}) > 1
    label = f"{curve.name} on {curve.dataset}" if several else curve.name
    return html.escape(label, quote=False) if escape else label


def rd_chart(
    curves: Sequence[RDCurve], *, references: Sequence[RDCurve] = (), log_rate: bool = False, bands: bool = False
) -> go.Figure:
    """Mean curves; ``references`` dashed. bands: the 95 % confidence of the mean over images, shaded.

    Points at which all images are identical to their references are named below the chart, not drawn.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    shown = [*curves, *references]
    symbols = _symbols(shown)
    for curve in [curve for curve in shown if curve.points]:
        label, colour = curve_label(curve, shown), codec_colour(curve.codec)
        group = f"{curve.dataset}/{curve.name}"
        is_reference = any(curve is reference for reference in references)
        if bands and not curve.published and len(curve.images) > 1:
            figure.add_trace(_band(curve, colour, group))
        figure.add_trace(
            go.Scatter(
                x=curve.mean_rates,
                y=curve.mean_values,
                name=f"{label} (reference)" if is_reference else label,
                legendgroup=group,
                mode="lines+markers",
                line={"color": colour, "dash": "dash" if is_reference else "solid", "width": 2},
                marker={"symbol": symbols[curve.name], "size": 8},
                customdata=[(point.variant, "") for point in curve.points],  # type: ignore[misc]  # Stubs: numbers only.
                text=[_hover(curve, point) for point in curve.points],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    _lay_out(figure, shown, log_rate, "means over images" + (", shaded: 95 % confidence of the mean" if bands else ""))
    identical = [point for curve in shown for point in curve.identical]
    if identical:
        text = "Identical to the reference, not drawn: " + ", ".join(
            html.escape(f"{point.variant} ({point.rate:.3g} bpp)", quote=False) for point in identical[:6]
        )
        text += f" and {len(identical) - 6} more" if len(identical) > 6 else ""
        figure.add_annotation(
            text=text, xref="paper", yref="paper", x=0, y=-0.2, showarrow=False, xanchor="left", font={"size": 11}
        )
        figure.update_layout(margin={"b": 100})
    return figure


def image_curves_chart(curves: Sequence[RDCurve], *, log_rate: bool = False) -> go.Figure:
    """A thin line per image and curve; of many images an even selection, as the title says.

    Many means more than MAX_IMAGES images, or more than MAX_LINE_POINTS points.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    most = max((len(curve.images) for curve in curves), default=0)
    points_per_image = max(1, sum(len(curve.points) for curve in curves))
    drawn = max(1, min(MAX_IMAGES, MAX_LINE_POINTS // points_per_image))
    symbols = _symbols(curves)
    for curve in [curve for curve in curves if curve.points]:
        # One trace per curve, its lines separated by gaps: a trace per image would be slow to draw.
        x: list[float] = []
        y: list[float] = []
        places: list[tuple[str, str]] = []
        texts: list[str] = []
        for column in _even_choice(len(curve.images), drawn):
            measured = np.flatnonzero(np.isfinite(curve.values[:, column]))
            for row in measured[np.argsort(curve.rates[measured, column], kind="stable")]:
                point, image = curve.points[row], curve.images[column]
                x.append(float(curve.rates[row, column]))
                y.append(float(curve.values[row, column]))
                places.append((point.variant, image))
                texts.append(_hover(curve, point, image, x[-1], y[-1]))
            x.append(math.nan)
            y.append(math.nan)
            places.append(("", ""))
            texts.append("")
        figure.add_trace(
            go.Scattergl(
                x=x,
                y=y,
                name=curve_label(curve, curves),
                mode="lines+markers",
                opacity=0.5,
                connectgaps=False,
                line={"color": codec_colour(curve.codec), "width": 1},
                marker={"size": 5, "symbol": symbols[curve.name]},
                customdata=places,
                text=texts,
                hovertemplate="%{text}<extra></extra>",
            )
        )
    note = "one line per image" + ("" if most <= drawn else f" ({drawn} of {most} shown)")
    _lay_out(figure, curves, log_rate, note)
    return figure


def scatter_chart(curves: Sequence[RDCurve], *, log_rate: bool = False) -> go.Figure:
    """A marker per image and variant; of more than MAX_MARKERS an even selection, as the title says."""
    import plotly.graph_objects as go

    figure = go.Figure()
    drawn = 0
    total = sum(int(np.isfinite(curve.values).sum()) for curve in curves)
    symbols = _symbols(curves)
    for curve in curves:
        rows, columns = np.nonzero(np.isfinite(curve.values))
        share = max(1, round(MAX_MARKERS * len(rows) / max(total, 1)))
        chosen = _even_choice(len(rows), share if total > MAX_MARKERS else len(rows))
        places = [(int(rows[index]), int(columns[index])) for index in chosen]
        drawn += len(places)
        figure.add_trace(
            go.Scattergl(
                x=[curve.rates[place] for place in places],
                y=[curve.values[place] for place in places],
                name=curve_label(curve, curves),
                mode="markers",
                marker={"color": codec_colour(curve.codec), "size": 5, "opacity": 0.6, "symbol": symbols[curve.name]},
                customdata=[(curve.points[row].variant, curve.images[column]) for row, column in places],
                text=[
                    _hover(
                        curve,
                        curve.points[row],
                        curve.images[column],
                        float(curve.rates[row, column]),
                        float(curve.values[row, column]),
                    )
                    for row, column in places
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    note = "one marker per image and variant" + ("" if drawn == total else f" ({drawn:,} of {total:,} shown)")
    _lay_out(figure, curves, log_rate, note)
    return figure


def domain_gap_chart(gap: DomainGap) -> go.Figure:
    """The BD-rates of a domain gap as a heat map, training set x data set; blue: fewer bits, orange: more."""
    import plotly.graph_objects as go

    matrix = np.array([[np.nan if value is None else value for value in row] for row in gap.rate_percent])
    largest = max((abs(value) for row in gap.rate_percent for value in row if value is not None), default=1.0) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            # plotly's stubs know no lists of names here.
            x=[html.escape(name, quote=False) for name in gap.tested_on],  # type: ignore[arg-type]
            y=[html.escape(name, quote=False) for name in gap.trained_on],  # type: ignore[arg-type]
            zmin=-largest,
            zmax=largest,
            colorscale=[(0, FEWER_BITS), (0.5, NEUTRAL), (1, MORE_BITS)],
            text=[["" if value is None else f"{value:+.1f} %" for value in row] for row in gap.rate_percent],  # type: ignore[arg-type]
            texttemplate="%{text}",
            colorbar={"title": "BD-rate [%]"},
            hovertemplate="trained on %{y}, tested on %{x}: %{z:+.2f} %<extra></extra>",
        )
    )
    figure.update_layout(
        title={"text": html.escape(f"{gap.family}: BD-rate against training on {gap.reference}", quote=False)},
        xaxis={"title": "Tested on (data set)", "type": "category"},
        yaxis={"title": "Trained on (data set)", "type": "category"},
        template="plotly_white",
    )
    return figure


def mode_bar(name: str, image_format: str = "svg") -> dict[str, Any]:
    """plotly's config for a chart: the mode bar saves an image ("svg" or "png") called ``name``."""
    scale = 1 if image_format == "svg" else 3
    return {"displaylogo": False, "toImageButtonOptions": {"format": image_format, "filename": name, "scale": scale}}


def _symbols(curves: Iterable[RDCurve]) -> dict[str, str]:
    """A marker for every curve: different for curves of the same colour, open if the images were upscaled."""
    symbols: dict[str, str] = {}
    taken: dict[str, int] = {}
    for curve in curves:
        if curve.name not in symbols:
            colour = codec_colour(curve.codec)
            number = taken.get(colour, 0)
            taken[colour] = number + 1
            symbols[curve.name] = _SYMBOLS[number % len(_SYMBOLS)] + ("-open" if curve.scale is not None else "")
    return symbols


def _band(curve: RDCurve, colour: str, group: str) -> go.Scatter:
    """The 95 % confidence of the mean at every point, as an outline from low to high and back."""
    import plotly.graph_objects as go

    finite = np.where(np.isfinite(curve.values), curve.values, np.nan)
    counts = np.maximum(np.isfinite(finite).sum(axis=1), 2)
    error = _NORMAL_95 * np.sqrt(np.nanvar(finite, axis=1) * counts / (counts - 1)) / np.sqrt(counts)
    rates, values = curve.mean_rates, curve.mean_values
    return go.Scatter(
        x=np.concatenate([rates, rates[::-1]]),
        y=np.concatenate([values + error, (values - error)[::-1]]),
        legendgroup=group,
        showlegend=False,
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=see_through(colour, _BAND_OPACITY),
        hoverinfo="skip",
    )


def _even_choice(number: int, most: int) -> list[int]:
    """At most ``most`` of the positions 0 .. number - 1, evenly spread."""
    if number <= most:
        return list(range(number))
    return sorted({int(position) for position in np.linspace(0, number - 1, most)})


def _hover(
    curve: RDCurve, point: RDPoint, image: str = "", rate: float | None = None, value: float | None = None
) -> str:
    """The text at the pointer: the settings, the image or the number of images, and both coordinates."""
    settings = [
        f"quality {point.quality:g}" if point.quality is not None else "",
        f"optimised for {_distortion_label(curve.distortion)}" if curve.distortion else "",
        f"trained on {curve.trained_on}" if curve.trained_on else "",
        f"x{curve.scale:g} by {curve.upscaler}" if curve.scale is not None else "",
    ]
    if image:
        images = image
    elif curve.published:
        images = "published mean"
    else:
        images = f"mean of {point.num_images} image{'s' * (point.num_images != 1)}"
    lines = [
        html.escape(point.variant, quote=False),
        html.escape(", ".join(setting for setting in settings if setting), quote=False),
        html.escape(f"{curve.dataset}, {images}", quote=False),
        f"{point.rate if rate is None else rate:.4g} bpp{' (estimated)' if point.estimated else ''}",
        f"{METRICS[curve.metric].label} {curve.value_text(point.value if value is None else value)}",
    ]
    return "<br>".join(line for line in lines if line)


def _distortion_label(distortion: str) -> str:
    try:
        return Distortion.parse(distortion).label
    except SnapshotError:
        return distortion  # A table may come from elsewhere.


def images_text(curves: Sequence[RDCurve]) -> str:
    """The data sets and their numbers of images, for a title."""
    parts = []
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        members = [curve for curve in curves if curve.dataset == dataset]
        counts = sorted({len(curve.images) for curve in members if not curve.published})
        texts = ["published means"] if any(curve.published for curve in members) else []
        if counts:
            span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            texts.insert(0, f"{span} image{'s' * (counts != [1])}")
        parts.append(f"{dataset} ({', '.join(texts)})")
    return ", ".join(parts) or "no data"


def _lay_out(figure: go.Figure, curves: Sequence[RDCurve], log_rate: bool, note: str) -> None:
    first = curves[0] if curves else None
    label = first.axis_label if first else "Metric"
    title = f"{METRICS[first.metric].label if first else 'Metric'} over rate: {images_text(curves)}"
    figure.update_layout(
        title={"text": html.escape(title, quote=False), "subtitle": {"text": note}},
        xaxis={"title": _RATE_TITLE, "type": "log" if log_rate else "linear"},
        yaxis={"title": label},
        hovermode="closest",
        legend={"title": "Curve"},
        template="plotly_white",
    )
    if not log_rate:
        figure.update_xaxes(rangemode="tozero")
