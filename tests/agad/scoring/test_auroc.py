from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from agad.scoring.auroc import auroc


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), max_size=40),
    st.floats(1e-3, 1e3),
    st.sampled_from([np.float32, np.float64]),
)
def test_it_has_the_bits_of_scikit_learn_with_ties(points: list[tuple[bool, int]], scale: float, kind: type) -> None:
    labels = np.array([0, 1, *(int(label) for label, _ in points)])
    scores = np.array([0, 1, *(score for _, score in points)], kind) * kind(scale)

    assert auroc(labels, scores) == roc_auc_score(labels, scores)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kind"), [(2, np.float64), (355, np.float32), (10_000, np.float32)])
def test_it_has_the_bits_of_scikit_learn_on_scores_as_a_net_gives_them(count: int, kind: type) -> None:
    for seed in range(20):
        draw = np.random.default_rng(seed)
        labels = draw.permutation(np.arange(count) % 2)
        scores = (draw.normal(size=count) + 0.7 * labels).astype(kind)

        assert auroc(labels, scores) == roc_auc_score(labels, scores)
