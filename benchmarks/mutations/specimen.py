"""Specimen: a results folder and a cache with a file of every kind that sweeps, studies and compaction leave."""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq

from agad import json_file
from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.spec.run import RunOptions, RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.train import run
from agad.train.control import Action, Interrupted, Progress
from sweeps.cli import tune
from sweeps.executors.slurm.ledger import Ledger, Submission
from sweeps.executors.slurm.queue import Queued
from sweeps.executors.sweep import Outcome, Sweep
from sweeps.grids import load_grid
from sweeps.worker import prepare
from sweeps.worker.growing import Feed
from sweeps.worker.options import WorkerOptions
from sweeps.worker.worker import Worker

STUDY, TRIALS = "s", 3
_SMALL = (
    *("image_size=16", "batch_size=16", "updates=4", "curve=2", "min_anomalies=4"),
    *("final_protocols=eval", "curve_protocols=eval"),
)
KILLED = ("status of the killed", "launch of the killed")
ROWS = ("status", "status of the study", "everything", "launch")
STUDIES = ("status of the study", "set from study", "tune", "set from study again", "everything")
KINDS = {
    "row": ("inbox/*.parquet", ROWS),
    "compacted rows": ("base/rows-*.parquet", ROWS),
    "rows of an older agad": ("base/older.parquet", ROWS),
    "plan": ("plans/*.json", ROWS),
    "digest of the data": ("digests/*.json", (*ROWS, *KILLED)),
    "worker's options": ("logs/*/options-*.json", ("worker", "status", "launch")),
    "claim": ("claims/*", KILLED),
    "checkpoint": ("checkpoints/*.pt", KILLED),
    "weights": ("weights/*.pt", ("weights",)),
    "Slurm: submission": ("slurm/*/agad-*.json", ("status",)),
    "Slurm: job": ("slurm/*/job-*", ("status",)),
    "Slurm: answer of squeue": ("slurm/*/queue-*.json", ("status",)),
    "study: settings": ("studies/*/study.json", STUDIES[:-1]),
    "study: plan": ("studies/*/plan.json", STUDIES[:-1]),
    "study: journal": ("studies/*/journal.log", STUDIES[:-1]),
    "study: trial": ("studies/*/trials/*.json", STUDIES[:-1]),
    "study: points": ("studies/*/points/*.json", STUDIES[:-1]),
    "study: verdicts": ("studies/*/verdicts.json", STUDIES[:-1]),
    "study: summary": ("studies/*/summary.json", STUDIES),
    "study: lease": ("studies/*/claims/*", STUDIES[:-1]),
    "prepared: meta.json": ("cache/*px-*/meta.json", KILLED),
    "prepared: arrays": ("cache/*px-*/*.npy", KILLED),
    "record of raw files": ("cache/raw/*", KILLED),
}
"""Kind of file -> where its files are in a specimen, and the commands that read them (laboratory.py)."""


_TASK = Queued("71", "0", "agad-demo-71", "RUNNING", "None", "n1", 0)


@dataclass(frozen=True, slots=True)
class Specimen:
    """Paths of a specimen: a results folder, with the cache inside it so that one copy takes all."""

    path: Path

    @property
    def cache(self) -> str:
        """The cache of prepared data."""
        return str(self.path / "cache")

    @property
    def plan(self) -> Path:
        """The plan of its finished sweep."""
        return demo_plan().path(self.path)

    @property
    def killed(self) -> Path:
        """The plan of its sweep of one run, whose worker was killed."""
        return demo_plan("seed=9", "normal_class=0").path(self.path)

    def files(self, kind: str) -> list[Path]:
        """The files of a kind, sorted."""
        return sorted(self.path.glob(KINDS[kind][0]))


def demo_plan(*overrides: str) -> Plan:
    """Six runs: two classes, three seeds; or what overrides make of them."""
    select = ["normal_class=0,1", "gamma=0.05"]
    return make_plan(load_grid("demo"), seeds=3, select=select, overrides=(*_SMALL, *overrides))[0]


def make(path: Path) -> Specimen:
    """Make a specimen in a folder that is not there.

    Of its plan's six runs two are in base/, one in base/ as older versions wrote it, three in the inbox.
    """
    specimen, plan, killed = Specimen(path), demo_plan(), demo_plan("seed=9", "normal_class=0")
    path.mkdir(parents=True)
    prepare.prepare_here(plan, None, specimen.cache, download=False)
    prepare.prepare_here(plan, None, specimen.cache, download=False)  # now the record of raw files has settled
    worker = Worker(_options(specimen, plan.save(path)))
    worker.open()
    for number, spec in enumerate(plan.specs):
        if number == 2:  # weights of two runs are enough
            worker.options = dataclasses.replace(worker.options, keep_weights=False)
        worker.make(spec.run_id)
        if number == 1:
            worker.store.compact()
        if number == 2:
            _as_older(worker.store.inbox, worker.store.base / "older.parquet")
    worker.close()
    killed.save(path)
    _kill(specimen, killed.specs[0])
    _submit(specimen, plan)
    with in_process():
        assert tune.main(tune_arguments(specimen)) == 0
    Feed(ResultsFolder(path).study(STUDY)).report(plan.specs[0].run_id, {2: 0.5, 4: 0.75})
    return specimen


