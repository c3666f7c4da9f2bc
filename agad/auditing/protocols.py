"""The same weights and the same test images under every evaluation protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agad.auditing.behaviour import Behaviour
from agad.auditing.inputs import TestSet, count_images
from agad.auditing.intervals import Placements
from agad.auditing.model.fresh import Fresh
from agad.auditing.model.norms import Norms, Statistics, silenced
from agad.auditing.model.scorer import Positions, Scorer, Scores
from agad.auditing.model.watch import Watch
from agad.auditing.probes import Prober
from agad.auditing.result import LABELS, Line, points
from agad.errors import AuditError
from agad.tensors.seeding import seed_of

Progress = Callable[[str], None]

_STATISTICS = {
    "eval": Statistics.RUNNING,
    "eval_recal": Statistics.ESTIMATED,
    "batch1": Statistics.BATCH,
    "batch_shuffled": Statistics.BATCH,
    "batch_normals_first": Statistics.BATCH,
    "batch_class_sorted": Statistics.BATCH,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A line of the table, with what comparisons need.

    Attributes:
        line: the line.
        placements: of its AUROC; None where it failed.
    """

    line: Line
    placements: Placements | None


class Protocols:
    """Scores a test set under protocols.

    Args:
        scorer: the score function on the test images.
        test: images and labels.
        watch: restores the model before each pass; its dropouts are silent in every forced protocol.
        norms: the model's batch norms.
        fresh: scores each pass by a function that has seen nothing; None: the scorer's own serves.
        shuffles: number of shuffled orders.
        progress: is given each line as it is finished.
    """

    def __init__(
        self, scorer: Scorer, test: TestSet, watch: Watch, norms: Norms, *, fresh: Fresh | None, shuffles: int,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._fresh = fresh
        self._scorer, self._test, self._watch, self._norms = scorer, test, watch, norms
        self._dropouts, self._shuffles, self._progress = watch.dropouts(), shuffles, progress

    def scored(self, protocol: str, batch: int | None, *, independent: bool = False) -> Scored:
        """The AUROC under a protocol; where the score function fails under it, a line that says so."""
        orders = list(self.orders(protocol))
        try:
            with self.conditions(protocol):
                several = [self.scores(order, batch) for order in orders]
        except AuditError as error:
            return Scored(self._told(Line(protocol, batch, 0, None, None, None, False, str(error))), None)
        return self.placed(protocol, batch, several, independent=independent)

    def placed(self, protocol: str, batch: int | None, several: Sequence[Scores], *, independent: bool) -> Scored:
        """The line of some scorings under one protocol."""
        each = [Placements.of(self._test.labels, scores) for scores in several]
        values = [one.estimate().value for one in each]
        mean = Placements.mean(each)
        line = Line(protocol, batch, len(each), mean.auroc(), min(values), max(values), independent)
        return Scored(self._told(line), mean)

    def scores(self, order: Positions, batch: int | None) -> Scores:
        """Scores from the model's initial state, by position."""
        if self._fresh is not None:
            return self._fresh.all(order, batch)
        self._watch.restore()
        return self._scorer.all(order, batch)

    def orders(self, protocol: str) -> Iterable[Positions]:
        """The orders in which a protocol scores the images: permutations (N,)."""
        labels = self._test.labels
        keys = {"normals_first": labels, "class_sorted": self._test.classes}
        for name, key in keys.items():
            if protocol.endswith(name):
                shuffled = shuffle(len(labels), 0)
                assert key is not None, "there are classes wherever this protocol is asked for"
                return [shuffled[np.argsort(key[shuffled], kind="stable")]]
        if protocol.endswith("shuffled"):
            return [shuffle(len(labels), number) for number in range(self._shuffles)]
        return [np.arange(len(labels))]

    @contextlib.contextmanager
    def conditions(self, protocol: str) -> Iterator[None]:
        """The statistics of a protocol; what the code itself has, where it is none of agad's."""
        with contextlib.ExitStack() as stack:
            if protocol in _STATISTICS:
                stack.enter_context(self._norms.forced(_STATISTICS[protocol]))
                stack.enter_context(silenced(self._dropouts))
            yield

    def is_independent(self, protocol: str, prober: Prober, found: Behaviour) -> bool:
        """Whether no score, or no rank where a whole set is scored at once, depends on the other images there."""
        with self.conditions(protocol):
            try:
                can_compare = found.random_without_dropout <= found.tolerance
                return not prober.rests_on_others(found.exact, found.tolerance, can_compare=can_compare)
            except AuditError:
                return False

    def estimate(self, images: Any, batch: int | None) -> bool:
        """Re-estimate the statistics on training images, in nearly equal batches; whether that was possible."""
        count = count_images(images, "training images")
        if not len(self._norms) or count == 0:
            return False
        scorer, order = self._scorer.on(images), shuffle(count, 0)
        self._watch.restore()
        try:
            with self._norms.forced(Statistics.ESTIMATE), silenced(self._dropouts):
                for positions in np.array_split(order, -(-count // batch)) if batch else [order]:
                    scorer.one_batch(positions)
        except AuditError:
            return False
        return True

    def _told(self, line: Line) -> Line:
        batch = "" if line.batch is None else f", batches of {line.batch}"
        found = f"AUROC {points(line.auroc.value)}" if line.auroc else f"failed: {line.note}"
        self._progress(f"{LABELS[line.protocol]}{batch}: {found}")
        return line


def shuffle(count: int, number: int) -> NDArray[np.int64]:
    """One of the fixed shuffles of `count` images."""
    return np.random.default_rng(seed_of("audit", "shuffle", number)).permutation(count)
