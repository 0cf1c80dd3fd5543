"""What a batch run is made with: machine, versions, snapshots, images, plan and command."""

from __future__ import annotations

from collections.abc import Iterable

from synthcomp_core.batch.cluster import Workers, local_share
from synthcomp_core.batch.plan import Plan
from synthcomp_core.batch.tasks import Task
from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.library.run_record import RunKind, RunRecord, machine_facts, package_versions
from synthcomp_core.progress import counted
from synthcomp_core.variants.snapshots_of import snapshots_of

_PACKAGES = ("torch", "compressai", "numpy", "pillow", "imagecodecs", "constriction", "numba", "dask")


def batch_record(plan: Plan, tasks: Iterable[Task], workers: Workers, command: str) -> RunRecord:
    """All that the rows of a run depend on, its images by their hashes."""
    tasks = list(tasks)
    used = {CodecId.family_of(variant.codec) for variant in plan.variants}
    families = [family for name, family in FAMILIES.items() if name in used]
    return RunRecord(
        kind=RunKind.BATCH,
        name=plan.name,
        command=command,
        plan_file=str(plan.path),
        machine={**machine_facts(), "workers": _described(workers)},
        versions={**package_versions(_PACKAGES), **{family.label: family.encoder for family in families}},
        snapshots={card.id: card.sha256 for variant in plan.variants for card in snapshots_of(variant)},
        details={
            "datasets": {
                dataset.name: {
                    "folder": str(dataset.root),
                    "images": {task.image.name: task.image_sha256 for task in tasks if task.dataset == dataset.name},
                }
                for dataset in plan.datasets
            },
            "tasks": len(tasks),
        },
    )


def _described(workers: Workers) -> str:
    if workers.address is not None:
        return f"scheduler {workers.address}"
    if workers.slurm is not None:
        return f"Slurm, {workers.slurm.jobs} jobs of {workers.slurm.processes} processes"
    share = local_share(workers)
    return f"{share.processes} local, {counted(share.threads, 'thread')} each"
