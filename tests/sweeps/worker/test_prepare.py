"""The data of a plan beside the rows that it has, and what is said of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agad.data.features.attach import with_features
from agad.data.prepared import open_prepared
from agad.errors import DataError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.worker.data.agreed import AgreedData
from sweeps.worker.data.opened import OpenedData
from sweeps.worker.options import WorkerOptions
from sweeps.worker.prepare import prepare_here
from tests.conftest import ROOT
from tests.helpers.features import write_features
from tests.helpers.raw_data import fill


def specs(dataset: str, **changes: object) -> tuple[RunSpec, ...]:
    known = {"dataset": dataset, "image_size": 16, "method": "knn", "updates": 0, **changes}
    return tuple(RunSpec(normal_class=normal, **known) for normal in (0, 1))


def write(data: Path, seed: int) -> None:
    """A data set npz:own; of another seed with other pixels, its names, sizes and labels the same."""
    pixels, labels = np.random.default_rng(seed).integers(0, 256, (20, 16, 16), dtype=np.uint8), np.arange(20) % 2
    np.savez(data / "own.npz", train_images=pixels, train_labels=labels, test_images=pixels + 1, test_labels=labels)


def prepared(tmp_path: Path, plan: Plan, results: Path | None = None) -> list[str]:
    return prepare_here(plan, str(tmp_path), str(tmp_path / "cache"), download=False, results=results)


@pytest.mark.slow
@pytest.mark.parametrize("status", ["ok", "pruned", "failed"])
def test_runs_of_changed_data_are_not_added_to_rows(status: str, tmp_path: Path) -> None:
    """A night's runs would share no table with what is there. A failed row does not count: it has no number."""
    write(tmp_path, 0)
    plan = Plan("g", (), (), specs("npz:own"))
    digest = prepared(tmp_path, plan)[0].partition("digest ")[2][:12]
    values: dict[str, object] = {"data_digest": digest.ljust(64, "0") if status == "failed" else _digest(tmp_path)}
    values |= {"auroc": 0.5} if status == "ok" else {}
    ResultStore(tmp_path / "r").commit(RunRecord(spec=plan.specs[0], attempt=1, status=status, values=values))
    if status != "failed":
        assert prepared(tmp_path, plan, tmp_path / "r")
    write(tmp_path, 1)

    if status == "failed":
        assert prepared(tmp_path, plan, tmp_path / "r")
    else:
        with pytest.raises(DataError, match=rf"rows of 1 of these runs of other npz:own data \(digest {digest}, now"):
            prepared(tmp_path, plan, tmp_path / "r")


def _digest(tmp_path: Path) -> str:
    return open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path / "cache").digest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("1", "2", "3", "10"), "1 is class 2 here"),
        (("0", "1", "2"), ""),
        (("a", "b"), ""),
        (("8", "9"), ""),
    ],
)
def test_classes_with_other_numbers_for_names_are_said(names: tuple[str, ...], note: str, tmp_path: Path) -> None:
    """`normal_class=1` is the class of index 1, which whoever has classes 1, 2 and 3 does not expect."""
    for index, name in enumerate(names):
        fill(tmp_path / "own" / name, 6, 100 * index)
    lines = [line for line in prepared(tmp_path, Plan("g", (), (), specs("folder:own"))) if "index, not" in line]

    assert len(lines) == bool(note)
    assert not note or note in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(("validation", "copies"), [(0.0, 3), (0.1, 3), (0.1, 0)])
def test_repeated_training_images_are_said_where_some_are_held_out(
    validation: float, copies: int, tmp_path: Path
) -> None:
    for index, name in enumerate("ab"):
        fill(tmp_path / "own" / name, 20, 100 * index)
    for copy in range(copies):
        fill(tmp_path / "own" / "a", 20, 0, suffix=f"-{copy}.png")
    lines = prepared(tmp_path, Plan("g", (), (), specs("folder:own", validation=validation)))

    assert any("may have been trained on" in line for line in lines) == (validation > 0 and copies > 0)


def test_vectors_are_said_and_their_change_refused(tmp_path: Path) -> None:
    """The images are the same and the file is another: runs beside the old rows would share no table with them."""
    write(tmp_path, 0)
    data = open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path / "cache")
    write_features(tmp_path, data, test_labels=None)
    plan = Plan("g", (), (), (*specs("npz:own"), *specs("npz:own", features="file:own")))
    lines = prepared(tmp_path, plan)
    (said,) = [line for line in lines if line.startswith("npz:own file:own: vectors of 5 numbers, digest ")]
    assert lines[lines.index(said) + 1].startswith("  note: features=file:own: it has no train_labels")

    attached = with_features(data, plan.specs[-1], tmp_path)
    assert attached.vectors is not None
    assert attached.vectors.digest[:12] in said
    values = {"data_digest": data.digest, "features_digest": attached.vectors.digest, "auroc": 0.5}
    ResultStore(tmp_path / "r").commit(RunRecord(spec=plan.specs[-1], attempt=1, status="ok", values=values))
    assert prepared(tmp_path, plan, tmp_path / "r") == lines
    write_features(tmp_path, data, seed=1)
    with pytest.raises(DataError, match=r"rows of 1 of these runs of other npz:own file:own data \(digest \w{12}, now"):
        prepared(tmp_path, plan, tmp_path / "r")


def test_a_worker_reads_images_and_vectors_once(tmp_path: Path) -> None:
    """And gives each run its own: the file may be gone by then, and a run on pixels gets no vectors."""
    write(tmp_path, 0)
    data = open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path / "cache")
    path = write_features(tmp_path, data)
    first, second = specs("npz:own", features="file:own")
    options = WorkerOptions(plan="", results="", data=str(tmp_path), cache=str(tmp_path / "cache"))
    opened = OpenedData(options, AgreedData(Plan("g", (), (), (first, second)), tmp_path, ""))
    found = opened.open(first)
    path.unlink()

    assert opened.open(second) is found
    assert found.vectors is not None
    assert opened.open(specs("npz:own")[0]).vectors is None
    assert opened.open(specs("npz:own")[0]).train_images.data_ptr() == found.train_images.data_ptr()


@pytest.mark.slow
def test_a_launch_says_what_is_in_the_data_before_any_process_imports_torch(tmp_path: Path) -> None:
    """Torch takes seconds to import; what is done with prepared data needs none of it, nor what reads raw ones."""
    plan = Plan("demo", (), (), (RunSpec(dataset="digits", normal_class=0),), "0123456789abcdef").save(tmp_path)
    code = "import sys, pathlib; from agad.plan.plan import Plan; from sweeps.worker.prepare import prepare_here; "
    code += f"prepare_here(Plan.load(pathlib.Path({str(plan)!r})), None, None, download=False); "
    code += "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    for heavy in (["sklearn"], []):
        command = [sys.executable, "-c", code]
        environment = {**os.environ, "AGAD_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(heavy)
