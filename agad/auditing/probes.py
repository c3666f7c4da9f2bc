"""Probes: what a score depends on besides its image, seen on a few batches.

Two calls whose batches have the same shape use the same kernels, so an image's score must have the same bits in both.
Batches of other sizes, and an image at another place of its batch, use other kernels: there differences count only
beyond a tolerance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agad.auditing.model.scorer import Positions, Scorer, Scores
from agad.errors import AuditError

_GROUPS = 4
_FEWEST = 32
"""Images that are compared at least, where there are so many: small batches make more groups."""
_MOST_AT_ONCE = 256
"""Images of a group, at most, where the score function makes its own batches."""
_ALONE = 16
"""Images that are scored alone, at most."""
_REPEATS = 3

Restore = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """How scores of the same images differ between two ways of scoring them.

    Attributes:
        count: images that moved by more than the tolerance.
        of: images that were compared.
        most: the largest difference.
        keeps_order: whether the order of the scores is the same.
        failed: why they could not be compared; else empty.
        where: the ways of scoring them, in words.
    """

    count: int
    of: int
    most: float
    keeps_order: bool = True
    failed: str = ""
    where: str = "between normal images and between anomalous ones"

    def __bool__(self) -> bool:
        return self.count > 0

    @classmethod
    def together(cls, parts: Sequence[Moved]) -> Moved:
        """What several comparisons found."""
        return cls(
            sum(part.count for part in parts),
            sum(part.of for part in parts),
            max((part.most for part in parts), default=0.0),
            all(part.keeps_order for part in parts),
        )


NOTHING = Moved(0, 0, 0.0)


def moved(a: Scores, b: Scores, tolerance: float) -> Moved:
    """Compare two scorings of the same images; scores beyond the usual size are rounded in proportion to theirs."""
    by_first = b[np.argsort(a, kind="stable")]
    own, usual = np.maximum(np.abs(a), np.abs(b)), usual_size(np.concatenate([a, b]))
    return Moved(
        count=int((np.abs(a - b) > tolerance * np.maximum(own / usual if usual else 1.0, 1.0)).sum()),
        of=len(a),
        most=float(np.abs(a - b).max(initial=0.0)),
        keeps_order=bool((np.diff(by_first) >= -tolerance).all()),
    )


def usual_size(scores: Scores) -> float:
    """What nine tenths of the scores do not exceed, whatever their sign."""
    return float(np.quantile(np.abs(scores), 0.9))


def are_tied(found: Sequence[Moved], *, whole: bool) -> bool:
    """Whether any comparison shows that scores move; where a whole set is scored at once, that their order does."""
    return any(bool(one) and not (whole and one.keeps_order) for one in found)


class Prober:
    """Calls a score function on chosen batches, each time from the same state."""

    def __init__(
        self, scorer: Scorer, labels: NDArray[np.int64], restore: Restore, generator: np.random.Generator
    ) -> None:
        self._scorer, self._restore = scorer, restore
        size = len(labels) // 4 if scorer.batch is None else min(scorer.batch, len(labels)) // 2
        self.half = max(1, min(size, _MOST_AT_ONCE))
        """Images in half a group: those that are compared, between as many companions."""
        self._last = len(labels) % scorer.batch if scorer.batch else 0
        order = generator.permutation(len(labels))
        groups = max(1, min(max(_GROUPS, _FEWEST // self.half), len(order) // self.half))
        self._fixed = [order[start * self.half : (start + 1) * self.half] for start in range(groups)]
        self._normals, self._anomalies = (order[labels[order] == label] for label in (0, 1))

    def call(self, *batches: Positions) -> Scores:
        """Scores of the last of some batches that are scored one after another from the initial state."""
        self._restore()
        for batch in batches[:-1]:
            self._scorer.one_batch(batch)
        return self._scorer.one_batch(batches[-1])

    def group(self, number: int, companions: Positions) -> Positions:
        """The images of a group at even places, companions at odd ones; a batch of one has no companions."""
        fixed = self._fixed[number]
        if self._scorer.batch == 1:
            return fixed
        others = np.setdiff1d(companions, fixed, assume_unique=True)
        return np.stack([fixed, np.resize(others if len(others) else companions, len(fixed))], axis=1).reshape(-1)

    def base(self) -> list[Scores]:
        """Scores of each group between normal images."""
        return [self.call(self.group(number, self._normals)) for number in range(len(self._fixed))]

    def repeats(self) -> float:
        """The largest difference between repetitions of one call from the same state."""
        batch = self.group(0, self._normals)
        first = self.call(batch)
        return max(float(np.abs(self.call(batch) - first).max()) for _ in range(_REPEATS - 1))

    def randomness(self, reseed: Callable[[int], None]) -> float:
        """The largest difference between calls that differ in the seeds of the global random generators alone."""
        batch, found = self.group(0, self._normals), []
        for seed in range(_REPEATS):
            self._restore()
            reseed(seed)
            found.append(self._scorer.one_batch(batch))
        return max(float(np.abs(other - found[0]).max()) for other in found[1:])

    def composition(self, tolerance: float) -> Moved:
        """The same images at the same places of batches of the same size, between normals and between anomalies."""
        if self._scorer.batch == 1:
            return NOTHING
        pairs = [
            [self.call(self.group(n, others))[::2] for others in (self._normals, self._anomalies)]
            for n in self._numbers
        ]
        return Moved.together([moved(a, b, tolerance) for a, b in pairs])

    def position(self, tolerance: float) -> Moved:
        """The same batch, turned by a little more than a third."""
        if self._scorer.batch == 1:
            return NOTHING
        parts = []
        for number in self._numbers:
            batch = self.group(number, self._normals)
            by = len(batch) // 3 + 1
            parts.append(moved(self.call(batch), np.roll(self.call(np.roll(batch, by)), -by), tolerance))
        return Moved.together(parts)

    def size(self, tolerance: float) -> Moved:
        """The same images in batches of two sizes, alone, and in one as short as the last; what fails is left out."""
        if self._scorer.batch == 1:
            return NOTHING
        parts = []
        few = self._fixed[0][:_ALONE]
        try:
            for number in self._numbers:
                whole = self.call(self.group(number, self._normals))[::2]
                parts.append(moved(whole, self.call(self._fixed[number]), tolerance))
            if self._last:
                batch = self.group(0, self._normals)
                parts.append(moved(self.call(batch)[: self._last], self.call(batch[: self._last]), tolerance))
            alone = np.concatenate([self.call(one) for one in np.split(few, len(few))])
            parts.append(moved(self.call(self.group(0, self._normals))[::2][: len(few)], alone, tolerance))
        except AuditError as error:
            return dataclasses.replace(Moved.together(parts), failed=str(error))
        return Moved.together(parts)

    def history(self, tolerance: float, restart: Restore) -> Moved:
        """A batch from the initial state, and after another batch; the random generators start equally."""
        batch, other = self.group(0, self._normals), self.group(len(self._fixed) - 1, self._anomalies)
        first = self.call(batch)
        self._restore()
        self._scorer.one_batch(other)
        restart()
        return moved(first, self._scorer.one_batch(batch), tolerance)

    def rests_on_others(self, exact: float, tolerance: float, *, can_compare: bool) -> bool:
        """Whether scores, or ranks where a whole set is scored at once, depend on the other images of a batch."""
        found = [self.composition(exact)]
        if can_compare:
            found += [self.position(tolerance), self.size(tolerance)]
        return are_tied(found, whole=self._scorer.batch is None)

    @property
    def _numbers(self) -> range:
        return range(len(self._fixed))


def normalisation(groups: list[Scores]) -> str:
    """How the scores of each group look normalised over their group; empty where they do not."""
    if any(len(np.unique(scores)) < 4 for scores in groups):
        return ""
    return next((words for words, test in _NORMALISED.items() if all(map(test, groups))), "")


_NORMALISED: dict[str, Callable[[Scores], bool]] = {
    "their minimum is 0 and their maximum 1": lambda s: bool(abs(s.min()) < 1e-6 and abs(s.max() - 1) < 1e-6),
    "their mean is 0 and their SD 1": lambda s: bool(
        abs(s.mean()) < 1e-4 and min(abs(s.std() - 1), abs(s.std(ddof=1) - 1)) < 1e-4
    ),
    "they sum to 1": lambda s: bool(abs(s.sum() - 1) < 1e-5),
    "they are ranks": lambda s: bool(
        len(np.unique(s)) == len(s) and float(np.ptp(np.diff(np.sort(s)))) < 1e-6 * float(np.ptp(s))
    ),
}
"""What scores that are normalised over a group look like."""
