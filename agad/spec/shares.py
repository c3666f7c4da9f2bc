"""Shares of anomalies and of validation images as counts, by exact arithmetic. Standard library only."""

from __future__ import annotations

import math
from fractions import Fraction


def as_fraction(value: float) -> Fraction:
    """The exact decimal that a float is printed as, so that .05 is 1/20."""
    return Fraction(repr(float(value)))


def anomaly_count(gamma: float, normals: int) -> int:
    """Count a = floor(gamma n / (1 - gamma)), exactly (section 4.2.2: gamma = a / (n + a))."""
    share = as_fraction(gamma)
    return math.floor(share * normals / (1 - share))


def anomalies_per_batch(gamma: float, batch_size: int, minimum: int) -> int:
    """Return max(minimum, gamma * batch_size rounded half up); 0 at gamma = 0 (section 3.3.2)."""
    if gamma == 0:
        return 0
    return max(minimum, math.floor(as_fraction(gamma) * batch_size + Fraction(1, 2)))
