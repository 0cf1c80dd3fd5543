"""Rate-distortion charts for the app as plotly figures: mean curves, and curves and points of single images.

How each curve looks is said by :mod:`.curve_styles`. Every point carries (variant, image, data set) as customdata; the
image is empty for a mean.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthcomp_core.errors import SnapshotError
from synthcomp_core.figures.curve_styles import curve_key, curve_styles
from synthcomp_core.figures.palette import see_through
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.metrics import METRICS
from synthcomp_core.metrics.means import NORMAL_95
from synthcomp_core.progress import counted
from synthcomp_core.results.curves import RDCurve, RDPoint
from synthcomp_core.results.labels import family_title

if TYPE_CHECKING:
    import plotly.graph_objects as go

RATE_TITLE = "Rate [bit per pixel]"
MAX_IMAGES = 200  # More lines than this show nothing, and a browser draws them slowly.
MAX_MARKERS = 20_000
MAX_LINE_POINTS = 40_000  # In all lines together: the hover text of every point goes to the browser.
_FIRST_RANK = 1000  # plotly's default.
_BAND_OPACITY = 0.18
_NAMED = 6  # Variants named in a sentence on the chart.
_TITLE_CHARACTERS, _NOTE_CHARACTERS = 42, 54  # In a line above the chart: what fits on a phone.
_AXIS_MARGIN = 0.05  # Free above and below the values, as a share of their range.


def legend_label(curve: RDCurve, curves: Iterable[RDCurve], *, escape: bool = True) -> str:
    """The curve's name for a legend, with its data set if the chart has several; escaped and wrapped for plotly."""
    several = len({other.dataset for other in curves}) > 1
    label = f"{curve.shown} on {curve.dataset}" if several else curve.shown
    return "<br>".join(_wrapped(label, _TITLE_CHARACTERS)) if escape else label


def rd_chart(
    curves: Sequence[RDCurve],
    *,
    references: Sequence[RDCurve] = (),
    log_rate: bool = False,
    bands: bool = False,
    rates: tuple[float, float] | None = None,
) -> go.Figure:
    """Mean curves; ``references`` dashed. bands: the 95 % confidence of the mean over images, shaded.

    rates: the lowest and highest rate that the axis opens on, in bits per pixel, None for all of them; variants beyond
    are counted in the subtitle, and a double click shows them. Points at which all images are identical to their
    references are named below the chart, not drawn.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    shown = [*curves, *references]
    styles = curve_styles(curves, references)
    drawn = [curve for curve in shown if curve.points]
    groups = _legend_groups(drawn)
    for curve in drawn:
        label, style = legend_label(curve, shown), styles[curve_key(curve)]
        is_reference = any(curve is reference for reference in references)
        if bands and not curve.published and len(curve.images) > 1:
            figure.add_trace(_band(curve, style.colour, curve.codec))
        figure.add_trace(
            go.Scatter(
                x=curve.mean_rates,
                y=curve.mean_values,
                name=f"{label} (reference)" if is_reference else label,
                legendgroup=curve.codec,
                legendgrouptitle={"text": groups[curve.codec]},
                legendrank=_FIRST_RANK + list(groups).index(curve.codec),
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": style.symbol, "size": 8},
                # Stubs: numbers only.
                customdata=[(point.variant, "", curve.dataset) for point in curve.points],  # type: ignore[misc]
                text=[_hover(curve, point) for point in curve.points],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    note = "means over images" + (", shaded: 95 % confidence of the mean" if bands else "")
    beyond = [] if rates is None else points_beyond(shown, rates)
    if beyond:
        note += f"; {counted(len(beyond), 'variant')} off the axis: double-click to see all"
    _lay_out(figure, shown, log_rate, note)
    if rates is not None:
        _zoom(figure, shown, rates, log_rate)
    _name_identical(figure, shown)
    return figure


def _legend_groups(curves: Sequence[RDCurve]) -> dict[str, str]:
    """The heading of each codec's curves in the legend, in order of appearance; none over a single curve."""
    codecs = [curve.codec for curve in curves]
    titles = {curve.codec: html.escape(family_title(curve)) for curve in curves}
    return {codec: titles[codec] if codecs.count(codec) > 1 else "" for codec in codecs}


