"""Which training recipe learns fastest: the same seconds of CPU time for each candidate, on the same data."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.storage import artifacts_dir, write_text

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan, TrainingPlan

CALIBRATION_STEPS = 4
FAR_OFF = 3  # Times the least loss: such a line would leave the others no room in the chart.
VALIDATIONS = 2  # Points of each candidate's curve, the last at its end.


@dataclass(frozen=True)
class Candidate:
    """A recipe: what it changes in the model's plan. Those without an ``init`` begin where the plan's model does."""

    name: str
    changes: tuple[tuple[str, Any], ...]


_FAST = (("lr", 2.5e-4), ("ema", 0.995), ("transform_rate", 1.0), ("entropy_steps", 0))
_KLT = (("init", "klt"), ("surrogate", "noise"), ("gain", False), ("ema", 0.995))
CANDIDATES = (
    Candidate("random weights", (("init", None), ("surrogate", "noise"), ("gain", False), *_FAST)),
    Candidate("noise", (("surrogate", "noise"), ("gain", False), *_FAST)),
    Candidate("noise + gain", (("surrogate", "noise"), ("gain", True), *_FAST)),
    Candidate("mixed + gain", (("surrogate", "mixed"), ("gain", True), *_FAST)),
    Candidate("noise + gain, rate 4e-5", (("surrogate", "noise"), ("gain", True), *_FAST, ("lr", 4e-5), ("ema", 0.99))),
    Candidate("KLT, all parts", (*_KLT, ("lr", 2.5e-4), ("transform_rate", 0.1), ("entropy_steps", 0))),
    Candidate("KLT, entropy model", (*_KLT, ("lr", 8e-4), ("entropy_steps", 10**9))),
)


@dataclass(frozen=True)
class RecipePoint:
    """Where a candidate stood: CPU seconds spent on training steps, steps, and the validation there."""

    recipe: str
    cpu_s: float
    steps: int
    loss: float
    bpp: float
    psnr: float


@dataclass(frozen=True)
class Comparison:
    """The points of all candidates that could be trained, and a sentence on each that could not, or not to its end."""

    points: tuple[RecipePoint, ...]
    left_out: tuple[str, ...]


def compare(
    plan: TrainingPlan,
    model_id: str,
    *,
    seconds: float = 60.0,
    candidates: tuple[Candidate, ...] = CANDIDATES,
    on_points: Callable[[Sequence[RecipePoint]], object] = lambda points: None,
    on_progress: OnProgress = silent,
) -> Comparison:
    """Train each candidate for ``seconds`` of CPU time; validation on real quantised latents at points between.

    The schedule of each is fitted to the steps that the time allows, so that each ends with its rate decayed. CPU
    time, not wall time, is counted, so that other work on the machine does not tilt the comparison; so all train in
    this process on the CPU, whatever devices the plan names. on_points: called with all points so far whenever there
    is a new one. SynthcompError when no candidate can be trained.
    """
    from synthcomp_core.training.plan import model_problem
    from synthcomp_core.training.runner import launch

    chosen = [model for model in plan.models if model.id == model_id]
    if not chosen or chosen[0].task != "compression":
        raise SynthcompError(f"{plan.path.name} has no compression model {model_id!r}.")
    if not 0 < seconds < math.inf:
        raise SynthcompError(f"--seconds is {seconds:g}; expected a number above 0.")
    plan = dataclasses.replace(plan, device=dataclasses.replace(plan.device, accelerator="cpu", devices=1, nodes=1))
    fabric = launch(plan.device)
    points: list[RecipePoint] = []
    left_out: list[str] = []
    for number, candidate in enumerate(candidates):
        part = span(on_progress, number / len(candidates), (number + 1) / len(candidates))
        model = _changed(chosen[0], candidate)
        if problem := model_problem(plan, model):
            left_out.append(f"{candidate.name}: left out, since `{problem[0]}` {problem[1]}")
            continue
        try:
            for point in _measure(plan, model, candidate.name, seconds, fabric, part):
                points.append(point)
                on_points(points)
        except SynthcompError as error:
            left_out.append(f"{candidate.name}: failed. {error}")
    if not points:
        raise SynthcompError(f"None of the {len(candidates)} recipes could be trained; the first is {left_out[0]}")
    return Comparison(tuple(points), tuple(left_out))


def _changed(model: ModelPlan, candidate: Candidate) -> ModelPlan:
    """The model by a candidate's recipe; it warms up for a step at least, over which a rate can rise."""
    return dataclasses.replace(
        model,
        **{"warmup": max(1, model.warmup), **dict(candidate.changes)},
        checkpoint_every=10**9,
        validate_every=10**9,
    )


