"""Whether our classes follow the paper's, under each protocol."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from agad.store.rows import ResultStore
from analysis import stats
from analysis.cells import read_all
from analysis.paper import numbers as paper
from analysis.tables import agreement
from tests.helpers.analysis_rows import commit_all, drawn, ok_row, specs

UNET = {"dataset": "cifar10", "backbone": "unet"}
(PRINTED,) = (
    row.classes for row in paper.rows("table9") if row.dataset == "cifar10" and row.fields == {"backbone": "unet"}
)


def test_correlations_by_an_independent_library():
    ours = np.random.default_rng(0).uniform(0.4, 1, 10)
    found = agreement.agreement(ours, PRINTED)
    reference = distributions.pearsonr(ours, PRINTED)

    assert found.pearson == pytest.approx(reference.statistic)
    assert found.interval == pytest.approx(tuple(reference.confidence_interval()))
    assert found.spearman == pytest.approx(distributions.spearmanr(ours, PRINTED).statistic)
    assert found.distance == pytest.approx(np.abs(100 * ours - PRINTED).mean())


def test_a_side_that_does_not_vary_has_no_correlation():
    found = agreement.agreement([0.5] * 10, PRINTED)

    assert found.pearson is found.spearman is found.interval is None


def test_two_pairs_have_no_interval():
    assert stats.fisher_interval(0.5, 3) is None


@pytest.mark.slow
def test_each_protocol_has_its_own_line(tmp_path):
    """One that gives the paper's pattern, shifted and at other settings, and one that turns it around."""
    store = ResultStore(tmp_path)
    for normal in range(10):
        values = {"auroc_eval_recal": 1 - PRINTED[normal] / 100, "auroc_batch_normals_first": PRINTED[normal] / 100}
        commit_all(
            store, specs((normal,), updates=400, **UNET), lambda spec: PRINTED[spec.normal_class] / 100 - 0.2, values
        )
    sheet = agreement.agreement_table(read_all(tmp_path))
    lines = {line[-7]: line[-6:] for line in sheet.lines}

    assert lines["eval"] == ("10", "+1.00", "—", "+1.00", "—", "20.0")
    assert lines["normals first"][-1] == "0.0*"
    assert lines["recal"][:2] == ("10", "−1.00")


def test_rows_without_printed_classes_or_with_few_of_ours_have_none(tmp_path):
    commit_all(
        ResultStore(tmp_path), [*specs(range(4), **UNET), *specs(gamma=0.05), *specs(dataset="digits")], lambda _: 0.5
    )

    assert agreement.agreement_table(read_all(tmp_path)) is None


@pytest.mark.slow
def test_rows_that_no_ordered_test_set_scored_count_as_none(tmp_path):
    """Of those it cannot be said that another protocol comes closer than an ordered test set."""
    store = ResultStore(tmp_path)
    commit_all(store, specs(**UNET), lambda spec: PRINTED[spec.normal_class] / 100)
    assert "no row was scored under a test set ordered" in agreement.agreement_table(read_all(tmp_path)).notes[-1]
    commit_all(store, specs(updates=400, **UNET), lambda _: 0.5, {"auroc_batch_class_sorted": 0.6})
    assert "in 1 of 1 rows that were scored under one." in agreement.agreement_table(read_all(tmp_path)).notes[-1]


@pytest.mark.slow
def test_protocols_that_are_equally_near_have_no_star(tmp_path):
    """As of a net without batch norm, whose scores no order changes."""
    store = ResultStore(tmp_path)
    for spec in specs(seeds=(0,), **UNET):
        auroc = drawn(spec)
        same = {f"auroc_{name}": auroc for name in ("batch_shuffled", "batch_class_sorted", "batch_normals_first")}
        store.commit(ok_row(spec, auroc, **same))
    sheet = agreement.agreement_table(read_all(tmp_path))
    assert not [line for line in sheet.lines if line[-1].endswith("*")]
    assert "ordered by label in 0 of 1 rows" in " ".join(sheet.notes)


@pytest.mark.slow
def test_a_tie_of_both_ordered_protocols_is_under_an_ordered_test_set(tmp_path):
    store = ResultStore(tmp_path)
    for spec in specs(seeds=(0,), **UNET):
        near = PRINTED[spec.normal_class] / 100 - 0.01
        store.commit(
            ok_row(spec, 0.5 + 0.01 * spec.normal_class, auroc_batch_class_sorted=near, auroc_batch_normals_first=near)
        )
    sheet = agreement.agreement_table(read_all(tmp_path))
    assert not [line for line in sheet.lines if line[-1].endswith("*")]
    assert "ordered by label in 1 of 1 rows" in " ".join(sheet.notes)


@pytest.mark.slow
def test_a_protocol_that_a_part_of_the_runs_was_scored_under_comes_closest_to_nothing(tmp_path):
    """Five classes under the ordered one agree to the point, and say nothing of the other five."""
    store = ResultStore(tmp_path)
    for spec in specs(seeds=(0,), **UNET):
        exact = PRINTED[spec.normal_class] / 100
        ordered = {"auroc_batch_normals_first": exact} if spec.normal_class < 5 else {}
        store.commit(ok_row(spec, 0.98 * exact, **ordered))
    sheet = agreement.agreement_table(read_all(tmp_path))
    assert {line[-7] for line in sheet.lines} == {"eval", "recal"}
    assert "no row was scored under a test set ordered" in sheet.notes[-1]