def points_beyond(curves: Iterable[RDCurve], rates: tuple[float, float]) -> list[RDPoint]:
    """The points of the curves whose rates lie outside of the lowest and the highest of ``rates``."""
    return [point for curve in curves for point in curve.points if not rates[0] <= point.rate <= rates[1]]


def image_curves_chart(curves: Sequence[RDCurve], *, log_rate: bool = False) -> go.Figure:
    """A thin line per image and curve; of many images an even selection, as the title says.

    Many means more than MAX_IMAGES images, or more than MAX_LINE_POINTS points.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    most = max((len(curve.images) for curve in curves), default=0)
    points_per_image = max(1, sum(len(curve.points) for curve in curves))
    drawn = max(1, min(MAX_IMAGES, MAX_LINE_POINTS // points_per_image))
    styles = curve_styles(curves)
    for curve in [curve for curve in curves if curve.points]:
        # One trace per curve, its lines separated by gaps: a trace per image would be slow to draw.
        x: list[float] = []
        y: list[float] = []
        places: list[tuple[str, str, str]] = []
        texts: list[str] = []
        style = styles[curve_key(curve)]
        for column in _even_choice(len(curve.images), drawn):
            measured = np.flatnonzero(np.isfinite(curve.values[:, column]))
            for row in measured[np.argsort(curve.rates[measured, column], kind="stable")]:
                point, image = curve.points[row], curve.images[column]
                x.append(float(curve.rates[row, column]))
                y.append(float(curve.values[row, column]))
                places.append((point.variant, image, curve.dataset))
                texts.append(_hover(curve, point, image, x[-1], y[-1]))
            x.append(math.nan)
            y.append(math.nan)
            places.append(("", "", ""))
            texts.append("")
        figure.add_trace(
            go.Scattergl(
                x=x,
                y=y,
                name=legend_label(curve, curves),
                legendgroup=curve.codec,
                mode="lines+markers",
                opacity=0.5,
                connectgaps=False,
                line={"color": style.colour, "dash": style.dash, "width": 1},
                marker={"size": 5, "symbol": style.symbol},
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
    drawn, total = 0, sum(int(np.isfinite(curve.values).sum()) for curve in curves)
    styles = curve_styles(curves)
    for curve in curves:
        style = styles[curve_key(curve)]
        rows, columns = np.nonzero(np.isfinite(curve.values))
        share = max(1, round(MAX_MARKERS * len(rows) / max(total, 1)))
        chosen = _even_choice(len(rows), share if total > MAX_MARKERS else len(rows))
        places = [(int(rows[index]), int(columns[index])) for index in chosen]
        drawn += len(places)
        figure.add_trace(
            go.Scattergl(
                x=[curve.rates[place] for place in places],
                y=[curve.values[place] for place in places],
                name=legend_label(curve, curves),
                legendgroup=curve.codec,
                mode="markers",
                marker={"color": style.colour, "size": 5, "opacity": 0.6, "symbol": style.symbol},
                customdata=[(curve.points[row].variant, curve.images[column], curve.dataset) for row, column in places],
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


def mode_bar(name: str, image_format: str = "svg") -> dict[str, Any]:
    """plotly's config for a chart: the mode bar saves an image ("svg" or "png") called ``name``."""
    scale = 1 if image_format == "svg" else 3
    return {"displaylogo": False, "toImageButtonOptions": {"format": image_format, "filename": name, "scale": scale}}


