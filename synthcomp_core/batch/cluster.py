"""Where tasks are carried out: workers on this machine, those of a running scheduler, or Slurm jobs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthcomp_core.batch.plan import SlurmSettings
from synthcomp_core.batch.worker import THREAD_VARIABLES, WorkerSettings, apply_settings
from synthcomp_core.errors import PlanError, SynthcompError, reason_of
from synthcomp_core.runtime import usable_cores
from synthcomp_core.storage import PROJECT_ROOT, artifacts_dir

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMCluster
    from distributed import Client, LocalCluster

# Printed in one line where nobody has set logging up, above a progress bar too.
_log = logging.getLogger(__name__)
_CONNECT_S = 15
_ATTEMPTS = 3
_WORKER_BYTES = 3 * 2**30  # A learned codec of official size on a 1080p image, with room to spare.


@dataclass(frozen=True)
class Workers:
    """Where to work: local processes, a running scheduler, or Slurm jobs.

    count: local processes of ``threads`` each (None = by cores and memory). address: of the scheduler, such as
    tcp://10.0.0.1:8786.
    """

    count: int | None = None
    threads: int | None = None
    address: str | None = None
    slurm: SlurmSettings | None = None


@dataclass(frozen=True)
class LocalShare:
    """How this machine is divided: processes, and threads of each."""

    processes: int
    threads: int


def local_share(workers: Workers) -> LocalShare:
    """Processes and their threads that keep this machine's cores busy once and fit into its memory."""
    cores = usable_cores()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    processes = workers.count or max(1, min(cores, memory // _WORKER_BYTES))
    return LocalShare(processes, workers.threads or max(1, cores // processes))


@contextmanager
def connect(workers: Workers) -> Iterator[Client]:
    """A Dask client, until the block ends, whose workers know where artifacts lie and how many threads to use.

    PlanError when the scheduler does not answer, or its workers cannot import this project.
    """
    # The runner reports a worker's death in its own words; Dask's log would break into the progress bar.
    for name in ("distributed", "distributed.worker", "distributed.nanny", "distributed.scheduler", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if workers.address is not None:
        with _connected(workers.address) as client:
            _check_imports(client)
            _set_up_all(client, WorkerSettings(str(artifacts_dir().resolve()), workers.threads))
            yield client
    elif workers.slurm is not None:
        with slurm_cluster(workers.slurm) as cluster, _connected(cluster) as client:
            cluster.scale(jobs=workers.slurm.jobs)
            threads = workers.slurm.cores // workers.slurm.processes
            _set_up_all(client, WorkerSettings(str(artifacts_dir().resolve()), threads))
            yield client
    else:
        share = local_share(workers)
        with _local_cluster(share) as cluster, _connected(cluster) as client:
            _set_up_all(client, WorkerSettings(str(artifacts_dir().resolve()), share.threads, shielded=True))
            yield client


@contextmanager
def _local_cluster(share: LocalShare) -> Iterator[Any]:
    import dask
    from distributed import LocalCluster

    variables = {name: str(share.threads) for name in THREAD_VARIABLES}
    before = {name: os.environ.get(name) for name in variables}
    # No memory limit: a large image must not count as a leak. Its status page is for this machine only.
    # Saturation 1: a worker holds only the task at work, so that its death is blamed on no other.
    settings = {"distributed.nanny.pre-spawn-environ": variables, "distributed.scheduler.worker-saturation": 1.0}
    with dask.config.set(settings):
        cluster = _started(
            lambda: LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=share.processes,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        )
        try:
            yield cluster
        finally:
            _close(cluster)
            # Dask sets the workers' variables in this process too, before it starts them.
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _started(start: Callable[[], Any]) -> Any:
    """A local cluster; started anew when a worker did not come up in time, as may happen on a busy machine."""
    last: Exception = TimeoutError()
    _start_quiet_resource_tracker()
    for attempt in range(_ATTEMPTS):
        try:
            with _interrupts_held():
                return start()
        except (RuntimeError, TimeoutError) as error:  # "Nanny failed to start."
            last = error
            if attempt + 1 < _ATTEMPTS:
                _log.warning("The workers did not start (%s); trying again.", reason_of(error))
                time.sleep(attempt)
    raise PlanError(
        f"The workers did not start in {_ATTEMPTS} attempts ({reason_of(last)}); run the plan again with fewer "
        "--workers."
    ) from last


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT back in this thread, and in all threads and processes that it starts, which inherit the mask.

    Those are Dask's threads and the workers that they spawn, also later ones in place of the dead: a Ctrl-C that meets
    one before it has applied its settings would end in a traceback on the screen.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_quiet_resource_tracker() -> None:
    """Start multiprocessing's tracker with its errors silenced: of a killed worker it prints a traceback (KeyError)."""
    from multiprocessing import resource_tracker

    sys.stderr.flush()
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        resource_tracker.ensure_running()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)


def slurm_cluster(settings: SlurmSettings) -> SLURMCluster:
    """A cluster that submits these Slurm jobs once it is scaled; each process carries out one task at a time."""
    from dask_jobqueue.slurm import SLURMCluster

    threads = settings.cores // settings.processes
    prologue = [
        f"cd {PROJECT_ROOT}",
        f"export SYNTHCOMP_ARTIFACTS={artifacts_dir().resolve()}",
        *(f"export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__{name}={threads}" for name in THREAD_VARIABLES),
        *settings.prologue,
    ]
    return SLURMCluster(
        queue=settings.queue,
        account=settings.account,
        cores=settings.cores,
        processes=settings.processes,
        memory=settings.memory,
        walltime=settings.time,
        interface=settings.interface,
        job_extra_directives=list(settings.directives),
        job_directives_skip=list(settings.job_directives_skip),
        job_script_prologue=prologue,
        python=sys.executable,
        # Overrides what dask-jobqueue derives from the cores: a worker takes one task at a time, torch all threads.
        worker_extra_args=["--nthreads", "1"],
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
    )


@contextmanager
def _connected(target: Any) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(target, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise PlanError(
            f"No Dask scheduler answers at {target} ({error}); start one with "
            "`python -m distributed.cli.dask_scheduler` and pass its tcp:// address."
        ) from error
    try:
        yield client
    finally:
        _close(client)


def _close(held: Client | LocalCluster) -> None:
    """Close a client or a local cluster; workers that do not answer in time, on a busy machine, end with this process.

    All rows are written by then: a slow shutdown must not make a finished run look failed.
    """
    with suppress(TimeoutError):
        held.close()


def _set_up_all(client: Client, settings: WorkerSettings) -> None:
    from distributed import WorkerPlugin

    class SetUp(WorkerPlugin):
        """Applies the settings on every worker, also on those that join or restart later."""

        name = "synthcomp-settings"

        def setup(self, worker: Any) -> None:
            apply_settings(settings)

    client.register_plugin(SetUp())


def _check_imports(client: Client) -> None:
    """PlanError when a worker of a running scheduler cannot import this project."""
    for address, found in client.run(_has_core).items():
        if found is not True:
            raise PlanError(
                f"The worker at {address} cannot import synthcomp_core; start it in the project's folder, with "
                "`python -m distributed.cli.dask_worker SCHEDULER --nthreads 1`."
            )


def _has_core() -> bool:
    return True


def worker_count(client: Client) -> int:
    """Tasks that the workers present carry out at a time."""
    threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]
    return sum(threads.values())


def task_error(error: BaseException) -> str:
    """One line on why a task failed, for its row."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return "The worker died every time it carried out this task; perhaps it ran out of memory."
    if isinstance(error, SynthcompError):
        return " ".join(str(error).split())
    return " ".join(f"{type(error).__name__}: {error}".split())
