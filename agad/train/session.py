"""Session: one attempt at a run, from its checkpoint to its row: updates, evaluation, checkpoints and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit, one_class_split
from agad.errors import NonFiniteLoss
from agad.scoring.evaluate import Evaluator, Scores, of_order
from agad.scoring.reconstructions import reconstruction_columns
from agad.scoring.replays import Replays
from agad.scoring.weights import Weights, save_weights
from agad.spec.run import VALIDATION_PROTOCOLS, RunSpec
from agad.store.schema import RunRecord
from agad.tensors.device import peak_memory_bytes
from agad.tensors.lane import Lane
from agad.tensors.precision import say_once
from agad.train.checkpoint import Checkpoint, find_checkpoint, save_checkpoint
from agad.train.control import Action, CurvePoint, Interrupted, Member, Progress, Pruned, asked
from agad.train.graph.updater import Updater, updater_of
from agad.train.makers import Makers
from agad.train.pace import Clock, Pace
from agad.train.row import (
    TEST,
    VALIDATION,
    Point,
    curve_columns,
    data_columns,
    now,
    provenance_columns,
    result_columns,
    score_columns,
    size_columns,
)
from agad.train.state import Training


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


class Session:
    """One attempt at a run. All of its methods are called while its lane is active.

    Args:
        member: the run.
        device: where it is made.
        lane: its own on the device.
        beside: whether other runs advance in this process.

    Attributes:
        training: the run between two updates.
        seconds: spent in training ("train") and scoring ("eval"), over all attempts.
        together: the most runs, this one included, that have advanced in one process at once.
        lane: as above.
    """

    def __init__(
        self, member: Member, device: torch.device, lane: Lane, beside: Callable[[], bool] = lambda: False
    ) -> None:
        self._started_at = now()
        member.make_folders()
        data, spec = member.open_data(), member.spec
        say_once(spec, member.options.device)
        self._spec, self._options, self._device, self._data = spec, member.options, device, data
        self._control = member.control
        self.lane, self._beside = lane, beside
        self._split = one_class_split(data, spec)
        self.training = Training(spec, data, self._split, device)
        self._evaluators = _evaluators(spec, data, self._split, device)
        self._curve: list[Point] = []
        self._scores: dict[str, Scores] = {}  # of the point being scored; at the end those of the last update
        self.seconds = {"train": 0.0, "eval": 0.0}
        self._makers = Makers(device)
        self._updater: Updater | None = None
        self._replays = Replays.of(spec, lane, eager=self._options.eager)
        self._is_whole = True  # false in the midst of an update
        self.together, self._peak, self._resumes = 1, 0, 0
        self._clock = Clock()
        self._pace = Pace(self._options.checkpoint_every, self._options.first_checkpoint)
        self._saved_mark = self._mark()  # a run that has done nothing needs no checkpoint

    def resume(self) -> None:
        """Take up the newest checkpoint, whichever attempt wrote it, and unlink those that hold less."""
        if self._options.checkpoint_dir is None:
            return
        folder = Path(self._options.checkpoint_dir)
        checkpoint, _ = find_checkpoint(folder, self._spec, self._data.identity)
        if checkpoint is not None:
            self._load_state(checkpoint.state)
            self._resumes += 1
            self._saved_mark = self._mark()
            for path in checkpoint.outdone:  # else a run of a hundred attempts reads a hundred files at each
                path.unlink(missing_ok=True)

    def run(self) -> Iterator[None]:
        """Go to the last update, scoring each point of the curve when it is reached; yields within each update.

        Raises Interrupted and Pruned as control wishes, and what training raises. At a yield the device works on the
        update, and other runs of this process take their turn.
        """
        points = set(self._spec.curve_points)
        self._clock.lap()
        while True:
            done = self.training.done
            if done in points and not self._is_scored(done):
                with self._replays:
                    self._score_point()
            if done == self._spec.updates:
                return
            self._boundary("train")
            updater = self._open_updater()
            self._is_whole = False
            updater.launch()
            self._charge("train")
            yield
            self._clock.lap()  # other runs' turns count for nothing
            updater.finish()
            self._is_whole = True
            self._charge("train")

    def rescue(self) -> None:
        """Write a checkpoint of a run that ended for lack of memory, unless that was in the midst of an update."""
        if self._is_whole:
            self._save()

    def close(self) -> None:
        """Give back what the run holds on the device beside its tensors."""
        if self._updater is not None:
            self._updater.close()
        self.lane.release()

    def _open_updater(self) -> Updater:
        if self._updater is None:
            self._updater = updater_of(self.training, self.lane, eager=self._options.eager, beside=self._beside)
        return self._updater

    def record(self) -> RunRecord:
        """The row of the finished run; saves the weights first where there is a folder for them."""
        spec = self._spec
        values = {
            **result_columns(spec, self._curve),
            **self._columns_of_all(),
            **(score_columns(spec, self._evaluators[TEST], self._scores) if spec.evaluate_test else {}),
        }
        values["weights"] = self._save_weights(values)
        if spec.evaluate_test and spec.seed == 0:  # pictures of further seeds would show no more, and take more space
            values |= reconstruction_columns(self._evaluators[TEST], self.training.method)
        return RunRecord(spec=self._spec, attempt=self._options.attempt, status="ok", values=values)

    def pruned_record(self) -> RunRecord:
        """The row of a pruned run: its curve so far, and nothing that could pass for its result."""
        values = self._columns_of_all()
        return RunRecord(spec=self._spec, attempt=self._options.attempt, status="pruned", values=values)

    # -- evaluation ------------------------------------------------------------------------------------------------

    def _is_scored(self, update: int) -> bool:
        return bool(self._curve) and self._curve[-1]["update"] == update

    def _score_point(self) -> None:
        """Score the present weights under the point's protocols; scores from before an interruption are used."""
        update, spec = self.training.done, self._spec
        self.training.check_weights()
        last = update == spec.updates
        protocols = spec.final_protocols if last else spec.curve_protocols
        point: Point = {"update": update, "terms": dict(self.training.terms)}
        for part, evaluator in self._evaluators.items():
            point[part] = {}
            for protocol in protocols if part == TEST else _of_validation(protocols):
                scores = [self._scored(part, protocol, draw) for draw in range(spec.orders(protocol))]
                if evaluator.has_both_labels:
                    point[part][protocol] = float(np.mean([evaluator.auroc(of) for of in scores]))
                self._charge("eval")
        self._curve.append({TEST: {}, VALIDATION: {}, **point})
        if not last:
            self._scores = {}
        self._charge("eval")

    def _scored(self, part: str, protocol: str, draw: int) -> Scores:
        """Scores of the present weights, from before an interruption where they are there."""
        key = of_order(protocol if part == TEST else f"{part} {protocol}", draw)
        if key not in self._scores:
            method, evaluator = self.training.method, self._evaluators[part]
            scores = evaluator.scores(method, protocol, lambda: self._boundary("eval"), draw, self._replays)
            if not np.isfinite(scores).all():
                raise NonFiniteLoss(self.training.update, f"a score under {key}")
            self._scores[key] = scores
        return self._scores[key]

    # -- interruption ----------------------------------------------------------------------------------------------

    def _boundary(self, phase: str) -> None:
        """Where the run may be left: call control, write a checkpoint where one is due."""
        self._charge(phase)
        action = self._call_control(phase)
        if action is Action.ABANDON:
            raise Interrupted(self.training.update)
        if action is not Action.CONTINUE or self._pace.is_due():
            self._save()
        if action is Action.STOP:
            raise Interrupted(self.training.update)
        if action is Action.PRUNE:
            raise Pruned
        self._clock.lap()  # neither control nor checkpoints count as training

    def _call_control(self, phase: str) -> Action:
        if self._control is None:
            return Action.CONTINUE
        point = CurvePoint(**self._curve[-1]) if self._curve else None
        total = self._spec.pretrain_updates + self._spec.updates
        return asked(self._control, Progress(self.training.update, total, phase, self._saved_mark, point))

    def _save(self) -> None:
        """Write the checkpoint, unless nothing has happened since the last."""
        if self._options.checkpoint_dir is None or self._mark() == self._saved_mark:
            return
        started = time.monotonic()
        checkpoint = Checkpoint(self.training.update, self._state())
        folder = Path(self._options.checkpoint_dir)
        save_checkpoint(folder, self._spec, self._options.attempt, self._data.identity, checkpoint)
        self._pace.saved(time.monotonic() - started)
        self._saved_mark = self._mark()

    def _mark(self) -> int:
        """A number that grows with all that a checkpoint saves: updates, points of the curve and test sets scored."""
        scored = sum(1 + len(point[TEST]) + len(point[VALIDATION]) for point in self._curve)
        under_way = 0 if self._is_scored(self.training.done) else len(self._scores)
        return self.training.update + scored + under_way

    def _state(self) -> dict[str, Any]:
        return {
            "training": self.training.state_dict(),
            "curve": self._curve,
            "scores": {protocol: torch.from_numpy(scores) for protocol, scores in self._scores.items()},
            "seconds": self.seconds,
            "resumes": self._resumes,
            "made_by": self._makers.state(),
            "together": self.together,
            "peak": self._peak_memory(),
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        self.training.load_state_dict(state["training"])
        self._curve = [{VALIDATION: {}, **point} for point in state["curve"]]  # older ones had no validation
        self._scores = {protocol: scores.numpy() for protocol, scores in state["scores"].items()}
        self.seconds = state["seconds"]
        self._resumes = state["resumes"]
        self._makers.resume(state.get("made_by"))
        self.together = state.get("together", 1)  # older checkpoints lack it
        self._peak = state["peak"]

    def _charge(self, phase: str) -> None:
        self.seconds[phase] += self._clock.lap()

    # -- the row ---------------------------------------------------------------------------------------------------

    def _columns_of_all(self) -> dict[str, Any]:
        """The columns that pruned runs have too."""
        return {
            **size_columns(self.training, self._split, self._evaluators),
            **curve_columns(self._spec, self._curve),
            **data_columns(self._data, self._spec),
            **provenance_columns(self._device, self._data.digest),
            "together": self.together,
            "train_seconds": self.seconds["train"],
            "eval_seconds": self.seconds["eval"],
            "resumes": self._resumes,
            "resumed_from": self._makers.others(),
            "peak_memory_bytes": self._peak_memory(),
            "started_at": self._started_at,
            "finished_at": now(),
        }

    def _peak_memory(self) -> int:
        return max(self._peak, peak_memory_bytes(self._device))

    def _save_weights(self, row: dict[str, Any]) -> str | None:
        """Save the weights where there is a folder for them; the file's name, or None."""
        if self._options.weights_dir is None:
            return None
        weights = Weights.of(self.training.method, self._spec, self._data, row)
        return save_weights(Path(self._options.weights_dir), weights).name
