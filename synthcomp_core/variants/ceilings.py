"""What a lower resolution costs before anything is coded: above it, no codec need be tried at that resolution."""

from __future__ import annotations

import threading

from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.metrics import METRICS, Reference, measure
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants.names import resolution_name, upscaler_label
from synthcomp_core.variants.rendering import render_settled
from synthcomp_core.variants.trials import RATES
from synthcomp_core.variants.variant import Variant

# Coding may by chance undo a little of what scaling did: by less than so many times ``near``.
_LUCK = 5


class Ceilings:
    """The metric of an image that is scaled down and up, and not coded; each is measured once, threads may share it."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._measuring = threading.Lock()
        self._values: dict[tuple[float, str, str], float | None] = {}

    def check(self, variant: Variant) -> None:
        """SynthcompError where even the uncoded image is too far from the variant's target, if that is a metric.

        Networks are passed: one that was trained on coded images may do better with those than without.
        """
        target = variant.codec_id.target
        if target is None or target.kind.quantity in RATES or variant.scale is None or variant.upscaler is None:
            return
        if any(info.id == variant.upscaler and info.kind == "neural" for info in list_upscalers()):
            return
        value = self._value(variant.scale, variant.upscaler, target)
        if value is None or target.is_met_by(value) or abs(value - target.value) <= _LUCK * target.kind.near:
            return
        scaling = f"{resolution_name(variant.scale).capitalize()} with {upscaler_label(variant.upscaler)}"
        verb = "keep to" if target.kind.is_limit else "reach"
        raise SynthcompError(
            f"{scaling} cannot {verb} {target.shown} on this image: uncoded, it has {target.kind.shown(value)}."
        )

    def _value(self, scale: float, upscaler: str, target: Target) -> float | None:
        quantity = target.kind.quantity
        with self._measuring:
            if (key := (scale, upscaler, quantity)) not in self._values:
                scaled = render_settled(self._reference.image, Variant("none", scale, upscaler))
                measured = measure(self._reference, scaled.image, metrics=(quantity,))
                self._values[key] = getattr(measured, METRICS[quantity].name)
            return self._values[key]
