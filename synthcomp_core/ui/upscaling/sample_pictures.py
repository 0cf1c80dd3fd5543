"""The viewer on FSR samples: the native screenshot against the modes, each read when it is first shown, and kept."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.ui.upscaling.pictures import (
    Entry,
    UpscaledPicture,
    drop_others,
    keep_picture,
    kept_picture,
    show_against_native,
    show_failures,
    upscaled_picture,
)
from synthcomp_core.ui.upscaling.sample_choice import SampleChoice
from synthcomp_core.ui.viewer import Picture
from synthcomp_core.upscalers.fsr_samples import SampleFile, SampleSet


def show_sample(samples: SampleSet, choice: SampleChoice) -> SampleFile | None:
    """Draw the viewer with the images of a sample that have been read; the first one still to be read."""
    keys = {file: _key(samples, file) for file in choice.files}
    drop_others([samples.version(samples.native_name(choice.image)), *keys.values()])
    native = _native(samples, choice.image)
    if native.error is not None:
        show_failures([native.error], key="fsr_samples")
        return None
    found = {file: kept_picture(key) for file, key in keys.items()}
    missing = next((file for file, picture in found.items() if picture is None), None)
    name = samples.native_name(choice.image)
    show_against_native(
        Picture("native", f"Native · {name}", native.png, *native.size, "{}x{}".format(*native.size)),
        [Entry(file.kind, file.treatment.label_at_scale, picture) for file, picture in found.items()],
        name=name,
        key="fsr_samples",
        stage="" if missing is None else f"reading {missing.name}",
    )
    return missing


def read_sample(samples: SampleSet, file: SampleFile) -> None:
    """Read one image for the viewer, and hold it against its native one; what goes wrong is kept in its place."""
    try:
        native = _native_pixels(samples.version(samples.native_name(file.image)), samples, file.image)
        picture = upscaled_picture(native, samples.read_like(file, native))
    except SynthcompError as error:
        picture = UpscaledPicture(b"", error=str(error))
    keep_picture(_key(samples, file), picture)


def _native(samples: SampleSet, image: str) -> UpscaledPicture:
    """The native image for the viewer, read now unless it was before."""
    name = samples.native_name(image)
    key = samples.version(name)
    found = kept_picture(key)
    if found is None:
        try:
            native = _native_pixels(key, samples, image)
            found = upscaled_picture(native, native)
        except SynthcompError as error:
            found = UpscaledPicture(b"", error=str(error))
        keep_picture(key, found)
    return found


@st.cache_resource(max_entries=1, show_spinner=False)
def _native_pixels(version: Hashable, _samples: SampleSet, _image: str) -> Image:
    """The (H, W, 3) native image that was read last: its modes are read one after another."""
    return _samples.read(_samples.native_name(_image))


def _key(samples: SampleSet, file: SampleFile) -> Hashable:
    return samples.version(samples.native_name(file.image)), samples.version(file.name)
