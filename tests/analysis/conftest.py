"""Results, a report and cells that several tests of the analysis share."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.page.report import write_report
from benchmarks import synthetic
from tests.helpers.analysis_rows import commit_all, drawn


def digits() -> list[RunSpec]:
    """The demo's cells: three digits, two shares of anomalies, three seeds."""
    return [
        RunSpec(dataset="digits", normal_class=c, gamma=gamma, seed=seed, updates=40, curve=(20,))
        for seed in range(3)
        for gamma in (0.0, 0.05)
        for c in (0, 1, 4)
    ]


def few_of_the_paper() -> list[RunSpec]:
    """All variants of Tables 1, 4, 5 and 9 on two data sets, two classes short, two seeds."""
    return [
        spec
        for spec in synthetic.paper_specs(seeds=(0, 1), tables=("table1", "table4", "table5", "table9"))
        if spec.dataset in ("mnist", "fashion_mnist") and spec.gamma in (0.0, 0.05) and spec.target_class < 8
    ]


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("demo")
    synthetic.write(results, digits())
    return results


@pytest.fixture(scope="session")
def report(demo, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(demo, out)
    return out


@pytest.fixture(scope="session")
def paper_results(tmp_path_factory) -> Path:
    """Light rows of few_of_the_paper, without curves and scores."""
    results = tmp_path_factory.mktemp("paper")
    commit_all(ResultStore(results), few_of_the_paper(), drawn)
    return results


@pytest.fixture(scope="session")
def paper_cells(paper_results):
    return read_all(paper_results)


@pytest.fixture(scope="session")
def paper_report(paper_results, tmp_path_factory) -> Path:
    """A page that stands alone."""
    return write_report(paper_results, tmp_path_factory.mktemp("alone") / "page.html")
