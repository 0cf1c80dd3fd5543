"""The table of the FSR benchmark: rows, means, what is best, a verdict in words."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from synthcomp_core.metrics import METRICS, SHOWN_METRICS, Metrics
from synthcomp_core.metrics.means import finite_mean, half_width
from synthcomp_core.progress import plural
from synthcomp_core.upscalers import FSR_MODES, built_in

THESIS_QUALITIES = {"q2": 2.0, "q3": 1.7, "q4": 1.5, "q5": 1.3}  # The thesis's names of FSR's modes.
CAVEAT = (
    "All of these metrics compare with the native image pixel by pixel and so penalise sharpening, "
    "even where it makes the image look crisper."
)


@dataclass(frozen=True)
class Treatment:
    """How an image was enlarged.

    method: "fsr1", "rcan", "bicubic" or another upscaler's id. scale: per side. sharpened: whether RCAS was applied,
    None for methods without that step. stops: RCAS sharpness, None if off or unknown (as in a folder of samples).
    """

    method: str
    scale: float
    sharpened: bool | None = None
    stops: float | None = None

    @property
    def mode(self) -> str | None:
        """FSR's name of the scale ("performance" for 2.0), None if it has none."""
        return next((name for name, scale in FSR_MODES.items() if scale == self.scale), None)

    @property
    def quality(self) -> str | None:
        """The thesis's name of the mode ("q2" for 2.0), None for anything but FSR in one of its modes."""
        names = [name for name, scale in THESIS_QUALITIES.items() if scale == self.scale and self.method == "fsr1"]
        return names[0] if names else None

    @property
    def mode_label(self) -> str:
        """The mode with its scale, for people: "performance (x2)"."""
        name = (self.mode or "scale").replace("-", " ")
        return f"{name} (x{self.scale:g})"

    @property
    def label(self) -> str:
        """The method and its sharpening, for people."""
        if self.method != "fsr1":
            method, _, sharpness = self.method.partition("_s")
            info = built_in(method)
            return self.method if info is None else info.name + (f", sharpness {sharpness}" if sharpness else "")
        if not self.sharpened:
            return "FSR 1, not sharpened"
        if self.stops is None:
            return "FSR 1, sharpened"
        return f"FSR 1, sharpened by {self.stops:g} {plural(self.stops, 'stop')}"

    @property
    def label_at_scale(self) -> str:
        """The method, its sharpening and the scale, for people."""
        return f"{self.label}, x{self.scale:g}"


@dataclass(frozen=True)
class FsrRow:
    """One enlarged image against its native one. file: in a folder of samples. upscale_s: seconds, if upscaled here.

    metrics: all None if there is an ``error``, a sentence that says why.
    """

    image: str
    treatment: Treatment
    metrics: Metrics
    file: str | None = None
    upscale_s: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class FsrMean:
    """Means over the images of one treatment; of each metric over its finite values.

    num_images: those measured. num_identical: those equal to native (PSNR inf), left out of the mean PSNR.
    best: the metrics by which this treatment is better than the others at its scale.
    """

    treatment: Treatment
    metrics: Metrics
    num_images: int
    num_identical: int
    upscale_s: float | None
    best: tuple[str, ...] = ()


