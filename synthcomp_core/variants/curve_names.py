"""What people call a rate-distortion curve and its points: "AVIF", "mbt2018, MSE, games", "WebP, quality 80"."""

from __future__ import annotations

from synthcomp_core.codecs import FAMILIES
from synthcomp_core.codecs.targets import TARGET_KINDS
from synthcomp_core.library.renderings import is_files
from synthcomp_core.results.curves import RDCurve
from synthcomp_core.variants.names import codec_name, family_name, option_name, resolution_name, upscaler_label
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS

# Published curves of encoders that are no codecs here.
_ENCODERS = {"vtm": "VTM", "hm": "HM", "av1": "AV1", "bpg": "BPG"}


def curve_label(curve: RDCurve, quality: float | None = None) -> str:
    """The name of a curve for people, or with a quality that of one of its points.

    A name that does not follow from what the table says of the curve is one that somebody chose: it stays as it is.
    """
    name = curve.name.removesuffix(f" [{curve.source}]")
    if is_files(name):
        label = codec_name(name)
        return label if quality is None else f"{label}, quality {quality:g}"
    head, *words = name.partition("@")[0].split("+")
    level = [] if quality is None else [f"quality {quality:g}"]
    codec, about = _codec_and_training(curve, head)
    parts = [codec, *level, *about, *(option_name(head, word) for word in words)]
    if curve.scale is not None and curve.upscaler is not None:
        parts.append(f"{resolution_name(curve.scale)} + {upscaler_label(curve.upscaler)}")
    label = ", ".join(parts)
    return label if name == curve.name or quality is not None else f"{label} [{curve.source}]"


def _codec_and_training(curve: RDCurve, head: str) -> tuple[str, list[str]]:
    """The codec's name, and what else tells its curves apart: a target, or what it was trained for and on."""
    short = (curve.distortion or "").replace("-", "")
    trained = [word for word in (short, curve.trained_on) if word]
    about = [DISTORTION_LABELS.get(word, word) for word in trained]
    codec = curve.codec if "-".join([curve.codec, *trained]) == head else head
    for kind in TARGET_KINDS.values():
        if "-".join([curve.codec, kind.word.rstrip("_"), *trained]) == head:
            codec, about = curve.codec, [f"at a {kind.label}", *about]
    if codec == head and trained:
        return head, []  # The name says it already.
    if codec in FAMILIES:
        return family_name(codec), about
    word, _, details = codec.partition("-")
    if word in _ENCODERS:
        return _ENCODERS[word] + (f" ({details})" if details else ""), about
    return codec, about
