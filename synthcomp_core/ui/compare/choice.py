"""What the Compare page compares: points of the matrix, other variants, classical codecs matched to one of them.

Every choice lives in the URL; a value there that is not available gets one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st

from synthcomp_core.codecs import list_families
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import list_renderings
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.named_choice import pick_many, pick_one
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant, has_codec
from synthcomp_core.variants.matching import ISO_QUANTITIES
from synthcomp_core.variants.names import family_name, scaling_name, variant_name
from synthcomp_core.variants.snapshot_matrix import (
    DISTORTION_LABELS,
    FULL,
    MatrixAxes,
    all_axes,
    matrix_cells,
    matrix_points,
    rendered_points,
)

SCALES = ("2", "1.7", "1.5", "1.3")
EXAMPLES = ("jpeg-q50", "webp-q50", "avif-q50", "jxl-q50", "none@x2-bicubic", "none@x2-fsr1")
_MAX_ID_LENGTH = 200  # No id is longer; sentences about one repeat it.


@dataclass(frozen=True)
class IsoLock:
    """Classical families to bring to the same ``quantity`` as the variant ``anchor``."""

    families: tuple[str, ...]
    quantity: str
    anchor: Variant


@dataclass(frozen=True)
class ComparisonChoice:
    """What to compare. variants: in the order of the page, each once, without the matched ones."""

    axes: MatrixAxes | None
    variants: tuple[Variant, ...]
    lock: IsoLock | None

    @property
    def matrix(self) -> tuple[Variant, ...]:
        """The variants of the matrix."""
        cells = matrix_cells(self.axes) if self.axes is not None else []
        return tuple(cell.variant for cell in cells if cell.variant is not None)


def pick_comparison() -> ComparisonChoice:
    """Draw the widgets and return what they describe."""
    axes = _pick_axes()
    extra = _pick_extra()
    cells = matrix_cells(axes) if axes is not None else []
    variants = tuple(dict.fromkeys([cell.variant for cell in cells if cell.variant is not None] + list(extra)))
    absent = sum(cell.variant is None for cell in cells)
    if absent:
        have, are = ("has", "is") if absent == 1 else ("have", "are")
        of_matrix = "The only point" if len(cells) == 1 else f"{absent} of the {len(cells)} points"
        st.caption(f"{of_matrix} of the matrix {have} no snapshot installed and {are} not shown.")
    return ComparisonChoice(axes, variants, _pick_lock(variants))


def _pick_axes() -> MatrixAxes | None:
    points = matrix_points()
    if not points:
        st.info("No installed codec snapshot has a place in the matrix yet; name other variants below.")
        return None
    models = sorted({point.model for point in points})
    model = None
    if len(models) > 1:
        query.check_choice("model", models, what="the model")
        default = all_axes().model
        model = st.selectbox("Model", models, index=models.index(default), key="model", bind="query-params")
    found = all_axes(model)
    at_quality, at_training = st.columns([2, 3], gap="small")
    with at_quality:
        qualities = _pills("quality", "Quality (λ)", [str(quality) for quality in found.qualities], 1)
    with at_training:
        trained_on = _pills("trained_on", "Trained on", list(found.trained_on), 1)
    distortions = pick_many(
        "Trained for",
        list(found.distortions),
        key="distortion",
        default=found.distortions,
        name_of=lambda name: DISTORTION_LABELS.get(name, name),
        widget=partial(st.pills, selection_mode="multi"),
    )
    scalings = _pick_scalings()
    return MatrixAxes(
        found.model,
        tuple(sorted(int(quality) for quality in qualities)),
        tuple(name for name in found.distortions if name in distortions),
        tuple(name for name in found.trained_on if name in trained_on),
        tuple(scalings),
    )


def _pills(key: str, label: str, options: list[str], first: int) -> list[str]:
    query.check_choices(key, options)
    query.keep_among(key, options)
    picked = st.pills(label, options, selection_mode="multi", default=options[:first], key=key, bind="query-params")
    return [str(value) for value in picked]


def scaling_options() -> list[str]:
    """Full resolution, then every available upscaler at half resolution, then those that take any scale at others."""
    upscalers = [upscaler for upscaler in list_upscalers() if upscaler.available and upscaler.scale in (None, 2)]
    upscalers.sort(key=lambda upscaler: upscaler.kind != "neural")
    options = [FULL]
    for scale in SCALES:
        for upscaler in upscalers:
            if scale == "2" or upscaler.kind != "neural":
                options.append(f"x{scale}-{upscaler.id}")
    # Renderings made elsewhere need no upscaler here.
    rendered = [scaling for _, _, _, scaling in rendered_points() if scaling not in options]
    return [*options, *dict.fromkeys(rendered)]


def _pick_scalings() -> list[str]:
    options = scaling_options()
    return pick_many(
        "Resolution and upscaler",
        options,
        key="scaling",
        default=[FULL, "x2-rcan" if "x2-rcan" in options else "x2-bicubic"],
        name_of=_scaling_name,
        widget=partial(
            st.multiselect,
            help="Half resolution + RCAN: coded at half the width and height, and upscaled by RCAN.",
        ),
    )


def _scaling_name(scaling: str) -> str:
    name = scaling_name(scaling)
    return name[:1].upper() + name[1:]


def _pick_extra() -> tuple[Variant, ...]:
    texts = st.multiselect(
        "Other variants",
        [*EXAMPLES, *(rendered.id for rendered in list_renderings())],
        default=[],
        key="variant",
        bind="query-params",
        accept_new_options=True,
        placeholder="CODEC or CODEC@xSCALE-UPSCALER, as in jpeg-q75 or none@x1.5-fsr1",
        help="Any variant id: type it and press Enter.",
    )
    variants = []
    for text in texts:
        try:
            variant = Variant.parse(str(text).strip()[:_MAX_ID_LENGTH])
        except SynthcompError as error:
            st.warning(plain(str(error)))
            continue
        if has_codec(variant.codec):
            variants.append(variant)
        else:
            st.warning(
                f"There is no codec {plain(variant.codec[:80])}, so {plain(str(variant)[:80])} was ignored; "
                "pick another codec, or import or train the snapshot."
            )
    return tuple(variants)


def _pick_lock(variants: tuple[Variant, ...]) -> IsoLock | None:
    families = [family.name for family in list_families() if family.qualities is not None]
    wanted = pick_many(
        "Classical codecs, matched",
        families,
        key="classical",
        default=(),
        name_of=family_name,
        widget=partial(st.pills, selection_mode="multi"),
    )
    quantity = pick_one(
        "Hold",
        list(ISO_QUANTITIES),
        key="hold",
        name_of=lambda name: ISO_QUANTITIES[name].label[:1].upper() + ISO_QUANTITIES[name].label[1:],
        what="the quantity to hold",
        help="What the classical codecs are to share with the variant under “Equal to”: each gets the quality that "
        "comes closest.",
    )
    anchors = [str(variant) for variant in variants]
    if not anchors:
        return None
    anchor = pick_one("Equal to", anchors, key="equal_to", name_of=lambda anchor: variant_name(Variant.parse(anchor)))
    return IsoLock(tuple(wanted), quantity, Variant.parse(anchor)) if wanted else None
