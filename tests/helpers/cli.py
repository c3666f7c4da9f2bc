"""The project's commands, as processes and in this one."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agad.store.claims import ClaimBoard, ClaimRecord, Owner
from agad.store.rows import ResultStore
from agad.store.schema import CURVE_COLUMNS, RECONSTRUCTION_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS, SPEC_COLUMNS
from tests.conftest import ROOT

LAUNCH = [sys.executable, str(ROOT / "sweeps" / "launch.py")]
SMALL = ["--grid", "demo", "--select", "normal_class=0,1", "--select", "gamma=0", "--seeds", "1"]
"""Two runs."""
LEAN = [
    word
    for change in ("image_size=16", "batch_size=16", "final_protocols=eval+eval_recal", "curve_protocols=eval")
    for word in ("--set", change)
]
"""Cheap updates and scores: larger images and more protocols would be more of the same."""
RESULTS = [*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS, *RECONSTRUCTION_COLUMNS]
NUMBERS = ["run_id", "status", *SPEC_COLUMNS, *RESULTS]
"""What must be the same, bit for bit, however often a run was interrupted."""


def launch(*arguments: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run launch.py to its end, in another folder than the repository."""
    return subprocess.run(
        [*LAUNCH, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd="/",
        env={**os.environ, **environment},
    )


def launch_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What launch.py does with these arguments, without a process of its own (its workers have theirs)."""
    from sweeps.cli.launch import main  # late: not every test that starts a process plans a sweep itself

    before, out, err = signal.getsignal(signal.SIGTERM), io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: object = main(list(arguments))
    except SystemExit as exit_:
        code = exit_.code
    finally:
        signal.signal(signal.SIGTERM, before)
    assert isinstance(code, int)
    return subprocess.CompletedProcess(list(arguments), code, out.getvalue(), err.getvalue())


def save_plan(results: Path, *arguments: str) -> Path:
    """The plan file that a launch with these arguments would begin with."""
    from sweeps.cli.arguments import plan_of
    from sweeps.cli.options import build_parser

    return plan_of(build_parser("").parse_args(list(arguments))).save(results)


def local_results(folder: Path, *arguments: str) -> Path:
    """The folder, with the rows that one local worker makes of these arguments, undisturbed."""
    done = launch_here(*arguments, "--results", str(folder), "--workers", "1")
    assert done.returncode == 0, done.stderr
    return folder


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start launch.py and return at once."""
    return subprocess.Popen(
        [*LAUNCH, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it takes no lock
    )


def _heed_interrupts() -> None:
    """As in a terminal: a test suite that was started in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in done.stdout.split()]


def is_running(pid: int) -> bool:
    """Whether the process exists, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def numbers(results: Path) -> list[dict[str, object]]:
    """The rows that count, without the columns that differ by machine and time."""
    rows: list[dict[str, object]] = ResultStore(results).read(NUMBERS).to_pylist()
    return rows


def claims(results: Path) -> list[ClaimRecord]:
    """The newest claim of each run that has one."""
    board = ClaimBoard(results, Owner.this_process("observer"))
    newest = [board.read(run_id, generations[-1]) for run_id, generations in board.generations().items()]
    return [record for record in newest if record is not None]


def wait_for(condition: Callable[[], object], seconds: float = 300, pause: float = 0.02) -> None:
    """Return when the condition holds; AssertionError when it does not in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"the condition did not hold within {seconds} s"
        time.sleep(pause)


def error_line(messages: str) -> str:
    """The one line that says what is wrong, after what was said of the data; AssertionError if there are several."""
    assert "Traceback" not in messages, messages
    lines = messages.strip().splitlines()
    assert [number for number, line in enumerate(lines, 1) if "error: " in line] == [len(lines)], messages
    return lines[-1]


def one_line(text: str) -> str:
    """The text without its line end; AssertionError if it is a traceback or has several lines."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]
