"""Case: a small sweep on a disk with one fault, and again on the disk that is well; and what was wrong with it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from agad.spec.run import RunOptions, RunSpec
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.store.schema import (
    CURVE_COLUMNS,
    RECONSTRUCTION_COLUMNS,
    RESULT_COLUMNS,
    SCORE_COLUMNS,
    SPEC_COLUMNS,
    RunRecord,
)
from agad.tensors.file import save_tensors
from agad.train import run
from agad.train.checkpoint import Checkpoint, find_checkpoint, save_checkpoint
from agad.train.control import Action, Control, Interrupted, Progress
from benchmarks.disk_faults.disk import Disk, Fault
from sweeps.cli import known_data, launch
from sweeps.executors.local.processes import _last_line
from sweeps.executors.sweep import Outcome, Sweep
from sweeps.worker import __main__ as worker_process
from sweeps.worker.data.opened import OpenedData
from sweeps.worker.worker import EXIT_ENVIRONMENT

_SPEC = ["image_size=16", "batch_size=8", "updates=1", "final_protocols=eval", "curve_protocols=eval"]
_SWEEP = ["--grid", "demo", "--select", "normal_class=0,1", "--select", "gamma=0", "--seeds", "1", "--device", "cpu"]
_SWEEP += ["--checkpoint-every", "0", "--lease", "1", "--keep-weights", *(w for s in _SPEC for w in ("--set", s))]
"""Two runs, each with a checkpoint."""
_SCIENCE = ["run_id", "status", *SPEC_COLUMNS, *RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS, *RECONSTRUCTION_COLUMNS]
TRAINS = False
"""Whether runs are trained; else their rows are drawn, and their checkpoints are small: ten times as many cases."""
_LONGEST = 60.0
"""Seconds in which a launch of two such runs ends, or hangs."""
_NAP = 0.01
"""Seconds that any pause of the program takes: readers that start again wait for a minute in all."""


def warm_up(folder: Path) -> None:
    """Load here all that a launch loads, once for all children."""
    import analysis.tables.table  # noqa: F401

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), _in_one_process():
        launch.main([*_SWEEP, "--results", str(folder)])
    _rows(folder)


def sites(folder: Path) -> dict[str, int]:
    """The places of the program that call the disk during a sweep and at its second launch, and how often."""
    found: dict[str, int] = {}
    for _ in range(2):
        for site, count in _launch(folder, None).get("sites", {}).items():
            found[site] = found.get(site, 0) + count
    return found


def undisturbed(folder: Path) -> str:
    """What the rows of an undisturbed sweep say."""
    _launch(folder, None)
    return str(_in_child(folder, lambda: _rows(folder))["numbers"])


def try_fault(folder: Path, fault: Fault, expected: str, begun: Path | None = None) -> tuple[bool, list[str]]:
    """Launch the sweep on a disk with this fault, and again without; whether it was met, and all that was wrong.

    Args:
        folder: that of the results; it is made, and removed.
        fault: of the disk.
        expected: what `undisturbed` says.
        begun: a results folder to go on from; None: an empty one.
    """
    if begun is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(begun, folder)
    try:
        first = _launch(folder, fault)
        if not first.get("fired") and "sites" in first:
            return False, []
        wrong = list(_wrong(first))
        again = _in_child(folder, lambda: {"kept": _rows(folder), **_launch_here(folder, None), "found": _rows(folder)})
        wrong += [f"launched again: {line}" for line in _wrong(again)]
        if "found" in again:
            wrong += _wrong_rows(again["kept"], again["found"], expected)
        if again.get("code") != 0:
            wrong.append(f"launched again, it ends with status {again.get('code')}: {again['text'][-300:]}")
        return True, wrong
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wrong(launched: dict[str, Any]) -> Iterator[str]:
    """What a user must not meet in a launch."""
    text = launched["text"]
    if "sites" not in launched:
        yield f"it did not end within {_LONGEST:.0f} s, or died: {text[-300:]}"
        return
    if "Traceback" in text or "Logging error" in text:
        yield "a traceback: " + next(line for line in reversed(text.splitlines()) if line.strip())
    elif launched["code"] and not any(words in text for words in ("error: ", "are to do")):
        yield f"status {launched['code']} without a line that says why: {text[-300:]}"
    if len([line for line in text.splitlines() if ": error: " in line]) > 1:
        yield f"several lines of errors: {text[-500:]}"


def _wrong_rows(kept: dict[str, Any], found: dict[str, Any], expected: str) -> Iterator[str]:
    for row in (*kept["tries"], *found["tries"]):
        if row["status"] != "ok":
            yield f"a row of status {row['status']}: {row['failure_kind']}: {row['failure_message']}"
    lost = [row for row in kept["tries"] if row not in found["tries"]]
    if lost:
        yield f"rows were there, and are not any more: {lost}"
    if len({row["run_id"] for row in found["tries"]}) < len(found["tries"]):
        yield f"a run has several rows: {found['tries']}"
    if found["numbers"] != expected:
        yield "other numbers than those of the undisturbed sweep"
    if found["set_aside"]:
        yield f"sound files were set aside: {found['set_aside']}"


def _rows(folder: Path) -> dict[str, Any]:
    store = ResultStore(folder)
    tries = store.read_tries(["run_id", "attempt", "status", "failure_kind", "failure_message"]).to_pylist()
    aside = ResultsFolder(folder).set_aside
    return {
        "tries": tries,
        "numbers": repr(store.read(_SCIENCE).to_pylist()),
        "set_aside": sorted(path.name for path in aside.iterdir()) if aside.is_dir() else [],
    }


# -- processes ----------------------------------------------------------------------------------------------------


def _launch(folder: Path, fault: Fault | None) -> dict[str, Any]:
    """A launch in a process of its own: its status, what it printed, and what its disk has seen."""
    return _in_child(folder, lambda: _launch_here(folder, fault))


def _launch_here(folder: Path, fault: Fault | None) -> dict[str, Any]:
    disk = Disk(folder, fault)
    with _in_one_process(), disk:
        code = launch.main([*_SWEEP, "--results", str(folder)])
    return {"code": code, "fired": disk.fired, "sites": dict(disk.sites)}


@contextlib.contextmanager
def _in_one_process() -> Iterator[None]:
    """The launcher and its worker in this process, which has loaded all that both need, and never waits for long."""
    sleep = time.sleep
    with (
        mock.patch.object(launch, "load_executor", return_value=_execute),
        mock.patch.object(launch, "prepare", return_value=[]),  # the data lie on another disk
        mock.patch.object(known_data, "prepare", return_value=[]),
        mock.patch.object(time, "sleep", lambda seconds: sleep(min(seconds, _NAP))),
        contextlib.nullcontext() if TRAINS else mock.patch.object(run, "train", _drawn),
        contextlib.nullcontext() if TRAINS else mock.patch.object(OpenedData, "open", return_value=None),
    ):
        yield


def _drawn(spec: RunSpec, options: RunOptions, *, data: object, control: Control) -> RunRecord:  # noqa: ARG001
    """What agad.train.run.train does with the disk, without a net."""
    assert options.checkpoint_dir is not None
    assert options.weights_dir is not None
    folder = Path(options.checkpoint_dir)
    found, _ = find_checkpoint(folder, spec, "drawn")
    score = found.state["score"] if found else random.Random(spec.run_id).random()
    for update in (0, 1):
        if control(Progress(update, 1, "train", update)) is not Action.CONTINUE:
            raise Interrupted(update)
        save_checkpoint(folder, spec, options.attempt, "drawn", Checkpoint(update, {"score": score}))
    weights = Path(options.weights_dir) / f"{spec.run_id}.pt"
    save_tensors(weights, {"score": score})
    values = {"auroc": score, "scores_eval": [score] * 10, "weights": weights.name}
    return RunRecord(spec=spec, attempt=options.attempt, status="ok", values=values)


def _execute(sweep: Sweep) -> Outcome:
    """As the local executor has it, with one worker, started once."""
    path, log = sweep.worker.save(sweep.logs), sweep.logs / "w0.log"
    try:
        code = worker_process.main(["--options", str(path), "--name", "w0", "--log", str(log), "--verified", "1"])
    except Exception:  # noqa: BLE001 - its process would write this into its log, and its launcher say that it died
        traceback.print_exc()
        return Outcome(error="the worker died")
    for handler in logging.getLogger().handlers:
        handler.close()
    if code == EXIT_ENVIRONMENT:
        return Outcome(error=_last_line(log).rpartition(" ERROR ")[2] or "its log cannot be read")
    return Outcome()


def _in_child(folder: Path, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the function returns in a child of this process, with `text`: what it printed."""
    answer, output = folder.with_name(f"{folder.name}.json"), folder.with_name(f"{folder.name}.txt")
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _be_child(answer, output, function)
    ends = time.monotonic() + _LONGEST
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.005)
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {}
    return {**found, "text": output.read_text(encoding="utf-8", errors="replace")}


def _be_child(answer: Path, output: Path, function: Callable[[], dict[str, Any]]) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    try:
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        answer.write_text(json.dumps(function(), default=str), encoding="utf-8")
    except BaseException:  # noqa: BLE001 - the parent reads it
        logging.getLogger().handlers.clear()
        traceback.print_exc()
    finally:
        os._exit(0)
