"""How many workers a machine carries."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from agad.plan.make import make_plan
from agad.spec.run import RunSpec
from sweeps.grids import load_grid
from sweeps.machine import devices
from sweeps.machine.devices import default_workers
from sweeps.machine.memory import worker_bytes
from tests.helpers.rows import spec

GIB = 2**30


def carried(specs, monkeypatch, *, cores: int, gib: float, threads: int = 1) -> int:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(devices, "_free_bytes", lambda: int(gib * GIB))
    return default_workers("cpu", threads, worker_bytes(specs, "data"))


def shape(**fields):
    return [spec(**{"batch_size": 256, "image_size": 32, "eval_batch_size": 256, "precision": "fp32", **fields})]


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        ({"backbone": "naive"}, 1.12),
        ({"backbone": "naive", "precision": "bf16"}, 0.97),
        ({"backbone": "unet"}, 1.90),
        ({"backbone": "unet", "batch_size": 216}, 2.10),
        ({"backbone": "unet", "precision": "bf16"}, 1.69),
        ({"backbone": "unetpp"}, 2.40),
        ({"backbone": "unet", "batch_size": 450}, 2.21),
        ({"backbone": "unetpp", "batch_size": 100}, 2.05),
        ({"backbone": "unetpp", "batch_size": 150}, 2.21),
        ({"backbone": "unetpp", "precision": "bf16"}, 2.23),
        ({"backbone": "unetpp", "precision": "bf16", "batch_size": 202}, 2.18),
        ({"backbone": "unetpp", "precision": "bf16", "batch_size": 64, "eval_precision": "bf16"}, 1.29),
        ({"backbone": "unetpp", "precision": "bf16", "batch_size": 64, "eval_batch_size": 1024}, 3.09),
        ({"backbone": "naive", "image_size": 128, "batch_size": 64, "eval_batch_size": 64}, 2.08),
        ({"backbone": "unet", "image_size": 128, "batch_size": 64, "eval_batch_size": 64, "precision": "bf16"}, 2.46),
        ({"backbone": "unet", "image_size": 128, "batch_size": 64, "eval_batch_size": 64}, 3.40),
        ({"backbone": "unetpp", "image_size": 128, "batch_size": 64, "eval_batch_size": 64, "precision": "bf16"}, 3.63),
        ({"backbone": "unetpp", "image_size": 128, "batch_size": 64, "eval_batch_size": 64}, 5.61),
        ({"method": "geotrans", "encoder": "wrn_10_4"}, 1.23),
        ({"method": "geotrans", "encoder": "wrn_16_8"}, 2.64),
        ({"method": "arnet"}, 1.30),
    ],
)
def test_no_run_needs_more_than_is_reckoned_with(fields, measured):
    """GiB that processes came to, as workers are started (docs/benchmarks.md has most); half as much again at most."""
    reckoned = worker_bytes(shape(**fields), "data") / GIB

    assert measured <= reckoned < 1.5 * measured


def test_the_largest_run_of_a_plan_counts():
    small, large = shape(backbone="naive"), shape(backbone="unetpp")

    assert worker_bytes([*small, *large], "data") == worker_bytes(large, "data") > worker_bytes(small, "data")


def test_vectors_from_files_are_reckoned_with(tmp_path):
    """A worker holds all that it has read: of two data sets and four runs, two files; a missing one is said later."""
    for dataset in ("mnist", "cifar10"):
        (tmp_path / "features" / dataset).mkdir(parents=True)
        vectors = {part: np.zeros((100, 50), np.float32) for part in ("train", "test")}
        np.savez(tmp_path / "features" / dataset / "own.npz", **vectors)
    pixels, *others = (
        RunSpec(dataset=dataset, normal_class=label, method="knn", updates=0, features=features)
        for features in ("pixels", "file:own", "file:absent")
        for dataset in ("mnist", "cifar10")
        for label in (0, 1)
    )
    held = worker_bytes(others, str(tmp_path)) - worker_bytes([pixels], str(tmp_path))

    assert held == pytest.approx(2 * 2 * 100 * 50 * 4, rel=0.02)


def test_cores_or_memory_set_the_number(monkeypatch):
    naive, unetpp = shape(backbone="naive"), shape(backbone="unetpp")

    assert carried(naive, monkeypatch, cores=8, gib=16) == 8
    assert carried(unetpp, monkeypatch, cores=8, gib=16) == 5
    assert carried(naive, monkeypatch, cores=8, gib=16, threads=3) == 2
    assert carried(unetpp, monkeypatch, cores=8, gib=1) == 1, "a run that may not fit is tried all the same"


def test_medical_images_take_fewer_workers(monkeypatch):
    """Table 3 at 128x128: with the need of 32x32 its workers were more than the memory holds."""
    plan, _ = make_plan(load_grid("table3"))

    assert carried(plan.specs, monkeypatch, cores=16, gib=64) == 9


def test_a_job_s_share_counts(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "3072")

    assert carried(shape(backbone="unetpp"), monkeypatch, cores=64, gib=500) == 3


def test_where_memory_is_not_told_cores_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))

    assert default_workers("cpu", 1, 100 * GIB) == 3
