"""Synthetic rows."""

from __future__ import annotations

import numpy as np
import pytest

from agad.spec.run import RunSpec
from agad.store.schema import SCHEMA
from benchmarks import synthetic


@pytest.mark.slow
def test_synthetic_rows_are_the_papers_in_number_and_a_runs_in_form():
    runs = synthetic.paper_specs()
    assert len(runs) == len(set(runs)) == 3654
    record = synthetic.record(RunSpec(dataset="digits", normal_class=1))
    row = record.to_row()
    assert set(row) == set(SCHEMA.names)
    labels, scores = np.array(row["test_label"]), np.array(row["scores_eval"])
    above = np.mean(scores[labels == 1][:, None] > scores[labels == 0][None, :])
    assert row["auroc"] == pytest.approx(above, abs=1e-6)
