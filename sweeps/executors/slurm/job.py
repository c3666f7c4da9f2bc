"""Job: the Slurm job that this process runs in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .commands import SlurmError, call


@dataclass(frozen=True, slots=True)
class Job:
    """A job, or one task of an array.

    Attributes:
        name: as Slurm's commands take it: `12`, or `12_3` for a task. (SLURM_JOB_ID will not do for a task: that of
            an array's last one is the array's own, which names all of them.)
        array: id of the array that it belongs to; its own where it is in none.
        restarts: how often it was requeued.
        ends: when its time limit ends, in seconds since 1970; None where the environment does not have it.
        title: the name under which it was submitted.
        has_gpus: whether Slurm gave it GPUs.
    """

    name: str
    array: str
    restarts: int
    ends: float | None
    title: str = ""
    has_gpus: bool = False

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ) -> Job | None:
        """The job of this process; None where it is in none."""
        own = environment.get("SLURM_JOB_ID")
        if not own:
            return None
        array = environment.get("SLURM_ARRAY_JOB_ID")
        name = f"{array}_{environment.get('SLURM_ARRAY_TASK_ID', '')}" if array else own
        end = environment.get("SLURM_JOB_END_TIME", "")  # Slurm 23.02 and newer
        restarts = environment.get("SLURM_RESTART_COUNT", "0")
        return cls(
            name=name,
            array=array or own,
            restarts=int(restarts),
            ends=float(end) if end.isdigit() else None,
            title=environment.get("SLURM_JOB_NAME", ""),
            has_gpus=any(environment.get(name) for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")),
        )

    @property
    def is_task(self) -> bool:
        """Whether it is a task of an array."""
        return self.name != self.array

    def seconds_left(self) -> float | None:
        """Seconds until its time limit; None where there is none, or where Slurm does not report it."""
        if self.ends is not None:
            return max(0.0, self.ends - time.time())
        try:
            return parse_time_left(call(["squeue", "--noheader", "--jobs", self.name, "--Format", "TimeLeft"]))
        except SlurmError:
            return None

    @property
    def requeue_command(self) -> list[str]:
        """The command that puts it back into the queue."""
        return ["scontrol", "requeue", self.name]


def parse_time_left(text: str) -> float | None:
    """Seconds of Slurm's [days-][hours:]minutes:seconds; None for its words (UNLIMITED, NOT_SET, INVALID)."""
    days, dash, clock = text.strip().rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts) or len(parts) not in (2, 3) or (dash and not days.isdigit()):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds + 86400 * int(days or 0))
