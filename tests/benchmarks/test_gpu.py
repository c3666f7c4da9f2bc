"""The benchmark of a GPU, tried on the CPU: what it prints, and that what fails does not end it."""

from __future__ import annotations

import argparse

import pytest
import torch

from agad.spec.run import RunOptions
from agad.tensors.capture import say_once
from agad.tensors.device import memory_format
from benchmarks import gpu
from benchmarks.gpu import STAGES, Stage, other_layout


def stage(size: int) -> Stage:
    call = argparse.Namespace(device="cpu", batch=8, seconds=0.0, stage="naive-32")
    return Stage("naive-32", "naive", size, 8, 0.0, RunOptions(threads=1), call)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
def test_each_line_is_measured_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Capturing one image is what a CPU cannot do."""
    monkeypatch.setattr(Stage, "_processes", lambda _: 5.0)
    stage(16).measure()  # as small as can be: in bf16 a CPU without such instructions is twenty times slower
    stage(32).inference()
    lines = capsys.readouterr().out.splitlines()
    assert all(line.count("|") == 7 and line.startswith("| naive-32 | ") for line in lines)
    failed = [line for line in lines if "failed" in line]
    assert len(failed) == 1, failed
    assert "captured" in failed[0]
    measured = [line for line in lines if line not in failed and "runs at once and" not in line]
    assert all(float(line.split("|")[3]) > 0 for line in measured)
    for what in ("plain loop", "ours, tf32", "--together auto", "scoring 1,000", "one image, eager", "other layout"):
        assert any(what in line for line in measured), what


def test_an_update_that_was_not_captured_is_no_silent_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Else eager figures would stand for captured ones, from the second line on too."""
    for _ in range(2):
        stage(16).line("ours", lambda: say_once("the update", RuntimeError("no capture")) or 5.0)
    said = "of this: the update was not captured as a CUDA graph (RuntimeError: no capture)"
    assert capsys.readouterr().out.count(said) == 2


def test_all_stages_end_within_four_minutes() -> None:
    assert sum(STAGES.values()) < 240


def test_a_stage_that_takes_too_long_is_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "STAGES", {"naive-32": 0.2, "unet-32": 30.0})
    monkeypatch.setattr(gpu, "_command", lambda name, _: ["sleep", "100"] if name == "naive-32" else ["true"])
    gpu._run_stages(argparse.Namespace())
    lines = capsys.readouterr().out.splitlines()
    assert "naive-32 | stopped after 0 s" in lines[0]
    assert lines[1].startswith("measured in")


def test_the_other_layout_is_the_other_one() -> None:
    here = torch.device("cuda")
    usual = [memory_format(here, precision) for precision in ("fp32", "bf16")]
    with other_layout("cuda", "bf16"):
        assert memory_format(here, "bf16") is not usual[1]
        assert memory_format(here, "fp32") is usual[0]
    assert [memory_format(here, precision) for precision in ("fp32", "bf16")] == usual
