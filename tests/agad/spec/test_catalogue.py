"""Backbones and methods are found by their files; one new file is one more, from the plan to the row."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agad.spec.catalogue import backbone_names, backbones, method_names, methods
from tests.conftest import ROOT

ADDED = Path(__file__).with_name("added")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's packages, in which a test may add files."""
    for package in ("agad", "sweeps", "analysis", "slurm"):
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def test_names() -> None:
    assert backbone_names() == ("naive", "unet", "unetpp")
    assert method_names() == (
        *("agad", "anogan", "arnet", "classifier", "dagmm", "deep_sad", "deep_svdd", "esad", "fanogan", "ganomaly"),
        *("geotrans", "isolation_forest", "knn", "logistic", "mahalanobis", "ocgan", "ocsvm", "pca", "rotation_knn"),
        *("skip_ganomaly", "ssad", "ssdgm"),
    )


def test_what_a_file_registers() -> None:
    ganomaly = methods()["ganomaly"]

    assert [one.title for one in backbones().values()] == ["naive", "U-Net", "UNet++"]
    assert [one.cost for one in backbones().values()] == [1.0, 2.1, 5.0]
    assert (ganomaly.title, ganomaly.labels, ganomaly.image_sizes, ganomaly.own_generator) == (
        *("GANomaly", "none"),
        (32,),
        True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("below", [".", "own"])
def test_one_new_file_each_is_planned_rehearsed_and_trained(below: str, copy: Path) -> None:
    for file, folder in (("residual.py", "nets"), ("autoencoder.py", "methods")):
        (copy / "agad" / folder / below).mkdir(exist_ok=True)
        shutil.copy(ADDED / file, copy / "agad" / folder / below)
    changes = ("backbone=residual", "method=autoencoder", "updates=2", "curve=", "min_anomalies=32")
    launch = ["sweeps/launch.py", "--grid", "demo", "--select", "normal_class=0", "--select", "gamma=0.0"]
    launch += ["--seeds", "1", *(part for change in changes for part in ("--set", change)), "--results", "results"]

    rehearsed = run(copy, *launch, "--dry-run", "--executor", "local")
    assert "1 runs, 0 done, 0 failed, 1 to do" in rehearsed.stdout, rehearsed.stderr

    made = run(copy, *launch, "--executor", "local", "--workers", "1")
    assert made.returncode == 0, made.stderr
    read = "ResultStore('results').read(['status', 'parameters_g', 'curve_con', 'curve_lat']).to_pylist()"
    (row,) = json.loads(run(copy, "-c", f"import json; from agad import ResultStore; print(json.dumps({read}))").stdout)
    assert (row["status"], row["parameters_g"], row["curve_lat"]) == ("ok", 28_193, [None])
    assert row["curve_con"][0] > 0


@pytest.mark.slow
def test_what_was_not_measured_costs_as_the_costliest(copy: Path) -> None:
    shutil.copy(ADDED / "residual.py", copy / "agad" / "nets")
    shutil.copy(ADDED / "autoencoder.py", copy / "agad" / "methods")
    code = """
from agad.spec.catalogue import backbones, methods
print(*backbones(), *methods())
residual, unetpp = backbones()["residual"], backbones()["unetpp"]
print(residual.cost, residual.memory.training == unetpp.memory.training, residual.memory.recomputed)
print(methods()["autoencoder"].cost)
"""
    assert run(copy, "-c", code).stdout.splitlines() == [
        f"naive unet unetpp residual {' '.join(sorted([*methods(), 'autoencoder']))}",
        "5.0 True False",
        str(max(one.cost for one in methods().values())),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "methods/knn.py",
            '\nMETHOD = {"title": "Mine"}\ndef make(spec, channels): ...\n',
            "agad/methods/knn.py: METHOD of the name knn is in agad/methods/floor/knn.py already",
        ),
        (
            "nets/layers/unet.py",
            '\nBACKBONE = {"title": "Mine"}\ndef build(channels, spec): ...\n',
            "agad/nets/unet.py: BACKBONE of the name unet is in agad/nets/layers/unet.py already",
        ),
        ("nets/odd.py", '\nBACKBONE = {"title": "Odd"}\n', "agad/nets/odd.py: has BACKBONE but no function build"),
        ("nets/odd.py", "\ndef build(channels, spec): ...\n", "agad/nets/odd.py: has build() but no BACKBONE"),
        (
            "nets/odd.py",
            "\nBACKBONE = dict(title=1)\ndef build(): ...\n",
            "agad/nets/odd.py: BACKBONE must be a literal",
        ),
        ("nets/odd.py", "\nBACKBONE = 3\ndef build(): ...\n", "agad/nets/odd.py: BACKBONE must be a dictionary"),
        (
            "nets/odd.py",
            '\nBACKBONE = {"tite": 1}\ndef build(): ...\n',
            "agad/nets/odd.py: BACKBONE has no entry 'tite'",
        ),
        (
            "nets/odd.py",
            '\nBACKBONE = {"title": "Odd", "cost": "big"}\ndef build(): ...\n',
            "agad/nets/odd.py: BACKBONE: cost='big' is not of type float",
        ),
        (
            "methods/odd.py",
            '\nMETHOD = {"title": "Odd", "uses": "loss"}\ndef make(spec): ...\n',
            "agad/methods/odd.py: METHOD: uses='loss' is not of type list[str]",
        ),
        ("nets/odd.py", "\nBACKBONE = {\n", "agad/nets/odd.py: line 2: "),
        ("methods/odd.py", '\nMETHOD = {"title": "Odd"}\n', "agad/methods/odd.py: has METHOD but no function make"),
        (
            "methods/odd.py",
            '\nMETHOD = {"title": "Odd", "labels": "all"}\ndef make(spec): ...\n',
            "agad/methods/odd.py: METHOD: labels='all'",
        ),
        (
            "methods/odd.py",
            '\nMETHOD = {"title": "Odd", "uses": ["loses"]}\ndef make(spec): ...\n',
            "agad/methods/odd.py: METHOD: uses: no field or group is called loses",
        ),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(copy: Path, file: str, text: str, message: str) -> None:
    (copy / "agad" / file).write_text(text)
    done = run(copy, "sweeps/launch.py", "--grid", "demo", "--dry-run", "--set", "method=odd")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"launch.py: error: {message}")
