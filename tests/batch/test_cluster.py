"""Real Dask workers: killed, interrupted, on this machine and over TCP; and the Slurm job script."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from synthcomp_core.batch import cluster, runner
from synthcomp_core.batch.cluster import Workers, local_share, slurm_cluster
from synthcomp_core.batch.journal import read_journal
from synthcomp_core.batch.plan import SlurmSettings, read_run_plan
from synthcomp_core.batch.runner import carry_out_plan
from synthcomp_core.batch.status import read_run
from synthcomp_core.batch.tasks import Task
from synthcomp_core.batch.worker import TaskOutcome, carry_out_task
from synthcomp_core.errors import PlanError
from synthcomp_core.images import read_image
from synthcomp_core.library.run_record import Stage, read_state
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import read_results, table_rows
from tests.conftest import PROJECT_ROOT

from .conftest import OnTheSpot, without_times, write_frames

DEADLINE_S = 180.0
VARIANTS = "jpeg-q{10..90..10}", "avif-q{20..90..10}", "jxl-q{30..90..20}"
FRAMES, TASKS = 4, 84


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.01)


@pytest.fixture
def plan_path(tmp_path: Path, artifacts: Path) -> Path:
    write_frames(tmp_path / "frames", FRAMES, height=120, width=160)
    path = tmp_path / "many.toml"
    listed = ", ".join(f'"{pattern}"' for pattern in VARIANTS)
    path.write_text(f'variants = [{listed}]\nmetrics = ["psnr_rgb", "ssim_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    return path


def start_run(plan_path: Path) -> subprocess.Popen[str]:
    # A session of its own: a SIGINT sent to its group reaches runner and workers alike, as Ctrl-C does.
    return subprocess.Popen(
        [sys.executable, "-m", "synthcomp_core", "run", str(plan_path), "--workers", "2"],
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def rows_on_the_spot(plan_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[ResultRow]:
    """What this process alone gives for a plan."""
    from contextlib import contextmanager

    @contextmanager
    def connect(workers: Workers) -> Iterator[OnTheSpot]:
        yield OnTheSpot()

    with monkeypatch.context() as patch:
        patch.setattr(runner, "connect", connect)
        plan = dataclasses.replace(read_run_plan(plan_path), keep="none")
        return table_rows(read_results(carry_out_plan(plan, Workers(count=1), folder=folder).results))


def assert_whole(folder: Path, *, allow_leftovers: bool = False) -> None:
    """Every PNG and bitstream in a run folder is whole."""
    pictures = list((folder / "renderings").rglob("[!.]*.png"))
    for picture in pictures:
        assert read_image(picture).image.shape == (120, 160, 3)
    assert allow_leftovers or not list(folder.rglob("*.part"))


@pytest.mark.slow
def test_workers_and_runner_may_be_killed_and_every_row_comes_once(
    plan_path: Path, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = artifacts / "runs" / "many"
    journal = folder / "journal.jsonl"

    def done() -> int:
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    # A worker dies: the run goes on. Then Ctrl-C: it finishes what is in flight.
    run = start_run(plan_path)
    wait_until(lambda: done() >= 5, "5 tasks are done")
    workers = [
        child for child in psutil.Process(run.pid).children(recursive=True) if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    before = done()
    wait_until(lambda: done() >= before + 6, "6 tasks are done after a worker's death")
    os.killpg(run.pid, signal.SIGINT)
    output, _ = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 130, output
    assert "Traceback" not in output and "KeyError" not in output, "a killed worker costs nothing on the screen"
    state = read_state(folder)
    assert state is not None and (state.state, state.failed) == (Stage.INTERRUPTED, 0)
    first = done()
    assert before + 6 <= first < TASKS
    assert len(table_rows(read_results(folder / "results.csv"))) == first
    assert_whole(folder)

    # The runner dies: no task that was done is lost, no file is torn, and its workers end.
    run = start_run(plan_path)
    wait_until(lambda: done() >= first + 8, "8 more tasks are done")
    children = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=DEADLINE_S)
    psutil.wait_procs(children, timeout=DEADLINE_S)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    killed_at = done()
    assert first + 8 <= killed_at < TASKS
    assert_whole(folder, allow_leftovers=True)
    state, summary = read_state(folder), read_run(folder)
    assert state is not None and state.state == Stage.RUNNING
    assert summary is not None and summary.stage == Stage.INTERRUPTED
    assert len(table_rows(read_results(folder / "results.csv"))) in (killed_at - 1, killed_at)

    # Run again: the rest, every row once, as this process alone gives them.
    run = start_run(plan_path)
    output, _ = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0, output
    assert f"{TASKS - killed_at} of {TASKS} tasks carried out, {killed_at} already there, 0 failed" in output
    rows = table_rows(read_results(folder / "results.csv"))
    assert len(rows) == TASKS == len(read_journal(journal)) == done()
    assert set(Counter((row.image, row.variant) for row in rows).values()) == {1}
    assert len(list((folder / "renderings").rglob("*.png"))) == TASKS
    assert_whole(folder)
    expected = rows_on_the_spot(plan_path, tmp_path / "alone", monkeypatch)
    assert [without_times(row) for row in rows] == [without_times(row) for row in expected]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A Dask scheduler and two workers as processes of their own, talking TCP on 127.0.0.1: its address."""
    python = [sys.executable, "-m"]
    # Their own environment names no artifacts: where these lie, the runner has to tell.
    environment = {name: value for name, value in os.environ.items() if name != "SYNTHCOMP_ARTIFACTS"}
    options = {"cwd": PROJECT_ROOT, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    address_file = tmp_path / "scheduler.json"
    processes = [
        subprocess.Popen(
            [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
             "--scheduler-file", str(address_file)], **options,
        )
    ]  # fmt: skip
    try:
        wait_until(lambda: address_file.exists() and "tcp://" in address_file.read_text(), "the scheduler runs")
        found = re.search(r"tcp://127\.0\.0\.1:\d+", address_file.read_text())
        assert found
        for _ in range(2):
            command = [*python, "distributed.cli.dask_worker", found[0], "--nthreads", "1", "--no-nanny",
                       "--no-dashboard", "--local-directory", str(tmp_path)]  # fmt: skip
            processes.append(subprocess.Popen(command, **options))
        yield found[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_workers_of_a_scheduler_over_tcp_give_the_same_rows(
    tmp_path: Path, artifacts: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frames(tmp_path / "frames", 3, height=120, width=160)
    learned = "renamed-for-this-test"
    source = PROJECT_ROOT / "artifacts" / "snapshots" / "mbt2018-q4-mse-games.safetensors"
    (artifacts / "snapshots").mkdir(parents=True)
    shutil.copy(source, artifacts / "snapshots" / f"{learned}.safetensors")
    path = tmp_path / "remote.toml"
    path.write_text(f'variants = ["jpeg-q{{20,80}}", "{learned}"]\n[[datasets]]\nfolder = "frames"\n')
    outcome = carry_out_plan(read_run_plan(path), Workers(address=scheduler))
    assert (outcome.total, outcome.carried_out, outcome.failed) == (9, 9, 0)
    rows = table_rows(read_results(outcome.results))
    assert {row.codec for row in rows} == {"jpeg", "mbt2018"}
    expected = rows_on_the_spot(path, tmp_path / "alone", monkeypatch)
    assert [without_times(row) for row in rows] == [without_times(row) for row in expected]
    assert_whole(outcome.folder)


def test_no_scheduler_is_one_sentence(plan_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthcomp_core.batch.cluster._CONNECT_S", 1)
    with pytest.raises(PlanError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        carry_out_plan(read_run_plan(plan_path), Workers(address="tcp://127.0.0.1:9"))


def test_workers_that_do_not_say_goodbye_in_time_leave_a_finished_run_finished(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    write_frames(tmp_path / "frames", 1)
    path = tmp_path / "slow.toml"
    path.write_text('variants = ["jpeg-q30"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    closed, close = [], Client.close

    def closed_too_late(client: Client, *values: object, **options: object) -> None:
        close(client, *values, **options)
        closed.append(client)
        raise TimeoutError

    monkeypatch.setattr(Client, "close", closed_too_late)
    outcome = carry_out_plan(read_run_plan(path), Workers(count=1))
    assert closed
    assert (outcome.carried_out, outcome.failed, outcome.interrupted) == (1, 0, False)


def test_workers_that_do_not_start_at_first_are_started_again_with_a_sentence(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import distributed

    started: list[object] = []

    class Flaky(distributed.LocalCluster):
        def __init__(self, *values: object, **options: object) -> None:
            started.append(self)
            if len(started) == 1:
                raise RuntimeError("Nanny failed to start.")
            super().__init__(*values, **options)

    monkeypatch.setattr(distributed, "LocalCluster", Flaky)
    write_frames(tmp_path / "frames", 1)
    path = tmp_path / "flaky.toml"
    path.write_text('variants = ["jpeg-q30"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    outcome = carry_out_plan(read_run_plan(path), Workers(count=1))
    assert len(started) == 2
    assert (outcome.carried_out, outcome.failed, outcome.interrupted) == (1, 0, False)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("synthcomp_core")]
    assert said == ["The workers did not start (Nanny failed to start); trying again."]


def test_workers_that_never_start_end_the_run_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def start() -> None:
        raise RuntimeError("Cluster failed to start:\n Nanny failed to start.")

    monkeypatch.setattr(cluster.time, "sleep", tried.append)
    with pytest.raises(PlanError, match=r"did not start in 3 attempts \(Cluster .* start\); run the plan") as caught:
        cluster._started(start)
    assert tried == [0, 1] and "\n" not in str(caught.value)


@pytest.mark.parametrize("is_quiet", [True, False])
def test_the_resource_tracker_prints_no_traceback_of_what_a_killed_worker_left(is_quiet: bool) -> None:
    lines = ["from multiprocessing import resource_tracker", "from synthcomp_core.batch import cluster"]
    lines += ["cluster._start_quiet_resource_tracker()"] * is_quiet
    # As when the tracker hears of a semaphore's end from a worker and once more from the runner.
    lines += ["resource_tracker.unregister('/unknown', 'semaphore')", "import sys; print('ours', file=sys.stderr)"]
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert ended.returncode == 0 and "ours" in ended.stderr
    assert ("KeyError" in ended.stderr) is not is_quiet


@pytest.mark.parametrize(
    ("workers", "processes", "threads"),
    [
        (Workers(count=1), 1, 8),
        (Workers(count=3), 3, 2),
        (Workers(count=20), 20, 1),
        (Workers(count=2, threads=3), 2, 3),
    ],
)
def test_threads_of_all_workers_together_do_not_exceed_the_cores(
    workers: Workers, processes: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    share = local_share(workers)
    assert (share.processes, share.threads) == (processes, threads)


def test_the_slurm_job_script_asks_for_what_the_plan_says(artifacts: Path) -> None:
    settings = SlurmSettings(
        cores=16, memory="64GB", time="08:00:00", jobs=4, processes=4, queue="skylake_0096", account="p71234",
        directives=("--qos=normal",), job_directives_skip=("--mem", "-n 1"), prologue=("module load python",),
    )  # fmt: skip
    with slurm_cluster(settings) as jobs:
        script = jobs.job_script()
    for line in (
        "#SBATCH -p skylake_0096",
        "#SBATCH -A p71234",
        "#SBATCH --cpus-per-task=16",
        "#SBATCH -t 08:00:00",
        "#SBATCH --qos=normal",
        "module load python",
        f"cd {PROJECT_ROOT}",
        f"export SYNTHCOMP_ARTIFACTS={artifacts.resolve()}",
        "export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__OMP_NUM_THREADS=4",
    ):
        assert line in script.splitlines()
    assert not any(line.startswith(("#SBATCH --mem", "#SBATCH -n 1")) for line in script.splitlines())
    command = script.splitlines()[-1]
    assert command.startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://")
    assert "--nworkers 4" in command
    assert command.rindex("--nthreads 1") > command.index("--nthreads 4")


def deadly_for_one(task: Task) -> TaskOutcome:
    """The work of a task, but jpeg-q60 of frame1 takes its worker with it."""
    if (str(task.variant), task.image.name) == ("jpeg-q60", "frame1.png"):
        os._exit(9)
    return carry_out_task(task)


@pytest.mark.slow
def test_a_task_that_kills_its_worker_every_time_is_a_row_with_an_error_and_harms_no_other(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frames(tmp_path / "frames", 3)
    path = tmp_path / "deadly.toml"
    path.write_text('variants = ["jpeg-q{30,60,90}"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    monkeypatch.setattr(runner, "carry_out_task", deadly_for_one)
    outcome = carry_out_plan(read_run_plan(path), Workers(count=2))
    assert (outcome.carried_out, outcome.failed) == (9, 1)
    (failed,) = [row for row in table_rows(read_results(outcome.results)) if row.error]
    assert (failed.image, failed.variant) == ("frame1.png", "jpeg-q60")
    assert "The worker died every time" in (failed.error or "")
