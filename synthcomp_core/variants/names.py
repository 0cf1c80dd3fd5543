"""What people call a variant: "WebP, quality 80", "mbt2018, quality 4, MS-SSIM, games, half resolution + RCAN"."""

from __future__ import annotations

from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.codecs.ids import ANY_QUALITY
from synthcomp_core.codecs.options import CodecOption
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import PREFIX, is_files
from synthcomp_core.library.snapshot_ids import POINT_ID
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.progress import plural
from synthcomp_core.upscalers import built_in, list_upscalers
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS, FULL, LearnedPoint, learned_points
from synthcomp_core.variants.variant import Variant

_RESOLUTIONS = {2.0: "half resolution"}


def variant_name(variant: Variant) -> str:
    """The name of a variant for people; ids stay for links, files and tables.

    >>> variant_name(Variant.parse("webp-q80@x2-rcan"))
    'WebP, quality 80, half resolution + RCAN'
    >>> variant_name(Variant.parse("none@x1.5-bicubic"))
    'uncompressed, 1/1.5 resolution + bicubic'
    """
    name = codec_name(variant.codec)
    return name if variant.scale is None else f"{name}, {_scaling(variant)}"


def codec_name(codec: str) -> str:
    """The name of a codec, by its id.

    >>> codec_name("jpeg-q75+444"), codec_name("png"), codec_name("webp-psnr35"), codec_name("a-snapshot-of-mine")
    ('JPEG, quality 75, 4:4:4', 'PNG', 'WebP, PSNR 35.00 dB', 'a-snapshot-of-mine')
    >>> codec_name("files:dlss"), codec_name("mbt2018-psnr35-mse-games")
    ('dlss (file)', 'mbt2018, PSNR 35.00 dB, MSE, games')
    """
    if is_files(codec):
        return f"{codec.removeprefix(PREFIX)} (file)"
    parsed = CodecId.parse(codec)
    quality = "" if parsed.quality is None else f", quality {parsed.quality:g}"
    aim = "" if parsed.target is None else f", {parsed.target.shown}"
    options = [_option_name(option, word) for option in parsed.available_options if (word := _word(parsed, option))]
    if parsed.target is not None and parsed.is_learned:
        return ", ".join([*_family_and_aim(parsed.family, parsed.target.shown), *options])
    if parsed.is_learned:
        point = next((point for point in learned_points() if point.id == parsed.family), None)
        name = parsed.family if point is None else point_name(point)
    else:
        name = family_name(parsed.family)
    return ", ".join([name + quality + aim, *options])


def _family_and_aim(family: str, aim: str) -> list[str]:
    """The parts of the name of a family of snapshots that aims at something, in the order of that of a snapshot."""
    match = POINT_ID.fullmatch(family.replace(ANY_QUALITY, "q0"))
    if match is None:
        return [family.replace(f"-{ANY_QUALITY}", ""), aim]
    return [match["model"], aim, DISTORTION_LABELS[Distortion.parse(match["distortion"]).short], match["trained_on"]]


def family_name(family: str) -> str:
    """The name of a classical family, without its quality.

    >>> family_name("jxl"), family_name("none")
    ('JPEG XL', 'uncompressed')
    """
    return "uncompressed" if family == "none" else FAMILIES[family].label.partition(" (")[0]


def option_name(family: str, word: str) -> str:
    """The name of an option of a classical family, by its word in an id; other words stay as they are.

    >>> option_name("avif", "444"), option_name("avif", "s4"), option_name("mbt2018", "e2")
    ('4:4:4', 'speed 4', 'e2')
    """
    options = FAMILIES[family].options if family in FAMILIES else ()
    return next((_option_name(option, word) for option in options if word in option.words), word)


def _option_name(option: CodecOption, word: str) -> str:
    """A choice as it stands in a name: numbers with what they are of."""
    label = option.label_of(word)
    return label if option.numbers is None else f"{option.name} {label.partition(' ')[0]}"


def _word(codec: CodecId, option: CodecOption) -> str:
    """The word of an option that a codec sets; "" where it is left at its default."""
    return next((word for word in codec.options if word in option.words), "")


def point_name(point: LearnedPoint) -> str:
    """The name of a snapshot that has a place in the matrix."""
    distortion = DISTORTION_LABELS.get(point.distortion, point.distortion)
    return f"{point.model}, quality {point.quality}, {distortion}, {point.trained_on}"


def resolution_name(scale: float | None) -> str:
    """The name of a resolution scale per side.

    >>> resolution_name(None), resolution_name(2), resolution_name(1.7)
    ('full resolution', 'half resolution', '1/1.7 resolution')
    """
    return "full resolution" if scale is None else _RESOLUTIONS.get(scale, f"1/{scale:g} resolution")


def scaling_name(scaling: str) -> str:
    """The name of a scaling of the matrix; one of another form, of renderings made elsewhere, stays as it is.

    >>> scaling_name("full"), scaling_name("x2-lanczos")
    ('full resolution', 'half resolution + Lanczos')
    """
    if scaling == FULL:
        return resolution_name(None)
    try:
        variant = Variant.parse(f"none@{scaling}")
    except SynthcompError:
        return scaling
    return _scaling(variant)


def scaling_label(scaling: str) -> str:
    """The name of a scaling with its factor, for the heading of a figure.

    >>> scaling_label("full"), scaling_label("x1.5-fsr1")
    ('full resolution', '1/1.5 resolution + FSR 1 ×1.5')
    """
    if scaling == FULL:
        return resolution_name(None)
    variant = Variant.parse(f"none@{scaling}")
    return f"{_scaling(variant)} ×{variant.scale:g}"


def _scaling(variant: Variant) -> str:
    return f"{resolution_name(variant.scale)} + {upscaler_name(variant)}"


def upscaler_name(variant: Variant) -> str:
    """The name of a variant's upscaler; "" without one."""
    return upscaler_label(variant.upscaler or "")


def upscaler_label(upscaler: str) -> str:
    """The name of an upscaler in a variant's, by its id.

    >>> upscaler_label("fsr1"), upscaler_label("bicubic")
    ('FSR 1', 'bicubic')
    >>> upscaler_label("fsr1_s0.25"), upscaler_label("nis_s0.7")
    ('FSR 1 sharpened by 0.25 stops', 'NIS at sharpness 0.7')
    """
    method, _, sharpness = upscaler.partition("_s")
    if sharpness and (info := built_in(method)) is not None:
        if info.kind == "fsr1":
            return f"{info.short} sharpened by {sharpness} {plural(float(sharpness), 'stop')}"
        return f"{info.short} at sharpness {sharpness}"
    if (info := built_in(upscaler)) is not None:
        return info.short
    return next((info.short for info in list_upscalers() if info.id == upscaler), upscaler)