def _options(specimen: Specimen, plan: Path) -> WorkerOptions:
    options = WorkerOptions(plan=str(plan), results=str(specimen.path), cache=specimen.cache, data="absent", name="w")
    options = dataclasses.replace(options, keep_weights=True)
    return WorkerOptions.load(options.save(ResultsFolder(specimen.path).logs(plan.stem)), name="w")


def _as_older(inbox: Path, target: Path) -> None:
    """The inbox's rows as one file without checksums."""
    (path,) = inbox.iterdir()
    pq.write_table(pq.read_table(path), target)  # its metadata mark it as rows; the block of checksums is not copied
    table = pq.read_table(target)
    kept = {key: value for key, value in table.schema.metadata.items() if key != b"agad_checksums"}
    pq.write_table(table.replace_schema_metadata(kept), target)
    path.unlink()


def _kill(specimen: Specimen, spec: RunSpec) -> None:
    """Leave the run as a worker does that is killed after its second update."""
    gone = dataclasses.replace(Owner.this_process("w"), pid=2**22 - 3)
    claim = ClaimBoard(specimen.path, gone).take(spec.run_id, 1)
    assert claim is not None
    folder = ResultsFolder(specimen.path).checkpoints

    def stop(progress: Progress) -> Action:
        claim.note(update=progress.update, updates=progress.updates, saved=progress.saved)
        return Action.STOP if progress.update == 2 else Action.CONTINUE

    try:
        run.train(spec, RunOptions(threads=1, cache=specimen.cache, checkpoint_dir=str(folder)), control=stop)
    except Interrupted:
        claim.beat()


def _submit(specimen: Specimen, plan: Plan) -> None:
    """Leave what a sweep in Slurm does: two submissions, a job that has begun, the last answer of squeue."""
    ledger = Ledger(ResultsFolder(specimen.path).jobs(plan.name))
    for number in (71, 72):
        ledger.write(Submission(f"agad-demo-{number}", 2, ("launch.py", "--slurm-task"), str(number)))
    ledger.note("73", "by-hand")
    answer = {"time": time.time(), "error": None, "tasks": [dataclasses.asdict(_TASK)]}
    (ledger.folder / f"queue-{os.getuid()}.json").write_text(json_file.dumps(answer), encoding="utf-8")


def tune_arguments(specimen: Specimen) -> list[str]:
    """The command line of its study."""
    selected = ["--select", "normal_class=0", "--select", "gamma=0.05"]
    changes = [word for change in (*_SMALL, "validation=0.1") for word in ("--set", change)]
    where = [
        "--results",
        str(specimen.path),
        "--cache",
        specimen.cache,
        "--workers",
        "1",
        "--device",
        "cpu",
        "--lease",
        "2",
    ]
    searched = ["--sampler", "random", "--pruner", "median", "--trials", str(TRIALS)]
    return ["--study", STUDY, "--grid", "demo", *selected, *changes, *searched, *where]


# -- commands without processes of their own -----------------------------------------------------------------------


@contextmanager
def in_process() -> Iterator[None]:
    """Let launch.py and tune.py prepare data and run workers in this process: torch is loaded once."""

    def prepared(plan: Path, data: str, cache: str | None, *, stopping: Any = None, **where: Any) -> list[str]:
        del stopping
        return prepare.prepare_here(Plan.load(plan), data, cache, **where)

    with (
        mock.patch("sweeps.cli.launch.load_executor", return_value=_execute),
        mock.patch("sweeps.cli.launch.prepare", prepared),
        mock.patch("sweeps.tuning.study.Launcher", _Launcher),
        mock.patch("sweeps.executors.slurm.queue.SQUEUE_EVERY", float("inf")),  # the saved answer is always young
        mock.patch("sweeps.executors.slurm.queue.read", return_value=[_TASK]),
    ):
        yield


def _execute(sweep: Sweep) -> Outcome:
    """The executor: one worker, in this process."""
    path = sweep.worker.save(sweep.logs)
    Worker(WorkerOptions.load(path, name="w", verified=1)).work()
    return Outcome()


class _Launcher:
    """Stands in for the process that makes a study's runs."""

    def __init__(self, arguments: list[str], *_: object) -> None:
        named = dict(itertools.pairwise(arguments))
        self._specimen, self._plan = Specimen(Path(named["--results"])), Path(named["--plan"])

    def supervise(self) -> None:
        """Make the runs that are open."""
        worker = Worker(dataclasses.replace(_options(self._specimen, self._plan), keep_weights=False))
        worker.open()
        for run_id in worker.picker.census().open:
            worker.make(run_id)
        worker.close()

    def stop(self) -> None:
        """Nothing runs."""

    def wait(self, _: float) -> None:
        """Nothing runs."""
