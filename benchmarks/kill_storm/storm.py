"""Storm: sweeps whose processes are killed at random, and what became of their rows."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from agad.store.schema import CURVE_COLUMNS, RECONSTRUCTION_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS, SPEC_COLUMNS
from benchmarks.kill_storm.nodes import Nodes
from benchmarks.kill_storm.victims import (
    Victim,
    held_claims,
    local_victims,
    node_victims,
    ray_victims,
    runs_of,
    slurm_victims,
    tune_victims,
    with_checkpoint,
)
from sweeps.machine import program
from sweeps.worker.growing import Feed

_SMALL = ["image_size=16", "batch_size=16", "final_protocols=eval+eval_recal", "curve_protocols=eval"]
_SLURM = ["--wait", "--slurm", "time=60", "--slurm", "cpus-per-task=1", "--slurm", "mem=3G", "--device", "cpu"]
KINDS = {
    "local": {"worker": 8, "launcher": 2},
    "tune": {"worker": 7, "launcher": 2, "coordinator": 2},
    "ray": {"actor": 12, "driver": 2, "raylet": 1, "gcs_server": 1},
    "ray-nodes": {"actor": 8, "driver": 2, "node": 6},
    "slurm": {"worker": 10, "task": 4, "requeue": 2, "slurmstepd": 1, "launcher": 2},
}
"""Executor -> how often each kind of victim is killed, in shares; `ray-nodes`: at the address of a cluster of two."""
_VICTIMS = {"local": local_victims, "tune": tune_victims, "ray": ray_victims, "slurm": slurm_victims}
SCIENCE = ["run_id", "status", *SPEC_COLUMNS, *RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS, *RECONSTRUCTION_COLUMNS]
_QUIET = 300.0
"""Seconds without any claimed run after which a sweep counts as hanging."""
_LAUNCHES = 20
"""Launches in which an undisturbed sweep is to end."""


@dataclass(slots=True)
class Storm:
    """A storm over sweeps of one executor, one sweep after the other.

    Attributes:
        executor: under which the sweeps run.
        folder: holds a results folder for each sweep, and what was printed.
        updates: of a run.
        every: mean seconds between two kills.
        draw: what is killed, and when.
        workers: that a sweep has at once.
        nodes: the cluster of `ray-nodes`.
        kills: made, by kind.
        found: those that found a checkpoint, by kind.
    """

    executor: str
    folder: Path
    updates: int
    every: float
    draw: random.Random
    workers: int = 2
    nodes: Nodes | None = None
    kills: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    other: int = 0

    def rage(self, kills: int) -> None:
        """Kill so often, over as many sweeps as that takes, each with a seed of its own."""
        for seed in itertools.count():
            if self.kills.total() >= kills:
                return
            sweep = _Sweep(self, seed)
            sweep.disturb(kills)
            sweep.finish()
            self._compare(sweep)

    def _compare(self, sweep: _Sweep) -> None:
        specs = sweep.specs()
        stormy = ResultStore(sweep.results)
        ok = Counter(row["run_id"] for row in _tries(stormy) if row["status"] == "ok")
        quiet = ResultStore(_undisturbed(self.folder / f"quiet-{sweep.seed}", specs))
        rows, expected = ({row["run_id"]: row for row in store.read(SCIENCE).to_pylist()} for store in (stormy, quiet))
        self.runs += len(specs)
        self.failed += sum(row["status"] == "failed" for row in _tries(stormy))
        self.lost += sum(not ok[spec.run_id] for spec in specs)
        self.doubled += sum(count > 1 for count in ok.values())
        self.other += sum(ok[run_id] > 0 and repr(rows[run_id]) != repr(row) for run_id, row in expected.items())
        _note(f"sweep {sweep.seed}: {self.line('all')}")

    def lines(self) -> Iterator[str]:
        """The table's lines: one a kind of victim, and the sum."""
        yield "| executor | killed | kills | found a checkpoint | runs | failed rows | lost | doubled | other bits |"
        yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
        for kind in self.kills:
            yield f"| {self.executor} | {kind} | {self.kills[kind]} | {self.found[kind]} | | | | | |"
        yield self.line("all")

    def line(self, kind: str) -> str:
        """The sum."""
        counts = self.kills.total(), self.found.total(), self.runs, self.failed, self.lost, self.doubled, self.other
        return f"| {self.executor} | {kind} | {' | '.join(map(str, counts))} |"


