"""train(spec, options) -> RunRecord: one run from its first update, or its checkpoint, to its row; several at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Hashable, Iterator

import torch

from agad.control import Action, Control, CurvePoint, Interrupted, Progress, Pruned
from agad.data.prepared import Prepared
from agad.device import open_device, peak_memory_bytes, reset_peak_memory, settings
from agad.errors import is_out_of_memory
from agad.inference import measure_inference
from agad.pack import Pack, TornUpdateError, shape_of
from agad.schema import RunRecord
from agad.session import Clock, Member, Session, machine_columns, now, opened
from agad.spec import RunOptions, RunSpec
from agad.training import Training

__all__ = ["Action", "Control", "CurvePoint", "Interrupted", "Member", "Progress", "train", "train_pack"]


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
        A record of status `ok`, or `pruned` where control wished so, without the columns of agad.provenance. A pruned
        run has its curve so far and no AUROC; called again, it goes on from its checkpoint.

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
    train_pack(iter([member]), member.options, 1, lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


Ended = Callable[[Member, "RunRecord | Exception"], None]
"""Told of each member's end: what `train` would have returned or raised."""


def train_pack(members: Iterator[Member], options: RunOptions, size: int, ended: Ended) -> int:
    """Make runs several at once, each as `train` would make it alone, to rounding: see agad/pack.py.

    A member that ends makes room for the next; members whose shapes differ take turns. What one run raises ends that
    run alone. Where memory runs out, half as many go on together, from the same state.

    Args:
        members: the runs, taken one by one as there is room.
        options: device and threads of all of them.
        size: how many go together at most.
        ended: told of each end at once; an exception from it ends everything.

    Returns:
        How many went together at most, in the end.

    Raises:
        DeviceError: the device is not there.
    """
    device = open_device(options.device)
    with settings(device, options.threads):
        return _Crew(device, members, size, ended).run()


class _Crew:
    """The members of a pack that are under way."""

    def __init__(self, device: torch.device, members: Iterator[Member], size: int, ended: Ended) -> None:
        self._device, self._members, self._size, self._ended = device, members, size, ended
        self._active: dict[Training, tuple[Member, Session, Generator[None, tuple[float, int], None]]] = {}
        self._packs: list[Pack] = []

    def run(self) -> int:
        while True:
            while len(self._active) < self._size and (member := next(self._members, None)) is not None:
                self._begin(member)
            if not self._active:
                return self._size
            try:
                self._form_packs()
            except RuntimeError as error:  # stacking copies
                if not self._halved(error, max(map(len, self._wanted()))):
                    raise
                continue
            self._step_all()

    def _step_all(self) -> None:
        for pack in self._packs:
            if not self._step(pack):
                return

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
        except Exception as error:  # noqa: BLE001 - it is the member's, whatever it is
            outcome = error
        if outcome is not None:
            self._end(member, outcome, 0)
            return
        steps = session.run()
        self._active[session.training] = (member, session, steps)
        self._advance(session.training, lambda: next(steps))

    def _advance(self, training: Training, go_on: Callable[[], None]) -> None:
        """Let a run do what is between two updates; tell of it where it ends thereby."""
        member, session, _ = self._active[training]
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
        del self._active[training]
        try:
            self._end(member, outcome, training.update)
        finally:
            del outcome  # an exception holds this frame, which would hold it: a cycle with all that both hold

    def _end(self, member: Member, outcome: RunRecord | Exception, update: int) -> None:
        """Tell of a run's end; where memory ran out beside others, it is left for another time, with fewer."""
        if isinstance(outcome, Exception) and self._active and self._halved(outcome, len(self._active) + 1):
            outcome = Interrupted(update)
        self._ended(member, outcome)

    def _halved(self, error: Exception, together: int) -> bool:
        """Whether memory ran out where fewer could go together: from now on half as many do."""
        if together < 2 or not is_out_of_memory(error):
            return False
        self._size = -(-together // 2)
        self._packs = []
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return True

    def _form_packs(self) -> None:
        """Packs of the trainings under way: those of before where nobody came or went, since stacking copies."""
        wanted = self._wanted()
        if [pack.members for pack in self._packs] != wanted:
            self._packs = []  # their memory is needed
            self._packs = [Pack(alike) for alike in wanted]

    def _wanted(self) -> list[tuple[Training, ...]]:
        """The trainings under way, those of one shape together, no more than there may be."""
        of_shape: dict[Hashable, list[Training]] = {}
        for training in self._active:
            of_shape.setdefault(shape_of(training), []).append(training)
        return [
            tuple(alike[i : i + self._size]) for alike in of_shape.values() for i in range(0, len(alike), self._size)
        ]

    def _step(self, pack: Pack) -> bool:
        """One update of a pack; False: it is too large for the device's memory, and smaller ones are to be formed."""
        clock = Clock()
        try:
            failed = pack.step()
        except TornUpdateError as torn:
            self._abandon(pack, torn)
            return False
        except Exception as error:  # noqa: BLE001 - of the device, or of all members alike
            if self._halved(error, len(pack.members)):
                return False
            for training in pack.members:
                self._advance(training, functools.partial(self._active[training][2].throw, error))
            return True
        share = clock.lap() / len(pack.members)
        for training in pack.members:
            steps = self._active[training][2]
            if training in failed:
                self._advance(training, functools.partial(steps.throw, failed[training]))
            else:
                self._advance(training, functools.partial(steps.send, (share, len(pack.members))))
        return True

    def _abandon(self, pack: Pack, torn: TornUpdateError) -> None:
        """End a pack whose states are of no use; its runs go on from their checkpoints where fewer go together."""
        cause = torn.__cause__
        assert isinstance(cause, Exception)
        retried = self._halved(cause, len(pack.members))
        self._packs = []
        for training in pack.members:
            error = Interrupted(training.update) if retried else cause
            self._advance(training, functools.partial(self._active[training][2].throw, error))


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
