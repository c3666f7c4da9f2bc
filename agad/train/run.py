"""train(spec, options) -> RunRecord: one run from its first update, or its checkpoint, to its row; several at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator

import torch

from agad.data.prepared import Prepared
from agad.errors import is_out_of_memory
from agad.scoring.inference import measure_inference
from agad.spec.run import RunOptions, RunSpec
from agad.store.schema import RunRecord
from agad.tensors.device import open_device, peak_memory_bytes, reset_peak_memory, settings
from agad.train.control import Action, Control, CurvePoint, Interrupted, Progress, Pruned
from agad.train.session import Clock, Member, Session, machine_columns, now, opened
from agad.train.update import update

__all__ = ["Action", "Control", "CurvePoint", "Interrupted", "Member", "Progress", "train", "train_together"]


def train(
    spec: RunSpec, options: RunOptions | None = None, *, data: Prepared | None = None, control: Control | None = None
) -> RunRecord:
    """Make one run, going on from its newest checkpoint where there is one; under task=inference, time its generator.

    The result, curve, score and reconstruction columns are a function of the spec, the data, torch, the instruction
    set and the thread count: interruptions and evaluations leave no trace in them. No global random generator is
    touched.

    Args:
        spec: what to train.
        options: where and how; None: RunOptions().
        data: the data set where it is open already; None: it is opened by the spec's name. Nothing is downloaded.
        control: called between updates, and between the batches of an evaluation; what it returns is done at once.

    Returns:
        A record of status `ok`, or `pruned` where control wished so, without the columns of provenance. A pruned run
        has its curve so far and no AUROC; called again, it goes on from its checkpoint.

    Raises:
        NonFiniteLoss: L_g, L_d, a weight or a score is NaN or infinite. It would be again.
        Interrupted: as control wished.
        SpecError: the spec and the data do not go together.
        DataError: the data cannot be read, or are not those of the spec.
        DeviceError: the device is not there.
        OSError: a checkpoint or the weights cannot be written.
    """
    outcomes: list[RunRecord | Exception] = []
    member = Member(spec, options or RunOptions(), data, control)
    train_together(iter([member]), member.options, 1, lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


Ended = Callable[[Member, "RunRecord | Exception"], None]
"""Called at each run's end with what `train` would have returned or raised."""


def train_together(members: Iterator[Member], options: RunOptions, size: int, ended: Ended) -> int:
    """Make several runs in one process, each with the bits that it has alone.

    They take turns, update by update; one that ends makes room for the next. What one run raises ends that run alone.
    Where memory runs out beside others, that run is interrupted and half as many go on.

    Args:
        members: the runs, taken one by one as there is room.
        options: device and threads of all of them.
        size: how many advance at once at most.
        ended: called at each end, at once; an exception from it ends everything.

    Returns:
        How many advanced at once at most, in the end.

    Raises:
        DeviceError: the device is not there.
    """
    device = open_device(options.device)
    with settings(device, options.threads):
        return _Crew(device, members, size, ended).run()


class _Crew:
    """The runs that advance in this process."""

    def __init__(self, device: torch.device, members: Iterator[Member], size: int, ended: Ended) -> None:
        self._device, self._members, self._size, self._ended = device, members, size, ended
        self._active: dict[Session, tuple[Member, Generator[None, float, None]]] = {}

    def run(self) -> int:
        while True:
            while len(self._active) < self._size and (member := next(self._members, None)) is not None:
                self._begin(member)
            if not self._active:
                return self._size
            for session in list(self._active):
                self._step(session)

    def _begin(self, member: Member) -> None:
        """Bring a run to where its first update is due."""
        outcome: RunRecord | Exception | None = None
        if not self._active:
            reset_peak_memory(self._device)
        try:
            if member.spec.task == "inference":
                outcome = _inference_record(member, self._device)
            else:
                session = Session(member, self._device)
                session.resume()
        except Exception as error:  # noqa: BLE001 - it is the run's own, whatever it is
            outcome = error
        if outcome is not None:
            self._end(member, outcome, 0)
            return
        steps = session.run()
        self._active[session] = (member, steps)
        for one in self._active:
            one.together = max(one.together, len(self._active))
        self._advance(session, lambda: next(steps))

    def _step(self, session: Session) -> None:
        """One update of a run, and what follows it."""
        steps, clock = self._active[session][1], Clock()
        try:
            update(session.training)
        except Exception as error:  # noqa: BLE001 - as above
            self._advance(session, functools.partial(steps.throw, error))
        else:
            self._advance(session, functools.partial(steps.send, clock.lap()))

    def _advance(self, session: Session, go_on: Callable[[], None]) -> None:
        """Let a run do what is between two updates; report its end where it ends thereby."""
        member = self._active[session][0]
        outcome: RunRecord | Exception
        try:
            try:
                go_on()
            except StopIteration:
                outcome = session.record()
            except Pruned:
                outcome = session.pruned_record()
            else:
                return
        except Exception as error:  # noqa: BLE001 - as above
            outcome = error
        del self._active[session]
        try:
            self._end(member, outcome, session.training.update)
        finally:
            del outcome  # an exception holds this frame, which would hold it: a cycle with all that both hold

    def _end(self, member: Member, outcome: RunRecord | Exception, updates: int) -> None:
        """Report a run's end; where memory ran out beside others, it is left for another time, with fewer."""
        if isinstance(outcome, Exception) and self._active and is_out_of_memory(outcome):
            self._size = -(-(len(self._active) + 1) // 2)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            outcome = Interrupted(updates)
        self._ended(member, outcome)


def _inference_record(member: Member, device: torch.device) -> RunRecord:
    """The row of task=inference: there is nothing to resume, so whatever would stop a training gives it up."""
    spec, control = member.spec, member.control
    started_at, clock = now(), Clock()
    reset_peak_memory(device)
    data = opened(member)

    def tick() -> None:
        if control and control(Progress(0, spec.updates, "eval", 0)) in {Action.STOP, Action.ABANDON}:
            raise Interrupted(0)

    values = {
        **measure_inference(spec, data, device, tick),
        "data_digest": data.digest,
        **machine_columns(device),
        "train_seconds": 0.0,
        "eval_seconds": clock.lap(),
        "resumes": 0,
        "peak_memory_bytes": peak_memory_bytes(device),
        "started_at": started_at,
        "finished_at": now(),
    }
    return RunRecord(spec=spec, attempt=member.options.attempt, status="ok", values=values)
