"""A sweep on vectors from a file, from the command line to its table, and what is said when the file is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from agad.data import prepared
from agad.data.prepared import open_prepared
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from sweeps.cli import known_data
from tests.helpers.cli import error_line, launch_here
from tests.helpers.features import write_features
from tests.helpers.opening import write_npz

pytestmark = pytest.mark.slow

GRID = """
from agad import RunSpec, grid


@grid(seeds=1)
def mine() -> list[RunSpec]:
    \"\"\"Nearest neighbours on digits, on pixels and on vectors from a file.\"\"\"
    return [
        RunSpec(normal_class=label, method="knn", updates=0, features=features)
        for label in (3, 8)
        for features in ("pixels", "gcn")
    ]
"""
ON_VECTORS = ["--select", "features=gcn", "--set", "features=file:own"]


def test_a_sweep_on_vectors_from_a_file(tmp_path: Path) -> None:
    """Numbers by scikit-learn, in one table with pixels; in between the file has changed: one line, and no row."""
    data = open_prepared("digits", 32)
    path = write_features(tmp_path, data)
    (tmp_path / "mine.py").write_text(GRID, encoding="utf-8")
    arguments = ["--grid", str(tmp_path / "mine.py"), "--data", str(tmp_path), "--results", str(tmp_path / "r")]
    arguments += ["--workers", "1"]
    assert "2 to do" in launch_here(*arguments, *ON_VECTORS, "--dry-run").stdout
    first = launch_here(*arguments, "--select", "normal_class=3", *ON_VECTORS)
    assert first.returncode == 0, first.stderr
    assert "digits file:own: vectors of 5 numbers, digest" in first.stdout + first.stderr

    write_features(tmp_path, data, seed=1)
    changed = launch_here(*arguments, *ON_VECTORS)
    assert changed.returncode == 2
    assert "has rows of 1 of these runs of other digits file:own data (digest " in error_line(changed.stderr)
    write_features(tmp_path, data)
    done = launch_here(*arguments, *ON_VECTORS)
    assert done.returncode == 0, done.stderr
    assert "Complete: all 2 runs are ok" in done.stdout

    arrays = np.load(path)
    rows = ResultStore(tmp_path / "r").read(["normal_class", "features", "auroc"]).to_pylist()
    assert [row["features"] for row in rows] == ["file:own"] * 2
    for row in rows:
        bank = arrays["train"][data.train_labels == row["normal_class"]]
        distances, _ = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(bank).kneighbors(arrays["test"])
        expected = roc_auc_score(data.test_labels != row["normal_class"], np.square(distances).sum(1))
        assert row["auroc"] == pytest.approx(expected, abs=1e-4)


def test_a_wrong_name_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    """The name at the dry run, the file before a worker starts."""
    (tmp_path / "mine.py").write_text(GRID, encoding="utf-8")
    arguments = ["--grid", str(tmp_path / "mine.py"), "--data", str(tmp_path), "--results", str(tmp_path / "r")]
    for name in ("../own", ""):
        wrong = launch_here(*arguments, "--select", "features=gcn", "--set", f"features=file:{name}", "--dry-run")
        assert wrong.returncode == 2
        assert "file: goes before a name of letters" in error_line(wrong.stderr)
    gone = launch_here(*arguments, *ON_VECTORS)
    assert gone.returncode == 2
    assert f"features=file:own: there is no file {tmp_path}/features/digits/own.npz" in error_line(gone.stderr)
    assert not ResultStore(tmp_path / "r").read(["run_id"]).num_rows


def test_a_file_of_vectors_is_read_before_jobs_are_submitted(tmp_path: Path) -> None:
    """The cache of prepared images says nothing of it, and a job would find its fault in the night."""
    open_prepared("digits", 32, cache=tmp_path)
    pixels, own = (
        RunSpec(normal_class=0, method="knn", updates=0, features=features) for features in ("pixels", "file:own")
    )
    options = argparse.Namespace(cache=str(tmp_path))
    assert known_data._are_prepared(Plan("g", (), (), (pixels,)), options, str(tmp_path))
    assert not known_data._are_prepared(Plan("g", (), (), (pixels, own)), options, str(tmp_path))


def test_what_other_code_has_prepared_is_prepared_before_jobs_are_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a hundred jobs would prepare it; where the raw files are not on this host, the jobs know what to take."""
    monkeypatch.setattr(prepared, "code_of", lambda _: "other")
    write_npz(tmp_path / "own.npz")
    open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path)
    options = argparse.Namespace(cache=str(tmp_path))
    plan = Plan("g", (), (), (RunSpec(dataset="npz:own", image_size=16, normal_class=0),))
    assert not known_data._are_prepared(plan, options, str(tmp_path))
    assert known_data._are_prepared(plan, options, str(tmp_path / "no"))
    monkeypatch.undo()
    open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path)
    assert known_data._are_prepared(plan, options, str(tmp_path))
