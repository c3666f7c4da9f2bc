"""How a score function behaves: what its scores depend on besides the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agad.auditing.model.norms import silenced
from agad.auditing.model.scorer import Scores
from agad.auditing.model.watch import Watch, reseed
from agad.auditing.probes import NOTHING, Moved, Prober, normalisation, usual_size

_OF_SPREAD = 1e-3
"""Differences below this share of the scores' SD cannot matter to an AUROC."""
_ROUNDINGS = 16
"""Machine epsilons of a large score that rounding may amount to; of larger ones in proportion."""
_FULL_PRECISION = float(np.finfo(np.float32).eps)
_COARSE = 0.1
"""Share of the scores' SD above which a difference matters, though it may be rounding in half precision."""
_OF_NORMAL = 3.29
"""SDs between the quantiles .05 and .95 of a normal distribution."""
_OF_NOISE = 10
"""How much more than between repetitions of the same call a score must move."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a score depends on.

    Attributes:
        spread: SD of the scores; 0: all are equal.
        noise: the largest difference between repetitions of the same call from the same state.
        is_repeatable: whether that is no more than rounding.
        exact: what counts as a difference between batches of the same shape.
        tolerance: what counts as a difference between batches of different shapes or orders.
        random: the largest difference between seeds of the random generators.
        random_without_dropout: the same with the dropouts found silenced.
        composition: the same images between normals and between anomalies.
        position: the same batch in another order.
        size: the same images in batches of other sizes.
        history: the same batch after another one.
        changed: parameters and buffers that scoring changes.
        normalised: how the scores look normalised over a batch, or over the set; empty where they do not.
        kept: the same batches by a function that has seen no image yet; `failed` says why that was not tested.
    """

    spread: float
    noise: float
    is_repeatable: bool
    exact: float
    tolerance: float
    random: float
    random_without_dropout: float
    composition: Moved
    position: Moved
    size: Moved
    history: Moved
    changed: tuple[str, ...]
    normalised: str
    kept: Moved = NOTHING

    @property
    def is_random(self) -> bool:
        """Whether scores depend on the seeds of the random generators."""
        return self.random > self.tolerance

    def in_spreads(self, found: Moved) -> float:
        """The largest difference, in SDs of the scores."""
        return found.most / self.spread if self.spread else 0.0


def behaviour(prober: Prober, watch: Watch, changed: tuple[str, ...]) -> Behaviour:
    """Probe a score function."""
    base = prober.base()
    together = np.concatenate(base)
    # Within groups, for a state that a function keeps may shift whole batches.
    within = np.median([scores.std() for scores in base]) if len(base[0]) > 1 else together.std()
    spread, usual = float(within), _usual_spread(together, float(within))
    noise = prober.repeats()
    epsilon = _epsilon(watch.precision, usual_size(together), usual)
    rounding = max(_OF_SPREAD * usual, _ROUNDINGS * epsilon)
    exact = epsilon + _OF_NOISE * noise
    tolerance = max(rounding, _OF_NOISE * noise)
    random = prober.randomness(reseed)
    dropouts = watch.dropouts()
    with silenced(dropouts):
        still_random = prober.randomness(reseed) if dropouts and random > tolerance else random
    can_compare = still_random <= tolerance
    with silenced(dropouts):
        return Behaviour(
            spread=spread,
            noise=noise,
            is_repeatable=noise <= rounding,
            exact=exact,
            tolerance=tolerance,
            random=random,
            random_without_dropout=still_random,
            composition=prober.composition(exact),
            position=prober.position(tolerance) if can_compare else NOTHING,
            size=prober.size(tolerance) if can_compare else NOTHING,
            history=prober.history(exact, watch.restart_generators),
            changed=changed,
            normalised=normalisation(base),
        )


def _usual_spread(scores: Scores, spread: float) -> float:
    """SD of the scores but for the outermost, for one of a billion would make all others look equal."""
    low, high = np.quantile(scores, (0.05, 0.95))
    return min(spread, float(high - low) / _OF_NORMAL) or spread


def _epsilon(precision: float, largest: float, spread: float) -> float:
    """What a rounding of a large score is worth.

    In half precision a large score has roundings of many SDs. They would hide any dependence, and move an AUROC as
    dependence does: so all of them together count for _COARSE, but never for less than in single precision.
    """
    return max(min(precision * largest, _COARSE * spread / _ROUNDINGS), _FULL_PRECISION * largest)