def _band(curve: RDCurve, colour: str, group: str) -> go.Scatter:
    """The 95 % confidence of the mean at every point, as an outline from low to high and back."""
    import plotly.graph_objects as go

    finite = np.where(np.isfinite(curve.values), curve.values, np.nan)
    counts = np.maximum(np.isfinite(finite).sum(axis=1), 2)
    error = NORMAL_95 * np.sqrt(np.nanvar(finite, axis=1) * counts / (counts - 1)) / np.sqrt(counts)
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
    if point.label:  # Which says all of that.
        settings = []
    if image:
        images = image
    elif curve.published:
        images = "published mean"
    else:
        images = f"mean of {counted(point.num_images, 'image')}"
    lines = [
        html.escape(point.shown, quote=False),
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
            texts.insert(0, counted(counts[0], "image") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} images")
        parts.append(f"{dataset} ({', '.join(texts)})")
    return ", ".join(parts) or "no data"


def _lay_out(figure: go.Figure, curves: Sequence[RDCurve], log_rate: bool, note: str) -> None:
    first = curves[0] if curves else None
    title = f"{METRICS[first.metric].label if first else 'Metric'} over rate: {images_text(curves)}"
    heading, subtitle = _wrapped(title, _TITLE_CHARACTERS), _wrapped(note, _NOTE_CHARACTERS)
    # Curves rise to the right, so that the legend has room at the lower right; above if they fall.
    is_rising = first is None or first.higher_is_better
    figure.update_layout(
        title={"text": "<br>".join(heading), "subtitle": {"text": "<br>".join(subtitle)}},
        xaxis={"title": RATE_TITLE, "type": "log" if log_rate else "linear"},
        yaxis={"title": first.axis_label if first else "Metric"},
        hovermode="closest",
        # Inside of the plot: beside it, it would leave a phone no room for the curves.
        legend={
            "x": 1,
            "xanchor": "right",
            "y": 0 if is_rising else 1,
            "yanchor": "bottom" if is_rising else "top",
            "bgcolor": "rgba(0,0,0,0)",
            "itemclick": "toggleothers",
            "itemdoubleclick": "toggle",
            # The curves of a codec stand together, and a click leaves that codec alone.
            "groupclick": "togglegroup",
            "traceorder": "grouped",
            "tracegroupgap": 2,
        },
        margin={"l": 10, "r": 10, "t": 30 + 22 * len(heading) + 16 * len(subtitle)},
        template="plotly_white",
    )
    if not log_rate:
        figure.update_xaxes(rangemode="tozero")


def _wrapped(text: str, width: int) -> list[str]:
    """The text escaped for plotly, in lines of so many characters: plotly itself would cut it off on a phone."""
    return [html.escape(line, quote=False) for line in textwrap.wrap(text, width)]


def _zoom(figure: go.Figure, curves: Sequence[RDCurve], rates: tuple[float, float], log_rate: bool) -> None:
    """Open the axes on these rates and on the values found there."""
    low, high = rates
    inside = [point.value for curve in curves for point in curve.points if low <= point.rate <= high]
    if not inside:
        return
    figure.update_xaxes(range=[math.log10(low), math.log10(high)] if log_rate else [0.0, high], rangemode="normal")
    margin = _AXIS_MARGIN * ((max(inside) - min(inside)) or abs(inside[0]) or 1.0)
    figure.update_yaxes(range=[min(inside) - margin, max(inside) + margin])


def _name_identical(figure: go.Figure, curves: Sequence[RDCurve]) -> None:
    """Below the chart, the variants whose images are all identical to their references."""
    identical = [point for curve in curves for point in curve.identical]
    if not identical:
        return
    text = "Identical to the reference, not drawn: " + ", ".join(
        f"{point.shown} ({point.rate:.3g} bpp)" for point in identical[:_NAMED]
    )
    text += f" and {len(identical) - _NAMED} more" if len(identical) > _NAMED else ""
    figure.add_annotation(
        text="<br>".join(_wrapped(text, 2 * _NOTE_CHARACTERS)), align="left", font={"size": 11},
        xref="paper", yref="paper", x=0, y=-0.2, showarrow=False, xanchor="left",
    )  # fmt: skip
    figure.update_layout(margin={"b": 100})
