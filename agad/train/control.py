"""What a run is asked for (Member), what it reports meanwhile (Progress), and what it is then to do (Action)."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agad.errors import DataError
from agad.spec.run import RunOptions, RunSpec

if TYPE_CHECKING:
    from agad.data.prepared import Prepared


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
        update: updates done, those of pretraining included.
        updates: updates in all, likewise.
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


def asked(control: Control, progress: Progress) -> Action:
    """What a control function wants. Raises TypeError where that is no Action, such as None of a missing `return`."""
    action = control(progress)
    if not isinstance(action, Action):
        raise TypeError(f"control returned {action!r}; it must return an Action, such as Action.CONTINUE")
    return action


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A run that is to be made; the arguments of `train`."""

    spec: RunSpec
    options: RunOptions
    data: Prepared | None = None
    control: Control | None = None

    def make_folders(self) -> None:
        """Make the folders that the run writes to: now, and not at its end, when they may have been removed for good.

        Not their parents: a results folder that was removed must not come back empty. Raises OSError.
        """
        for folder in (self.options.checkpoint_dir, self.options.weights_dir):
            if folder is not None:
                Path(folder).mkdir(exist_ok=True)

    def open_data(self) -> Prepared:
        """The spec's data: opened, or compared with the spec where they are open already. Raises DataError.

        With the vectors of features=file:NAME, unless the data have them already.
        """
        from agad.data.features.attach import with_features
        from agad.data.prepared import open_prepared  # late: who only watches a run needs no torch

        spec, options, data = self.spec, self.options, self.data
        if data is None:
            data = open_prepared(spec.dataset, spec.image_size, data_root=options.data_root, cache=options.cache)
        data = dataclasses.replace(data)  # somebody may have written to its arrays since: it gets their digest
        if (data.dataset, data.image_size) != (spec.dataset, spec.image_size):
            raise DataError(
                f"the data are {data.dataset} at {data.image_size} pixels, "
                f"the spec wants {spec.dataset} at {spec.image_size}"
            )
        return with_features(data, spec, options.data_root)


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
