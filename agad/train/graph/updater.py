"""Updater: how the updates of a run are made. One begins all that the device does, and later ends it on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from agad.errors import is_out_of_memory
from agad.spec.catalogue import methods
from agad.tensors.capture import say_once
from agad.tensors.lane import Lane
from agad.tensors.seeding import keyed_draws_only
from agad.train.graph.captured import Captured
from agad.train.state import Training
from agad.train.update import Computed, compute, end


class Updater(Protocol):
    """The updates of one run. Both kinds make the same bits."""

    def launch(self) -> None:
        """Begin the next update; other runs can take their turn while the device works."""

    def finish(self) -> None:
        """Wait for it, count it, reset D where that is due. Raises NonFiniteLoss."""

    def close(self) -> None:
        """Give back what it holds on the device."""


class Eager:
    """Each operation is launched from Python. On the CPU `launch` does all the work."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._computed: Computed | None = None
        self._checked: bool | None = None  # whether the checked update is one of pretraining

    def launch(self) -> None:
        """As Updater. Raises SpecError where the first update of a stage draws without a key."""
        training = self._training
        x = training.batch()
        if self._checked is training.method.pretraining:
            self._computed = compute(training, x)
            return
        with keyed_draws_only(type(training.method).__module__, "makes an update"):
            self._computed = compute(training, x)
        self._checked = training.method.pretraining

    def finish(self) -> None:
        """As Updater."""
        computed, self._computed = self._computed, None
        assert computed is not None, "launch comes first"
        end(self._training, computed)

    def close(self) -> None:
        """As Updater."""


class Renewed:
    """Captured updates, captured again where the learning rate has a step; eager ones from where that fails.

    Args:
        make: captures, or says why that is not possible. Raises OutOfMemoryError.

    Attributes:
        own: those that are used now.
    """

    def __init__(self, make: Callable[[], Captured | Eager]) -> None:
        self._make = make
        self.own = make()

    def launch(self) -> None:
        """As Updater. Raises OutOfMemoryError where memory runs out beside other runs."""
        if isinstance(self.own, Captured) and self.own.is_stale():
            self.own.close()
            self.own = self._make()
        self.own.launch()

    def finish(self) -> None:
        """As Updater."""
        self.own.finish()

    def close(self) -> None:
        """As Updater."""
        self.own.close()


def updater_of(training: Training, lane: Lane, *, eager: bool, beside: Callable[[], bool]) -> Updater:
    """How this run's updates are made: captured on a GPU, where its method's file says that it can be.

    Where capture fails, updates are eager, and the log says why, once for each reason.

    Args:
        training: between two updates.
        lane: the run's, and active.
        eager: whether to capture nothing.
        beside: whether other runs share the device. If memory runs out beside them, the error is raised: fewer runs
            are then faster than eager updates.
    """
    if eager or lane.stream is None or not methods()[training.spec.method].captured:
        return Eager(training)
    return Renewed(lambda: _captured(training, lane, beside))


def _captured(training: Training, lane: Lane, beside: Callable[[], bool]) -> Captured | Eager:
    try:
        return Captured(training, lane)
    except RuntimeError as error:
        if _is_short_of_memory(error) and beside():
            raise torch.OutOfMemoryError(str(error)) from error
        say_once("the update", error)
    return Eager(training)


def _is_short_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, also in a capture, whose end then raises an error of its own."""
    return error is not None and (is_out_of_memory(error) or _is_short_of_memory(error.__context__))
