"""Runs that know one anomaly class stand beside all that the paper prints of that protocol."""

from __future__ import annotations

import pandas as pd
import pytest

from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.tables.layouts.one_known import one_known
from tests.helpers.analysis_rows import commit_all, drawn, specs


def test_a_classifier_stands_beside_the_printed_classifier(tmp_path):
    fields = {"dataset": "mnist", "method": "classifier", "gamma": 0.05, "init": "torch"}
    runs = [run for known in (1, 2) for run in specs((0,), (0,), known_anomaly_classes=(known,), **fields)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    sheet = one_known(read_all(tmp_path))
    line = dict(zip(sheet.columns, sheet.lines[0], strict=True))
    assert line["supervised classifier, paper"] == "90.3±4.6"
    assert (line["Deep SAD, paper"], line["ESAD, paper"], line["TLSAD, paper"]) == ("96.7±2.3", "99.4±0.3", "96.9")
    assert "classifier, here" in line


def test_the_paper_s_columns_are_those_that_it_prints_for_these_data(tmp_path):
    fields = {"dataset": "digits", "gamma": 0.05}
    runs = [run for known in (1, 2) for run in specs((0,), (0,), known_anomaly_classes=(known,), **fields)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    assert not [name for name in one_known(read_all(tmp_path)).columns if name.endswith(", paper")]


@pytest.mark.slow
@pytest.mark.parametrize(("scored", "seen"), [(2, "80.0"), (1, "—")])
def test_seen_and_unseen_are_of_all_runs_of_the_row(tmp_path, scored, seen):
    """The mean of some pairs could be above both ends of the whole."""
    fields = {"dataset": "mnist", "gamma": 0.05}
    runs = [run for known in (1, 2) for run in specs((0,), (0,), known_anomaly_classes=(known,), **fields)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    split = pd.DataFrame({"run_id": [run.run_id for run in runs], "seen": 0.8, "unseen": 0.7})
    sheet = one_known(read_all(tmp_path), split[:scored])
    line = dict(zip(sheet.columns, sheet.lines[0], strict=True))
    assert (line["seen"], line["unseen"]) == (seen, "70.0" if scored == 2 else "—")
