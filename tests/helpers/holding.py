"""Runs that stand still once they have a checkpoint, for as long as a test needs, on a machine of any speed.

A test that interrupts a run must find it in training. Instead of runs that are hoped to be slow enough, the workers'
processes get a `sitecustomize` module (in tests/helpers/held/) that waits after each checkpoint while the results
folder has a file `hold`. The wait also ends when the process is told to stop by SIGTERM, and when its parent process
has ended, so that nothing outlives a test. Signals, heartbeats and deadlines work as ever meanwhile.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from agad.store.rows import ResultStore
from tests.helpers.cli import wait_for

HELD = {"PYTHONPATH": str(Path(__file__).with_name("held"))}
"""Environment variables of processes whose runs can be held."""
JUMPING = {**HELD, "TEST_CLOCK_JUMPS": "1"}
"""Likewise, of processes whose wall clock jumps by hours, each second."""
OTHER_BOOT = {**HELD, "TEST_OTHER_BOOT": "1"}
"""Likewise, of processes that take this machine for another of its name."""
NARROW = {**HELD, "TEST_NARROW_NETS": "1"}
"""Likewise, of processes that train nets of an eighth of their channels."""
EVERY_UPDATE = ["--checkpoint-every", "0.001"]
"""No update is faster: there is a checkpoint before the run can end."""


def hold(results: Path) -> None:
    """Let every run of this results folder stand still at its next checkpoint."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "hold").touch()


def release(results: Path) -> None:
    """Let the runs go on."""
    (results / "hold").unlink(missing_ok=True)


def checkpoints(results: Path) -> list[Path]:
    """The checkpoints that there are."""
    return sorted((results / "checkpoints").glob("*.pt"))


def wait_until_held(results: Path, runs: int, launcher: subprocess.Popen[str] | None = None) -> None:
    """Return when so many runs have a checkpoint, at which they wait. AssertionError where a run or the launcher ended.

    Args:
        results: the results folder.
        runs: how many.
        launcher: the process that works on them, where the test has started one.
    """

    def are_held() -> bool:
        if launcher is not None and launcher.poll() is not None:
            raise AssertionError(f"the launcher ended with status {launcher.returncode}: {launcher.communicate()[1]}")
        return len({path.name.partition(".")[0] for path in checkpoints(results)}) >= runs

    wait_for(are_held)
    assert ResultStore(results).read_tries().num_rows == 0, "a run has ended: it was not held"
