"""The dual of semi-supervised anomaly detection (Görnitz et al. 2013), by sequential minimal optimisation.

    minimise  1/2 b' K b   subject to  0 <= b_i <= 1 for normals, -1 <= b_j <= 0 for anomalies,
    sum b = 1,  -sum_anomalies b >= kappa = 1

b is y * alpha of the usual form, with all three of their constants 1 and unlabelled images as normals. Read in the
MIT-licensed github.com/lukasruff/Deep-SAD-PyTorch at 2e7aca3, src/baselines/shallow_ssad/ssad_convex.py, whose solver
is a general one of another licence. Two numbers move in each step, as in LIBSVM (Fan, Chen and Lin 2005): one up, one
down, so that their sum stays; chosen among those that the bounds, and kappa, let move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KAPPA = 1.0
TOLERANCE = 1e-5
"""Most that the function values of two images may differ in the wrong order at the end; K's values are 1 at most."""
_STEPS = 1000
"""Steps between two calls of tick."""
_CURVED = 1e-12
"""Least curvature of a step: images that are equal have none."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """Who may rise and who may fall: masks over all images, and how far together at most."""

    up: NDArray[np.bool_]
    down: NDArray[np.bool_]
    most: float = np.inf


def solve(kernel: NDArray[np.float32], normals: int, tick: Callable[[], None]) -> Array:
    """The minimiser b, (N,) float64.

    Args:
        kernel: K, (N, N), symmetric and positive semi-definite, with values of 1 at most.
        normals: the first so many images are normal, two or more of them; the others, one or more, are anomalies.
        tick: called between pieces of the work; an exception from it ends the work.
    """
    count = len(kernel)
    is_normal = np.arange(count) < normals
    anomalies = count - normals
    low, high = np.where(is_normal, 0.0, -1.0), np.where(is_normal, 1.0, 0.0)
    b = np.where(is_normal, (1 + KAPPA) / normals, -KAPPA / anomalies)  # feasible, and a function of the counts alone
    values = (kernel @ b.astype(np.float32)).astype(np.float64)
    diagonal = kernel.diagonal().astype(np.float64)
    spare = 0.0  # of kappa
    step = 0
    while True:
        if step % _STEPS == 0:
            tick()
        step += 1
        up, down = b < high, b > low
        moves = [_Move(up & is_normal, down), _Move(up & ~is_normal, down & ~is_normal)]
        if spare > 0:
            moves.append(_Move(up & ~is_normal, down & is_normal, spare))
        move, gap = _worst(moves, values)
        if not gap > TOLERANCE:  # also where codes, and so all of it, are not numbers
            return b
        i = _argmin(values, move.up)
        row = kernel[i].astype(np.float64)
        # Second order: the partner with which the step gains most.
        curvature = np.maximum(diagonal[i] + diagonal - 2 * row, _CURVED)
        gains = np.where(move.down, np.maximum(values - values[i], 0.0), 0.0)
        j = int(np.argmax(gains * gains / curvature))
        size = min(gains[j] / curvature[j], high[i] - b[i], b[j] - low[j], move.most)
        b[i], b[j] = _moved(b[i], size, high[i]), _moved(b[j], -size, low[j])
        values += size * (row - kernel[j])
        if is_normal[i] != is_normal[j]:
            spare = 0.0 if size == move.most else spare + (size if is_normal[i] else -size)


def _worst(moves: list[_Move], values: Array) -> tuple[_Move, float]:
    gaps = [
        values[move.down].max() - values[move.up].min() if move.up.any() and move.down.any() else -np.inf
        for move in moves
    ]
    worst = int(np.argmax(gaps))
    return moves[worst], float(gaps[worst])


def _argmin(values: Array, among: NDArray[np.bool_]) -> int:
    return int(np.argmin(np.where(among, values, np.inf)))


def _moved(value: float, size: float, bound: float) -> float:
    """The bound itself where rounding would miss it by a hair."""
    return bound if abs(bound - value) <= abs(size) else value + size
