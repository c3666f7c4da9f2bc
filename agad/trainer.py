"""train(spec, options) -> RunRecord: one run from its first update, or its checkpoint, to its row."""

from __future__ import annotations

import datetime
import enum
import functools
import time
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agad.checkpoint import Checkpoint, find_checkpoint, save_checkpoint
from agad.data.prepared import Prepared, open_prepared
from agad.data.split import OneClassSplit, one_class_split
from agad.device import device_name, open_device, peak_memory_bytes, reset_peak_memory, settings
from agad.errors import DataError, NonFiniteLoss
from agad.evaluate import Evaluator, Scores
from agad.inference import measure_inference
from agad.models.build import count_parameters
from agad.models.weights import Weights, main_state, save_weights
from agad.pack import Pack, shape_of
from agad.reconstructions import reconstruction_columns
from agad.schema import LOSS_TERMS, RunRecord
from agad.spec import EVAL_PROTOCOLS, VALIDATION_PROTOCOLS, RunOptions, RunSpec
from agad.training import RECIPROCALS, Training


class Action(enum.Enum):
    """What a control function wants."""

    CONTINUE = "go on"
    CHECKPOINT = "write a checkpoint now and go on"
    STOP = "write a checkpoint and raise Interrupted"
    ABANDON = "raise Interrupted and write nothing"
    PRUNE = "write a checkpoint and return the record of a run that was given up, of status pruned"


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
        saved: how much the newest checkpoint keeps, in updates and in test sets scored; 0: there is none. It grows with
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


