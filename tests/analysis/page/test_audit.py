"""The page of an audit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from agad.auditing.intervals import Estimate
from agad.auditing.result import FINE, WRONG, Audit, Finding, Line, Worth
from analysis.figures.audit import audit_figure
from analysis.page.audit import write_audit
from tests.analysis.page.test_report import Page

AUDIT = Audit(
    sentence="An image's score depends on <others>; 27.0 of your 84.0 points do.",
    auroc=Estimate(0.84, 0.8, 0.88),
    depends=True,
    findings=(
        Finding("train_mode", WRONG, "2 of 2 batch norms take their statistics from the test batch."),
        Finding("random", FINE, "Scores do not depend on the seed of a random generator."),
    ),
    lines=(
        Line("as_given", 64, 1, Estimate(0.84, 0.8, 0.88), 0.84, 0.84, independent=False),
        Line("eval", 64, 1, Estimate(0.57, None, None), 0.57, 0.57, independent=True),
        Line("batch_shuffled", 64, 5, Estimate(0.6, 0.5, 0.7), 0.58, 0.62, independent=False),
        Line("batch1", 1, 0, None, None, None, independent=False, note="the score of image 0 is nan"),
    ),
    worth=(Worth("order", "as_given", "batch_shuffled", Estimate(0.24, 0.2, 0.28)),),
    facts={
        "images": 100, "anomalies": 50, "batch": 64, "modules": 9, "batch_norms": 2, "batch_norms_in_batch_mode": 2,
        "tolerance": 0.001, "spread": 1.0,
    },
)  # fmt: skip


def test_the_page_is_whole_needs_no_network_and_escapes_what_it_is_given(tmp_path: Path):
    text = write_audit(AUDIT, "<model>.py", tmp_path).read_text()
    page = Page(text)

    assert page.open == []
    assert not {"img", "iframe", "link"} & set(page.tags)
    assert all(link[1:] in page.ids for link in page.links)  # it stands alone
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert "&lt;others&gt;" in text
    assert "&lt;model&gt;.py" in text
    assert "printed in the paper" not in text
    assert "the score of image 0 is nan" in text


def test_a_model_whose_name_is_no_text_has_a_page(tmp_path: Path):
    """File names of Linux may hold bytes that are no UTF-8."""
    assert "m?.py" in write_audit(AUDIT, "m\udce9.py", tmp_path).read_text()


def test_the_figure_shows_every_protocol_that_was_scored():
    drawing = audit_figure(AUDIT.lines)

    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels == ["your code, your order, 64", "running statistics, 64", "statistics of the batch, shuffled, 64"]
    assert "running statistics, 64: 57.0" in drawing.alt


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"worth": ()}, {"lines": AUDIT.lines[:1]}, {"facts": AUDIT.facts | {"spread": 0.0}}]
)
def test_less_makes_a_page_too(tmp_path: Path, changes):
    facts = {"facts": AUDIT.facts | {"batch": None}} | changes
    assert write_audit(dataclasses.replace(AUDIT, **facts), "m", tmp_path).is_file()


def test_an_audit_is_plain_values():
    assert json.loads(json.dumps(AUDIT.to_dict()))["worth"][0]["difference"]["value"] == 0.24
