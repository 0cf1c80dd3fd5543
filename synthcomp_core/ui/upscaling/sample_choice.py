"""Which FSR samples the Upscaling page shows: adopted ones, a folder or a zip, and of them an image and its modes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.storage import typed_path
from synthcomp_core.ui import query
from synthcomp_core.ui.viewer import MAX_PICTURES
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers.fsr_samples import SampleFile, SampleSet, open_samples
from synthcomp_core.variants.adoption import sample_sets

_MOST = MAX_PICTURES - 1  # The native image is one, too.


@dataclass(frozen=True)
class SampleChoice:
    """What the viewer shows of a set of samples. image: the native one; files: those shown against it."""

    image: str
    files: tuple[SampleFile, ...]


def pick_samples() -> Path | tuple[str, bytes] | None:
    """Draw the fields for samples: those adopted, a folder or zip as it was typed, an upload as (name, content)."""
    st.caption(
        "A folder in the thesis's layout: 1-native.png, 1-q2.png to 1-q5.png, the same with -sharpened, and optionally "
        "1-native_x2_SR.png."
    )
    adopted = sample_sets()
    chosen = None
    if adopted:
        query.check_choice("fsr_adopted", list(adopted), what="the samples")
        query.keep_among("fsr_adopted", list(adopted))
        chosen = st.selectbox("Adopted samples", list(adopted), key="fsr_adopted", bind="query-params")
    folder = st.text_input("Folder or zip on this machine", key="fsr_folder", bind="query-params").strip()
    archive = st.file_uploader(
        "or a zip from elsewhere", type=["zip"], key="fsr_zip", max_upload_size=limits.UPLOAD_BYTES // limits.MIB
    )
    if archive is not None:
        return archive.name, archive.getvalue()
    if folder:
        return Path(folder)
    return None if chosen is None else adopted[chosen]


def opened_samples(source: Path | tuple[str, bytes]) -> SampleSet | None:
    """The samples in what was picked; None, after one sentence, where there are none."""
    try:
        if isinstance(source, Path):
            return open_samples(typed_path(str(source)))
        return open_samples(source[1], name=source[0])
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None


def pick_sample(samples: SampleSet) -> SampleChoice:
    """Draw the choice of an image and of the modes that the viewer shows against it; say which of them it lacks."""
    query.check_choice("fsr_image", samples.images, what="the sample")
    query.keep_among("fsr_image", samples.images)
    image = str(st.selectbox("Image", samples.images, key="fsr_image", bind="query-params"))
    query.check_choices("fsr_kinds", samples.kinds, what="the mode")
    query.keep_among("fsr_kinds", samples.kinds)
    kinds = st.multiselect(
        "Against native", samples.kinds, default=samples.kinds[:_MOST], max_selections=_MOST, key="fsr_kinds",
        bind="query-params",
        help="q2: performance (x2), q3: balanced (x1.7), q4: quality (x1.5), q5: ultra quality (x1.3).",
    )  # fmt: skip
    wanted = [file for file in samples.files if file.image == image and file.kind in kinds]
    absent = [file.name for file in wanted if not samples.has(file.name)]
    if absent:
        st.caption(plain(f"Not in {samples.name}: {', '.join(absent)}."))
    return SampleChoice(image, tuple(file for file in wanted if file.name not in absent))