class _Pruned(Exception):
    """The control function gave the run up."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A run that is to be made in a pack; the arguments of `train`."""

    spec: RunSpec
    options: RunOptions
    data: Prepared | None = None
    control: Control | None = None


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
        self._active: dict[Training, tuple[Member, _Session, Generator[None, tuple[float, int], None]]] = {}
        self._packs: list[Pack] = []

    def run(self) -> int:
        while True:
            while len(self._active) < self._size and (member := next(self._members, None)) is not None:
                self._begin(member)
            if not self._active:
                return self._size
            self._form_packs()
            for pack in self._packs:
                if not self._step(pack):
                    break

    def _begin(self, member: Member) -> None:
        """Bring a run to where its first update is due."""
        outcome: RunRecord | Exception | None = None
        try:
            if member.spec.task == "inference":
                outcome = _inference_record(member, self._device)
            else:
                session = _Session(member, self._device)
                session.resume()
        except Exception as error:  # noqa: BLE001 - it is the member's, whatever it is
            outcome = error
        if outcome is not None:
            self._ended(member, outcome)
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
            except _Pruned:
                outcome = session.pruned_record()
            else:
                return
        except Exception as error:  # noqa: BLE001 - as above
            outcome = error
        del self._active[training]
        self._ended(member, outcome)

    def _form_packs(self) -> None:
        """Packs of the trainings under way: those of before where nobody came or went, since stacking copies."""
        of_shape: dict[Hashable, list[Training]] = {}
        for training in self._active:
            of_shape.setdefault(shape_of(training), []).append(training)
        wanted = [
            tuple(alike[i : i + self._size]) for alike in of_shape.values() for i in range(0, len(alike), self._size)
        ]
        if [pack.members for pack in self._packs] != wanted:
            self._packs = []  # their memory is needed
            self._packs = [Pack(alike) for alike in wanted]

    def _step(self, pack: Pack) -> bool:
        """One update of a pack; False: it is too large for the device's memory, and smaller ones are to be formed."""
        clock = _Clock()
        try:
            failed = pack.step()
        except Exception as error:  # noqa: BLE001 - of the device, or of all members alike
            if len(pack.members) > 1 and isinstance(error, torch.OutOfMemoryError):
                self._size = -(-len(pack.members) // 2)
                self._packs = []
                torch.cuda.empty_cache()
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


def _opened(member: Member) -> Prepared:
    """The spec's data: opened, or held against the spec where they are open already."""
    spec, options, data = member.spec, member.options, member.data
    if data is None:
        data = open_prepared(spec.dataset, spec.image_size, data_root=options.data_root, cache=options.cache)
    if (data.dataset, data.image_size) != (spec.dataset, spec.image_size):
        raise DataError(
            f"the data are {data.dataset} at {data.image_size} pixels, "
            f"the spec wants {spec.dataset} at {spec.image_size}"
        )
    return data


def _inference_record(member: Member, device: torch.device) -> RunRecord:
    """The row of task=inference: there is nothing to resume, so whatever would stop a training gives it up."""
    spec, control = member.spec, member.control
    started_at, clock = _now(), _Clock()
    reset_peak_memory(device)
    data = _opened(member)

    def tick() -> None:
        if control and control(Progress(0, spec.updates, "eval", 0)) in {Action.STOP, Action.ABANDON}:
            raise Interrupted(0)

    values = {
        **measure_inference(spec, data, device, tick),
        "data_digest": data.digest,
        **_machine(device),
        "train_seconds": 0.0,
        "eval_seconds": clock.lap(),
        "resumes": 0,
        "peak_memory_bytes": peak_memory_bytes(device),
        "started_at": started_at,
        "finished_at": _now(),
    }
    return RunRecord(spec=spec, attempt=member.options.attempt, status="ok", values=values)


def _machine(device: torch.device) -> dict[str, Any]:
    return {"device": str(device), "device_name": device_name(device), "threads": torch.get_num_threads()}


TEST, VALIDATION = "auroc", "validation"
"""What is scored: the keys under which a point of the curve has its AUROCs, as CurvePoint has."""


def _evaluators(spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> dict[str, Evaluator]:
    """Of the test set and of the validation images, as the spec wants them."""
    found = {}
    if spec.evaluate_test:
        found[TEST] = Evaluator.of(spec, data, split, device)
    if spec.validation > 0:
        found[VALIDATION] = Evaluator.of_validation(spec, data, split, device)
    return found


def _of_validation(protocols: Iterable[str]) -> list[str]:
    return [protocol for protocol in protocols if protocol in VALIDATION_PROTOCOLS]


class _Session:
    """One try at a run: all but its updates, so evaluation, checkpoints and the clock."""

    def __init__(self, member: Member, device: torch.device) -> None:
        self._started_at = _now()
        reset_peak_memory(device)
        data, spec = _opened(member), member.spec
        self._spec, self._options, self._device, self._data = spec, member.options, device, data
        self._control = member.control
        self._split = one_class_split(data, spec)
        self.training = Training(spec, data, self._split, device)
        self._evaluators = _evaluators(spec, data, self._split, device)
        self._curve: list[dict[str, Any]] = []
        self._scores: dict[str, Scores] = {}  # of the point being scored; at the end those of the last update
        self._seconds = {"train": 0.0, "eval": 0.0}
        self._resumes = 0
        self._pack = 1
        self._peak = 0
        self._clock = _Clock()
        self._saved_at = time.monotonic()
        self._saved_mark = self._mark()  # a run that has done nothing needs no checkpoint

    def resume(self) -> None:
        """Take up the newest checkpoint, whichever attempt wrote it."""
        if self._options.checkpoint_dir is None:
            return
        folder = Path(self._options.checkpoint_dir)
        checkpoint, _ = find_checkpoint(folder, self._spec, self._data.digest)
        if checkpoint is not None:
            self._load_state(checkpoint.state)
            self._resumes += 1
            self._saved_mark = self._mark()

    def run(self) -> Generator[None, tuple[float, int], None]:
        """Go to the last update, scoring each point of the curve when it is reached.

        Yields wherever an update is due; whoever has made it sends back the seconds that it took this run, and how many
        runs were updated together.
        """
        points = set(self._spec.curve_points)
        self._clock.lap()
        while True:
            update = self.training.update
            if update in points and not self._is_scored(update):
                self._score_point()
            if update == self._spec.updates:
                return
            self._boundary("train")
            seconds, members = yield
            self._seconds["train"] += seconds
            self._pack = max(self._pack, members)
            self._clock.lap()

    def record(self) -> RunRecord:
        """The row of the finished run; keeps the weights first where that is asked for."""
        values = {
            **self._results(),
            **self._curve_columns(),
            **self._score_columns(),
            **self._reconstruction_columns(),
            **self._circumstances(),
            "weights": self._keep_weights(),
        }
        return RunRecord(spec=self._spec, attempt=self._options.attempt, status="ok", values=values)

    def pruned_record(self) -> RunRecord:
        """The row of a run that was given up: its curve so far, and nothing that could pass for its result."""
        values = {**self._sizes(), **self._curve_columns(), **self._circumstances()}
        return RunRecord(spec=self._spec, attempt=self._options.attempt, status="pruned", values=values)

    # -- evaluation ------------------------------------------------------------------------------------------------

    def _is_scored(self, update: int) -> bool:
        return bool(self._curve) and self._curve[-1]["update"] == update

    def _score_point(self) -> None:
        """Score the present weights under the point's protocols; those done before an interruption stand."""
        update, spec = self.training.update, self._spec
        self.training.check_weights()
        last = update == spec.updates
        protocols = spec.final_protocols if last else spec.curve_protocols
        point: dict[str, Any] = {"update": update, "terms": dict(self.training.terms)}
        for part, evaluator in self._evaluators.items():
            point[part] = {}
            for protocol in protocols if part == TEST else _of_validation(protocols):
                point[part][protocol] = evaluator.auroc(self._scored(part, protocol))
                self._charge("eval")
        self._curve.append({TEST: {}, VALIDATION: {}, **point})
        if not last:
            self._scores = {}
        self._charge("eval")

    def _scored(self, part: str, protocol: str) -> Scores:
        """Scores of the present weights, from before an interruption where they are there."""
        key = protocol if part == TEST else f"{part} {protocol}"
        if key not in self._scores:
            net, evaluator = self.training.generator, self._evaluators[part]
            scores = evaluator.scores(net, protocol, lambda: self._boundary("eval"))
            if not np.isfinite(scores).all():
                raise NonFiniteLoss(self.training.update, f"a score under {key}")
            self._scores[key] = scores
        return self._scores[key]

    # -- interruption ----------------------------------------------------------------------------------------------

    def _boundary(self, phase: str) -> None:
        """A place where the run may be left: ask control, write a checkpoint where one is due."""
        self._charge(phase)
        action = self._ask(phase)
        if action is Action.ABANDON:
            raise Interrupted(self.training.update)
        due = time.monotonic() - self._saved_at >= self._options.checkpoint_every
        if action is not Action.CONTINUE or due:
            self._save()
        if action is Action.STOP:
            raise Interrupted(self.training.update)
        if action is Action.PRUNE:
            raise _Pruned
        self._clock.lap()  # neither control nor checkpoints count as training

    def _ask(self, phase: str) -> Action:
        if self._control is None:
            return Action.CONTINUE
        point = CurvePoint(**self._curve[-1]) if self._curve else None
        return self._control(Progress(self.training.update, self._spec.updates, phase, self._saved_mark, point))

    def _save(self) -> None:
        """Write the checkpoint, unless nothing has happened since the last."""
        if self._options.checkpoint_dir is None or self._mark() == self._saved_mark:
            return
        checkpoint = Checkpoint(self.training.update, self._state())
        folder = Path(self._options.checkpoint_dir)
        save_checkpoint(folder, self._spec, self._options.attempt, self._data.digest, checkpoint)
        self._saved_at = time.monotonic()
        self._saved_mark = self._mark()

    def _mark(self) -> int:
        """What grows whenever there is something new to keep: updates, points of the curve and test sets scored."""
        scored = sum(1 + len(point[TEST]) + len(point[VALIDATION]) for point in self._curve)
        under_way = 0 if self._is_scored(self.training.update) else len(self._scores)
        return self.training.update + scored + under_way

    def _state(self) -> dict[str, Any]:
        return {
            "training": self.training.state_dict(),
            "curve": self._curve,
            "scores": {protocol: torch.from_numpy(scores) for protocol, scores in self._scores.items()},
            "seconds": self._seconds,
            "resumes": self._resumes,
            "pack": self._pack,
            "peak": self._peak_memory(),
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        self.training.load_state_dict(state["training"])
        self._curve = [{VALIDATION: {}, **point} for point in state["curve"]]  # older ones had no validation
        self._scores = {protocol: scores.numpy() for protocol, scores in state["scores"].items()}
        self._seconds = state["seconds"]
        self._resumes = state["resumes"]
        self._pack = state.get("pack", 1)  # older ones knew no packs
        self._peak = state["peak"]

    def _charge(self, phase: str) -> None:
        self._seconds[phase] += self._clock.lap()

    # -- the row ---------------------------------------------------------------------------------------------------

    def _results(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for part, headline in ((TEST, "auroc"), (VALIDATION, "auroc_val")):
            for protocol, value in self._curve[-1][part].items():
                columns[headline if protocol == "eval" else f"{headline}_{protocol}"] = value
        if self._spec.evaluate_test:
            oracle = max(self._curve, key=lambda point: point[TEST]["eval"])  # the first of equals
            columns |= {"auroc_oracle": oracle[TEST]["eval"], "oracle_update": oracle["update"]}
        return columns | self._sizes()

    def _sizes(self) -> dict[str, Any]:
        """What a run has from its start, and how far it is."""
        training, split = self.training, self._split
        sizes = training.batches.sizes
        return {
            "n_train_normal": len(split.normal),
            "n_train_anomaly": len(split.anomaly),
            "n_batch_normal": sizes.normal,
            "n_batch_anomaly": sizes.anomaly,
            **{
                f"n_{part}_{kind}": int((evaluator.test_label == label).sum())
                for part, evaluator in (("test", self._evaluators.get(TEST)), ("val", self._evaluators.get(VALIDATION)))
                if evaluator is not None
                for label, kind in enumerate(("normal", "anomaly"))
            },
            "drawn_anomaly_classes": list(split.drawn_anomaly_classes),
            "drawn_validation_classes": list(split.validation_anomaly_classes),
            "parameters_g": count_parameters(training.generator),
            "parameters_d": count_parameters(training.discriminator),
            "updates_done": training.update,
            "d_resets": training.d_resets,
            **{f"{name}_max": training.recip_max.get(name) for name in RECIPROCALS},
            "data_digest": self._data.digest,
        }

    def _curve_columns(self) -> dict[str, Any]:
        points = self._curve
        return {
            "curve_update": [point["update"] for point in points],
            **{
                f"curve_auroc{infix}_{protocol}": [point[part][protocol] for point in points]
                for part, infix in ((TEST, ""), (VALIDATION, "_val"))
                for protocol in self._spec.curve_protocols
                if points and protocol in points[0][part]
            },
            **{f"curve_{term}": [point["terms"].get(term) for point in points] for term in LOSS_TERMS},
        }

    def _score_columns(self) -> dict[str, Any]:
        if not self._spec.evaluate_test:
            return {}
        columns: dict[str, Any] = {
            "test_class": self._split.test_class.tolist(),
            "test_label": self._split.test_label.tolist(),
        }
        for protocol in EVAL_PROTOCOLS:
            if protocol in self._scores:
                columns[f"scores_{protocol}"] = self._scores[protocol].tolist()
        return columns

    def _reconstruction_columns(self) -> dict[str, Any]:
        # Of one seed: pictures of the other two would say no more and take three times the space.
        if self._spec.seed != 0 or not self._spec.evaluate_test:
            return {}
        return reconstruction_columns(self._evaluators[TEST], self.training.generator)

    def _circumstances(self) -> dict[str, Any]:
        return {
            **_machine(self._device),
            "pack": self._pack,
            "train_seconds": self._seconds["train"],
            "eval_seconds": self._seconds["eval"],
            "resumes": self._resumes,
            "peak_memory_bytes": self._peak_memory(),
            "started_at": self._started_at,
            "finished_at": _now(),
        }

    def _peak_memory(self) -> int:
        return max(self._peak, peak_memory_bytes(self._device))

    def _keep_weights(self) -> str | None:
        """The name of the file of the kept weights, in the folder that was asked for; None: not asked for."""
        if self._options.weights_dir is None:
            return None
        training = self.training
        weights = Weights(
            spec=self._spec,
            channels=self._data.channels,
            data_digest=self._data.digest,
            generator=main_state(training.generator),
            discriminator=main_state(training.discriminator),
        )
        return save_weights(Path(self._options.weights_dir), weights).name


class _Clock:
    """Seconds since it was last read."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        lap, self._last = now - self._last, now
        return lap


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
