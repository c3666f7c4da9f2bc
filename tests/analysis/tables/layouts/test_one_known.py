"""Runs that know one anomaly class stand beside all that the paper prints of that protocol."""

from __future__ import annotations

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
