"""Default and tuned side by side, on other data of the name of the study's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agad.plan.plan import Plan
from agad.plan.tuned import Tuned
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from analysis.cells import read
from analysis.tables import footnotes
from analysis.tables.tuned import tuned_table
from tests.helpers.analysis_rows import ok_row
from tests.helpers.rows import spec


def _of_study(links: dict[str, str]) -> Tuned:
    return Tuned(
        study="s", trial=1, trials=2, values={"lambda_con": 7.0}, score=0.9, anomalies=(14,), classes={0: (1,)},
        datasets=("digits",), default_runs=links,
    )  # fmt: skip


def _scored(run: RunSpec, **values: Any) -> RunRecord:
    """A normal image, and an anomaly each of a class that the study had and of another."""
    scores = {"test_class": [0, 1, 5], "test_label": [0, 1, 1], "scores_eval": [1.0, 2.0, 0.0]}
    return ok_row(run, 0.5, **scores, **values)


@pytest.mark.slow
@pytest.mark.parametrize("known", [("digits", 16, "d" * 64), ("digits", "class_names", '["bad", "good"]')])
def test_classes_of_other_data_of_the_same_name_are_not_called_seen(
    known: tuple[str, int | str, str], tmp_path: Path
) -> None:
    """The study of folder:parts was copied beside other data that are called so."""
    default = [spec(seed, image_size=16) for seed in range(2)]
    tuned = [run.replace(lambda_con=7.0) for run in default]
    links = {found.run_id: own.run_id for found, own in zip(tuned, default, strict=True)}
    *key, version = known
    same = replace(_of_study(links), data={tuple(key): version})  # type: ignore[dict-item]
    other = replace(_of_study(links), data={tuple(key): version.replace("d", "e")})  # type: ignore[dict-item]
    for run in default + tuned:
        values = {"class_names": ["bad", "good"], "tuned_by": same.text if run in tuned else None}
        ResultStore(tmp_path).commit(_scored(run, **values))

    sheet = tuned_table(ResultStore(tmp_path), other)
    assert sheet is not None
    assert set(sheet.data["score"]) == {"AUROC", "recal"}
    text = " ".join(sheet.notes)
    assert "No seen and unseen of 2 of 2 pairs: they are of other data than study s was tuned on" in text
    assert "no test image had" not in text
    assert "whether a test image of theirs had a part in it, is unknown" in text
    for unchanged in (same, _of_study(links), replace(same, data={("digits", 32): "f", ("mnist", 16): "f"})):
        sheet = tuned_table(ResultStore(tmp_path), unchanged)
        assert sheet is not None
        assert set(sheet.data["score"]) == {"AUROC", "recal", "seen", "unseen"}
        assert "no test image had a part in it" in " ".join(sheet.notes)

    for tuning, said in ((other, "theirs had a part in it, is unknown"), (same, "no test image had a part in it")):
        plan = Plan("g", (), (), tuple(tuned), tuned=tuning)
        assert said in " ".join(footnotes.tunings(read(ResultStore(tmp_path), plan)))
