"""run.json: what a run was made with - versions, machine, snapshots, plan and command."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import synthcomp_core
from synthcomp_core.batch.cluster import Workers, local_share
from synthcomp_core.batch.plan import Plan, codec_snapshot, upscaler_snapshot
from synthcomp_core.batch.status import PLAN_COPY, RUN_JSON
from synthcomp_core.batch.tasks import Task
from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.storage import write_text

_PACKAGES = ("torch", "compressai", "numpy", "pillow", "imagecodecs", "constriction", "flip-evaluator", "dask")


def write_run_json(folder: Path, plan: Plan, tasks: Iterable[Task], workers: Workers, command: str) -> None:
    """Write run.json into a run folder: all that the rows depend on beside the images."""
    tasks = list(tasks)
    cards = {card.id: card.sha256 for card in map(codec_snapshot, plan.variants) if card is not None}
    cards |= {card.id: card.sha256 for card in map(upscaler_snapshot, plan.variants) if card is not None}
    families = sorted({variant.codec.partition("-q")[0] for variant in plan.variants} & set(FAMILIES))
    content = {
        "kind": "batch run",
        "name": plan.name,
        "command": command,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {
            "host": socket.gethostname(),
            "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            "workers": _described(workers),
        },
        "versions": {
            "synthcomp": synthcomp_core.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
            **{FAMILIES[name].label: FAMILIES[name].encoder for name in families},
        },
        "snapshots": cards,
        "datasets": {
            dataset.name: {
                "folder": str(dataset.folder),
                "images": {task.image.name: task.image_sha256 for task in tasks if task.dataset == dataset.name},
            }
            for dataset in plan.datasets
        },
        "plan": PLAN_COPY,
        "plan_file": str(plan.path),
        "tasks": len(tasks),
    }
    write_text(folder / RUN_JSON, json.dumps(content, indent=1))


def _described(workers: Workers) -> str:
    if workers.address is not None:
        return f"scheduler {workers.address}"
    if workers.slurm is not None:
        return f"Slurm, {workers.slurm.jobs} jobs of {workers.slurm.processes} processes"
    share = local_share(workers)
    return f"{share.processes} local, {share.threads} threads each"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # Not Linux; the platform's own word has to do.
    return platform.processor() or platform.machine()
