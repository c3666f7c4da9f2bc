"""The AUROC counts pairs."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from agad.auroc import auroc
from tests.conftest import ROOT


@pytest.mark.parametrize("levels", [2, 30, 10**6], ids=lambda levels: f"{levels} levels")
@pytest.mark.parametrize("anomalies", [1, 100, 354])
def test_it_is_the_area_under_the_roc_curve(levels: int, anomalies: int) -> None:
    """Scikit-learn's, up to that one's own rounding; with many ties, few and none."""
    rng = np.random.default_rng(anomalies)
    label = rng.permutation(np.arange(355) < anomalies).astype(np.int64)
    scores = (rng.integers(levels, size=355) / levels + 0.2 * label).astype(np.float32)

    assert auroc(scores, label) == pytest.approx(roc_auc_score(label, scores), rel=1e-14)


def test_it_is_rounded_once() -> None:
    """Of 3 x 7 pairs 18 are in order and one is a tie."""
    label = np.array([0] * 3 + [1] * 7)
    scores = np.array([1, 2, 3, 2, 2.5, 4, 5, 6, 7, 8], np.float32)

    assert auroc(scores, label) == 18.5 / 21


def test_without_a_pair_there_is_none() -> None:
    assert math.isnan(auroc(np.zeros(3, np.float32), np.zeros(3, np.int64)))


def test_a_workers_modules_load_no_scikit_learn() -> None:
    """It took a third of a worker's start."""
    code = "import sys, sweeps.worker, agad.trainer; sys.exit('sklearn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
