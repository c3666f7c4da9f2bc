"""What `import agad` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agad
from tests.conftest import ROOT

EXPORTED = [
    "ResultStore",
    "RunOptions",
    "RunRecord",
    "RunSpec",
    "audit",
    "grid",
    "load_detector",
    "load_weights",
    "score_weights",
    "train",
]


def in_a_new_process(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_names_are_those_and_exist() -> None:
    assert agad.__all__ == EXPORTED
    assert all(callable(getattr(agad, name)) for name in EXPORTED)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(agad, "no_such_name")


@pytest.mark.slow
def test_import_does_not_load_torch() -> None:
    assert in_a_new_process("import agad, sys; from agad import train; print('torch' in sys.modules)") == "False"


@pytest.mark.slow
def test_train_can_be_called_before_and_after_its_modules_are_imported() -> None:
    code = """
from agad import RunSpec, train
protocols = ("eval", "eval_recal")
spec = RunSpec(dataset="digits", image_size=16, normal_class=0, updates=1, batch_size=8, final_protocols=protocols)
first = train(spec)
import agad.train.run
from agad import train as again
print(first.status, again(spec).values["auroc"] == first.values["auroc"] == agad.train.run.train(spec).values["auroc"])
"""
    assert in_a_new_process(code) == "ok True"