@dataclass(frozen=True)
class FsrTable:
    """The benchmark's result. source: folder or image name. measured: names of the metrics, in order.

    planned: of a table whose rows are only the first ones, the treatment of every row that it is to have. A scale at
    which one of them has no row yet is not judged.
    """

    source: str
    rows: tuple[FsrRow, ...]
    measured: tuple[str, ...] = SHOWN_METRICS
    planned: tuple[Treatment, ...] = ()

    @property
    def num_planned(self) -> int:
        """The number of rows of the whole table."""
        return max(len(self.planned), len(self.rows))

    @property
    def is_whole(self) -> bool:
        """Whether the table has all of its rows."""
        return len(self.rows) == self.num_planned

    @property
    def errors(self) -> tuple[FsrRow, ...]:
        """The rows that could not be measured."""
        return tuple(row for row in self.rows if row.error is not None)

    @property
    def num_images(self) -> int:
        """Images with at least one measured row."""
        return len({row.image for row in self.rows if row.error is None})

    def means(self) -> tuple[FsrMean, ...]:
        """Mean rows by scale (smallest first) and treatment, in the order of the rows, with the best marked."""
        treatments = sorted(dict.fromkeys(row.treatment for row in self.rows), key=lambda t: t.scale)
        means = []
        for treatment in treatments:
            rivals = [other for other in treatments if other.scale == treatment.scale]
            judged = self.measured if self._is_judged(treatment.scale) else ()
            best = tuple(name for name in judged if self._is_best(treatment, rivals, name))
            means.append(dataclasses.replace(self._mean(treatment), best=best))
        return tuple(means)

    def confidence(self, treatment: Treatment, metric: str) -> float | None:
        """Half the width of the 95 % confidence of a treatment's mean; None with fewer than two images."""
        values = [
            value
            for row in self.rows
            if row.treatment == treatment
            and (value := getattr(row.metrics, metric)) is not None
            and math.isfinite(value)
        ]
        return half_width(values)

    def verdict(self) -> str:
        """Which treatment won by which metric, over all scales, and what such metrics cannot judge; in sentences."""
        means = [mean for mean in self.means() if mean.num_images]
        scales = {mean.treatment.scale for mean in means}
        if not means:
            return "Nothing could be measured."

        def is_everywhere(at: list[str]) -> bool:
            return self.is_whole and len(at) == len(scales) > 1

        sentences = []
        for name in self.measured:
            winners: dict[str, list[str]] = {}
            for mean in means:
                if name in mean.best:
                    winners.setdefault(mean.treatment.label, []).append(f"{mean.treatment.scale:g}x")
            if winners:
                parts = [
                    f"{label} {'at every scale' if is_everywhere(at) else 'at ' + ', '.join(at)}"
                    for label, at in winners.items()
                ]
                sentences.append(f"{METRICS[name].label}: {' and '.join(parts)}")
        return f"Best by {'; '.join(sentences)}. {CAVEAT}" if sentences else CAVEAT

    def _is_judged(self, scale: float) -> bool:
        """Whether every treatment that is planned at a scale has a row."""
        return {planned for planned in self.planned if planned.scale == scale} <= {row.treatment for row in self.rows}

    def _mean(self, treatment: Treatment) -> FsrMean:
        rows = [row for row in self.rows if row.treatment == treatment and row.error is None]
        seconds = [row.upscale_s for row in rows if row.upscale_s is not None]
        values = {name: finite_mean(getattr(row.metrics, name) for row in rows) for name in self.measured}
        return FsrMean(
            treatment=treatment,
            metrics=Metrics(**values),
            num_images=len(rows),
            num_identical=sum(row.metrics.psnr_rgb == math.inf for row in rows),
            upscale_s=finite_mean(seconds),
        )

    def _is_best(self, treatment: Treatment, rivals: list[Treatment], name: str) -> bool:
        """Whether the treatment is best by a metric on the images that all measured rivals have in common.

        Images on which some are identical to native do not count, unless one is identical on all.
        """
        values = {
            rival: {
                row.image: value
                for row in self.rows
                if row.treatment == rival and (value := getattr(row.metrics, name)) is not None
            }
            for rival in rivals
        }
        measured = {rival: by_image for rival, by_image in values.items() if by_image}
        if treatment not in measured or len(measured) < 2:
            return False
        common = set.intersection(*(set(by_image) for by_image in measured.values()))
        identical = {rival for rival, own in measured.items() if common and all(own[at] == math.inf for at in common)}
        if identical:
            return treatment in identical and len(identical) < len(measured)
        common = {at for at in common if all(math.isfinite(own[at]) for own in measured.values())}
        means = {rival: finite_mean(own[at] for at in common) for rival, own in measured.items()}
        finite = [mean for mean in means.values() if mean is not None]
        if not finite:
            return False
        return means[treatment] == (max(finite) if METRICS[name].higher_is_better else min(finite))
