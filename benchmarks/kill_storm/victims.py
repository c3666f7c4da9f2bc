"""What of a sweep can be killed: its processes on this machine, and its tasks in Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agad.store.claims import ClaimBoard, ClaimRecord, Owner
from agad.store.folder import ResultsFolder
from benchmarks.kill_storm.nodes import Nodes
from sweeps.executors.slurm import queue
from sweeps.executors.slurm.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Victim:
    """Something that can be killed.

    Attributes:
        kind: what it is.
        kill: kills it.
        pid: its process; None: several.
    """

    kind: str
    kill: Callable[[], object]
    pid: int | None = None


def held_claims(results: Path) -> dict[str, ClaimRecord]:
    """run_id -> the newest claim, of the runs that a living process of this machine holds."""
    board = ClaimBoard(results, Owner.this_process("storm"))
    newest = {run_id: board.read(run_id, attempts[-1]) for run_id, attempts in board.generations().items()}
    return {
        run_id: claim
        for run_id, claim in newest.items()
        if claim is not None and not claim.released and not claim.owner.is_gone()
    }


def local_victims(launcher: int, results: Path) -> Iterator[Victim]:
    """Workers, and their launcher."""
    yield _process("launcher", launcher)
    yield from _workers("worker", results)


def tune_victims(coordinator: int, results: Path) -> Iterator[Victim]:
    """Workers, their launcher, and the study's coordinator."""
    yield _process("coordinator", coordinator)
    yield from (_process("launcher", pid) for pid, command in _below(coordinator) if "launch.py" in command)
    yield from _workers("worker", results)


def ray_victims(driver: int, results: Path) -> Iterator[Victim]:
    """Actors, the driver, and the processes of its own cluster."""
    yield _process("driver", driver)
    yield from _workers("actor", results)
    for pid, command in _below(driver):
        for name in ("raylet/raylet", "gcs_server"):
            if name in command.partition(" ")[0]:
                yield _process(name.rpartition("/")[2], pid)


def node_victims(nodes: Nodes, driver: int, results: Path) -> Iterator[Victim]:
    """Actors, the driver, and whole nodes of a cluster that outlives it: a node ends with its raylet."""
    yield _process("driver", driver)
    yield from _workers("actor", results)
    for pid, command in _below(nodes.pid):
        if "raylet/raylet" in command.partition(" ")[0] and pid != nodes.leader:
            yield _process("node", pid)


def slurm_victims(launcher: int, results: Path) -> Iterator[Victim]:
    """Workers, slurmstepd of their steps, whole tasks of the array, and the launcher that waits for it."""
    yield _process("launcher", launcher)
    yield from _workers("worker", results)
    steps = {pid for claim in held_claims(results).values() for pid in _above(claim.owner.pid)}
    yield from (_process("slurmstepd", pid) for pid in steps if _command(pid).startswith("slurmstepd"))
    for folder in results.glob("slurm/*"):
        for task in queue.of_jobs(queue.read(), Ledger(folder).jobs()):
            if task.state == "RUNNING":
                name = task.array if task.task == "N/A" else f"{task.array}_{task.task}"
                yield Victim("task", _call("scancel", "--signal=KILL", "--full", name))
                yield Victim("requeue", _call("scontrol", "requeue", name))


def _workers(kind: str, results: Path) -> Iterator[Victim]:
    pids = {claim.owner.pid for claim in held_claims(results).values()} - {os.getpid()}
    yield from (_process(kind, pid) for pid in sorted(pids))


def _process(kind: str, pid: int) -> Victim:
    return Victim(kind, lambda: os.kill(pid, signal.SIGKILL), pid)


def _call(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - Slurm's own commands


def _below(pid: int) -> Iterator[tuple[int, str]]:
    """The processes that a process has started, and those that they have, with their command lines."""
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child in (one for one, of in parents.items() if of == parent):
            waiting.append(child)
            yield child, _command(child)


def _above(pid: int) -> Iterator[int]:
    """A process's parent, its parent, and so on."""
    while pid > 1:
        pid = _parent(pid)
        yield pid


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


def runs_of(victim: Victim, results: Path) -> set[str]:
    """The runs that a victim holds: a worker its own, everything else those of its workers."""
    held = held_claims(results)
    own = {run_id for run_id, claim in held.items() if claim.owner.pid == victim.pid}
    return own or set(held)


def with_checkpoint(results: Path) -> set[str]:
    """The runs that have a checkpoint."""
    return set(ResultsFolder(results).saved_attempts())