def _measure(
    plan: TrainingPlan, model: ModelPlan, name: str, seconds: float, fabric: Any, on_progress: OnProgress
) -> Iterator[RecipePoint]:
    from synthcomp_core.training.loop import Trainer
    from synthcomp_core.training.runner import make_training, starting_weights

    folder = artifacts_dir() / "runs" / "bench-recipe"

    def trainer(settings: ModelPlan) -> Trainer:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return Trainer(make_training(plan, settings), folder, fabric, start=lambda: starting_weights(plan, settings))

    trial = trainer(dataclasses.replace(model, steps=10**6))
    trial.advance(1)
    started = time.process_time()
    trial.advance(CALIBRATION_STEPS)
    steps = max(VALIDATIONS, int(seconds * CALIBRATION_STEPS / (time.process_time() - started)))
    fitted = trainer(dataclasses.replace(model, steps=steps, warmup=max(1, min(model.warmup, steps // 5))))
    spent = 0.0
    yield _point(name, spent, fitted)
    for index in range(VALIDATIONS):
        started = time.process_time()
        fitted.advance(steps * (index + 1) // VALIDATIONS - fitted.step)
        spent += time.process_time() - started
        point = _point(name, spent, fitted)
        yield point
        on_progress((index + 1) / VALIDATIONS, f"{name}: loss {point.loss:.4f}")
    shutil.rmtree(folder, ignore_errors=True)


def _point(name: str, spent: float, trainer: Any) -> RecipePoint:
    result = trainer.validate()
    return RecipePoint(name, round(spent, 1), trainer.step, result.loss, result.bpp or 0.0, result.psnr)


def write_points(points: Sequence[RecipePoint], path: Path | None = None) -> Path:
    """Write the comparison as CSV; to artifacts/results/recipes.csv when no path is given."""
    path = path or artifacts_dir() / "results" / "recipes.csv"
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([field.name for field in dataclasses.fields(RecipePoint)])
    for point in points:
        writer.writerow([f"{value:.5g}" if isinstance(value, float) else value for value in dataclasses.astuple(point)])
    write_text(path, buffer.getvalue())
    return path


def write_chart(points: Sequence[RecipePoint], path: Path) -> Path:
    """Draw validation loss against CPU time as a PNG, one line per recipe; what is far off is in the legend only."""
    from matplotlib.figure import Figure

    from synthcomp_core.storage import atomic_path

    figure = Figure(figsize=(9, 4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    least = min(point.loss for point in points)
    for name in dict.fromkeys(point.recipe for point in points):
        own = [point for point in points if point.recipe == name]
        losses = [point.loss for point in own]
        if min(losses) > FAR_OFF * least:
            axes.plot([], [], label=f"{name} (down to {min(losses):.3g})")
        else:
            axes.plot([point.cpu_s for point in own], losses, marker="o", label=name)
    axes.set_xlabel("CPU time in seconds")
    axes.set_ylabel("validation loss (real quantised latents)")
    axes.grid(visible=True, which="both", alpha=0.3)
    figure.legend(fontsize=8, loc="outside right upper")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
    return path
