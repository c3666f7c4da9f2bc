"""What a run reports while it is made, and what it is to do: Progress, and the Action of a control function."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class Action(enum.Enum):
    """What a control function wants."""

    CONTINUE = "go on"
    CHECKPOINT = "write a checkpoint now and go on"
    STOP = "write a checkpoint and raise Interrupted"
    ABANDON = "raise Interrupted and write nothing"
    PRUNE = "write a checkpoint and return a record of status pruned"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the learning curve.

    Attributes:
        update: the update after which it was scored.
        auroc: protocol -> AUROC on the test set; empty where none is read.
        terms: loss terms of that update.
        validation: protocol -> AUROC on the validation images; empty where there are none.
    """

    update: int
    auroc: Mapping[str, float]
    terms: Mapping[str, float]
    validation: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is.

    Attributes:
        update: updates done.
        updates: updates in all.
        phase: `train`, or `eval` while a point of the curve is scored.
        saved: how much the newest checkpoint holds, in updates and in test sets scored; 0: there is none. It grows with
            every checkpoint, in training as in a long scoring.
        point: the newest point of the learning curve; None before the first.
    """

    update: int
    updates: int
    phase: str
    saved: int
    point: CurvePoint | None = None


Control = Callable[[Progress], Action]


class Interrupted(Exception):
    """The control function ended the run before its end.

    Attributes:
        update: updates done.
    """

    def __init__(self, update: int) -> None:
        super().__init__(f"interrupted after update {update}")
        self.update = update


class Pruned(Exception):
    """The control function pruned the run."""
