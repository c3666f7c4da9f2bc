"""The solver against the conditions that a minimiser fulfils, and against a general one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from agad.methods.density.dual import KAPPA, TOLERANCE, solve


def problem(normals: int, anomalies: int, shift: float, seed: int) -> np.ndarray:
    """A Gaussian kernel of points of which some are equal; anomalies are shifted, or lie among the normals."""
    x = np.random.default_rng(seed).normal(size=(normals + anomalies, 3))
    x[normals:] += shift
    x[normals // 2] = x[0]
    x[-1] = x[normals] if seed % 2 else x[0]
    return np.exp(-0.5 * ((x[:, None] - x[None]) ** 2).sum(-1)).astype(np.float32)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(1, 15), st.sampled_from([0.0, 0.5, 3.0]), st.integers(0, 1000))
def test_the_minimiser_is_feasible_and_no_two_numbers_can_better_it(
    normals: int, anomalies: int, shift: float, seed: int
) -> None:
    """Karush, Kuhn and Tucker: whoever may rise is not below whoever may fall."""
    kernel = problem(normals, anomalies, shift, seed)
    b = solve(kernel, normals, lambda: None)
    of_normals, of_anomalies = b[:normals], b[normals:]

    assert (of_normals >= 0).all()
    assert (of_normals <= 1).all()
    assert (of_anomalies <= 0).all()
    assert (of_anomalies >= -1).all()
    assert b.sum() == pytest.approx(1, abs=1e-9)
    assert -of_anomalies.sum() >= KAPPA - 1e-9
    values = kernel.astype(np.float64) @ b
    up, down = b < np.where(np.arange(len(b)) < normals, 1, 0), b > np.where(np.arange(len(b)) < normals, 0, -1)
    is_normal = np.arange(len(b)) < normals
    more = -of_anomalies.sum() > KAPPA + 1e-9
    pairs = [(up & is_normal, down), (up & ~is_normal, down & ~is_normal)]
    pairs += [(up & ~is_normal, down & is_normal)] if more else []
    for rising, falling in pairs:
        if rising.any() and falling.any():
            assert values[falling].max() - values[rising].min() <= 2 * TOLERANCE


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_a_general_solver_finds_the_same(seed: int, shift: float) -> None:
    """With alpha and y as they are printed: 0 <= alpha <= 1, sum y alpha = 1, kappa at most the anomalies' sum."""
    normals, anomalies = 9, 4
    kernel = problem(normals, anomalies, shift, seed)
    y = np.repeat([1.0, -1.0], [normals, anomalies])
    labelled = (y < 0).astype(float)
    found = minimize(
        lambda a: (y * a) @ kernel @ (y * a) / 2,
        np.where(y > 0, 2 / normals, 1 / anomalies),
        jac=lambda a: y * (kernel @ (y * a)),
        bounds=[(0, 1)] * len(y),
        constraints=[
            {"type": "eq", "fun": lambda a: y @ a - 1, "jac": lambda a: y},
            {"type": "ineq", "fun": lambda a: labelled @ a - KAPPA, "jac": lambda a: labelled},
        ],
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    b = solve(kernel, normals, lambda: None)
    assert b @ kernel @ b / 2 == pytest.approx(found.fun, abs=1e-6)
    np.testing.assert_allclose(kernel @ b, kernel @ (y * found.x), atol=5e-4)


def test_the_solver_ends_where_codes_are_not_numbers_and_when_it_is_told_to() -> None:
    kernel = problem(5, 2, 0.0, 0)
    assert len(solve(kernel * np.float32("nan"), 5, lambda: None)) == 7

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(kernel, 5, stop)
