"""What is encoded of an image on the way to a target: sizes and values, and the best so far, ready to go on with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from synthcomp_core.codecs.equal_qualities import bitstream_class
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.metrics import METRICS, Reference, bits_per_pixel, measure
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.variants.rendering import Coded, Rendering, code, finish
from synthcomp_core.variants.variant import Variant

RATES = ("bytes", "bpp")


@dataclass(frozen=True)
class Trial:
    """One codec on the image. value: of the target's quantity. rendering: where the value took one, else None."""

    codec: str
    value: float
    coded: Coded
    rendering: Rendering | None


class Trials:
    """The trials of a variant's codec at its levels, which rise in quality.

    best: the trial that meets the target best, None while none does. reference: of the image, where there is one.
    only_best: a level that takes no fewer bytes than a lower one that reaches the metric is not measured: its value is
    NaN. precision, device: see ``render``.
    """

    def __init__(
        self,
        image: Image,
        variant: Variant,
        target: Target,
        levels: Sequence[str],
        *,
        reference: Reference | None = None,
        only_best: bool = False,
        precision: str = "auto",
        device: str | None = None,
    ) -> None:
        self._image, self._variant, self._target = image, variant, target
        self._source = downscale(image, variant.scale)
        self._reference = reference or Reference(image)
        self._only_best, self._precision, self._device = only_best, precision, device
        self._places = {codec: place for place, codec in enumerate(levels)}
        self._known: dict[Hashable, tuple[int, float]] = {}  # By what is encoded: bytes and value.
        self.best: Trial | None = None

    @property
    def tried(self) -> int:
        """How many bitstreams were made."""
        return len(self._known)

    def value(self, codec: str, on_progress: OnProgress) -> float:
        """What a codec reaches of the target's quantity; one that makes the bitstream of another is not tried again."""
        what, trial = bitstream_class(codec), None
        if what not in self._known:
            trial = self._carry_out(codec, on_progress)
            self._known[what] = trial.coded.num_bytes, trial.value
        elif self.best is not None and bitstream_class(self.best.codec) == what:
            trial = dataclasses.replace(self.best, codec=codec)
        value = self._known[what][1]
        if trial is not None and self._target.is_met_by(value) and self._is_best(trial):
            self.best = trial
        return value

    def _is_best(self, trial: Trial) -> bool:
        """Whether a trial beats the best so far: a size is filled, a quality reached with the fewest bytes."""
        if self.best is None:
            return True
        own, other = ((one.coded.num_bytes, self._places[one.codec]) for one in (trial, self.best))
        return own > other if self._target.is_met_when_low else own < other

    def _is_beaten(self, codec: str, num_bytes: int) -> bool:
        """Whether a level cannot become the best, whatever its metric."""
        best = self.best
        return best is not None and self._places[codec] > self._places[best.codec] and num_bytes >= best.coded.num_bytes

    def _carry_out(self, codec: str, on_progress: OnProgress) -> Trial:
        height, width = self._image.shape[:2]
        quantity = self._target.kind.quantity
        is_rate = quantity in RATES
        precision, device = self._precision, self._device
        share = on_progress if is_rate else span(on_progress, 0.0, 0.5)
        coded = code(self._source, codec, precision=precision, device=device, on_progress=share)
        if is_rate:
            value = coded.num_bytes if quantity == "bytes" else bits_per_pixel(coded.num_bytes, width, height)
            return Trial(codec, value, coded, None)
        if self._only_best and self._is_beaten(codec, coded.num_bytes):
            return Trial(codec, math.nan, coded, None)
        variant = dataclasses.replace(self._variant, codec=codec)
        rendering = finish(
            *(self._image, variant, coded), precision=precision, device=device,
            on_progress=span(on_progress, 0.5, 0.8),
        )  # fmt: skip
        measured = getattr(measure(self._reference, rendering.image, metrics=(quantity,)), quantity)
        if measured is None:
            raise SynthcompError(
                f"{METRICS[quantity].label} is not defined for an image of {width} x {height}; aim at something else."
            )
        return Trial(codec, float(measured), coded, rendering)


def is_below(target: Target) -> Callable[[float], bool]:
    """Whether a value is still that of too low a quality, or of one that just keeps to a size."""
    return lambda value: target.is_met_by(value) == target.is_met_when_low


def excess(target: Target) -> Callable[[float], float]:
    """How far a value lies from the target; of sizes the logarithm of the ratio, about linear in the quality."""
    if target.kind.quantity in RATES:
        return lambda value: math.log(value / target.value)
    return lambda value: value - target.value