class _Sweep:
    """One sweep: the command, its results, and the process that it is at the moment."""

    def __init__(self, storm: Storm, seed: int) -> None:
        self.storm, self.seed = storm, seed
        self.results = storm.folder / f"storm-{seed}"
        self._log = storm.folder / f"storm-{seed}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _command(self) -> list[str]:
        changes = [*_SMALL, f"updates={self.storm.updates}", f"seed={self.seed}"]
        common = [word for change in changes for word in ("--set", change)]
        common += ["--results", str(self.results), "--checkpoint-every", "2", "--lease", "10"]
        common += ["--workers", str(self.storm.workers)]
        if self.storm.executor == "tune":
            cells = ["--select", "normal_class=0", "--select", "gamma=0", "--set", "validation=0.1", "--trials", "6"]
            cells += ["--sampler", "random"]
            return [*program.command("tune"), "--study", f"storm{self.seed}", "--grid", "demo", *cells, *common]
        common += ["--grid", "demo", "--seeds", "1", "--executor", self.storm.executor.partition("-")[0]]
        if self.storm.nodes:
            common += ["--address", self.storm.nodes.address]
        return [*program.command("launch"), *common, *(_SLURM if self.storm.executor == "slurm" else ())]

    def specs(self) -> list[RunSpec]:
        """The runs of its plan, or those that its study has added."""
        folder = ResultsFolder(self.results)
        if self.storm.executor == "tune":
            return list(Feed(folder.study(f"storm{self.seed}"), 10).fresh())
        (plan,) = folder.plans.glob("*.json")
        return list(Plan.load(plan).specs)

    def disturb(self, kills: int) -> None:
        """Kill until so many kills are made in all, or the sweep is complete."""
        while self.storm.kills.total() < kills:
            if not self._wait_for_work():
                return
            time.sleep(self.storm.draw.uniform(0.3, 2 * self.storm.every - 0.3))
            self._kill_one()

    def _wait_for_work(self) -> bool:
        """Start the command where it has ended, wait until a worker holds a run; False when all is done."""
        ends = time.monotonic() + _QUIET
        while not held_claims(self.results):
            if self._has_ended_well():
                return False
            if time.monotonic() > ends:
                raise SystemExit(f"no run is claimed for {_QUIET:.0f} s: {self._log}")
            time.sleep(0.2)
        return True

    def _has_ended_well(self) -> bool:
        """Whether the command has ended with status 0; with another it is started again."""
        if self._process is not None and self._process.poll() == 0:
            return True
        if self._process is None or self._process.returncode is not None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command, arguments passed as a list
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        return False

    def _kill_one(self) -> None:
        assert self._process is not None
        storm, shares = self.storm, KINDS[self.storm.executor]
        victims: dict[str, list[Victim]] = {}
        of_executor = functools.partial(node_victims, storm.nodes) if storm.nodes else _VICTIMS[storm.executor]
        for victim in of_executor(self._process.pid, self.results):
            if victim.pid is None or victim.pid != self._process.pid or self._process.poll() is None:
                victims.setdefault(victim.kind, []).append(victim)
        if not victims:
            return
        (kind,) = storm.draw.choices(list(victims), [shares[kind] for kind in victims])
        victim = storm.draw.choice(victims[kind])
        found = runs_of(victim, self.results) & with_checkpoint(self.results)
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            victim.kill()
            storm.kills[kind] += 1
            storm.found[kind] += bool(found)
            _note(f"kill {storm.kills.total()}: {kind}{', which has a checkpoint' if found else ''}")

    def finish(self) -> None:
        """Leave the command alone, started again where it ends with work to do, until its plan is complete."""
        for _ in range(_LAUNCHES):
            if self._has_ended_well():
                return
            assert self._process is not None
            self._process.wait()
        _note(f"the sweep did not end in {_LAUNCHES} launches: {self._log}")


def _undisturbed(results: Path, specs: list[RunSpec]) -> Path:
    """A results folder with the rows of these runs, made by local workers that nobody kills."""
    plan = Plan("quiet", (), (), tuple(specs), code_digest()).save(results)
    command = [*program.command("launch"), "--plan", str(plan), "--results", str(results), "--workers", "2"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    return results


def _tries(store: ResultStore) -> list[dict[str, Any]]:
    return list(store.read_tries(["run_id", "attempt", "status"]).to_pylist())


def _note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
