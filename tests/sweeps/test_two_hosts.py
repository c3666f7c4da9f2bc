"""Two launches at once whose machines disagree: about the time of the day, and about which of them they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from tests.helpers.cli import LEAN, SMALL, claims, launch, local_results, numbers, start, wait_for
from tests.helpers.holding import EVERY_UPDATE, HELD, JUMPING, OTHER_BOOT, hold, release, wait_until_held

pytestmark = pytest.mark.slow

TWO = [*SMALL, "--set", "updates=6", *LEAN, *EVERY_UPDATE, "--workers", "1"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of TWO, undisturbed."""
    return local_results(tmp_path_factory.mktemp("uninterrupted"), *TWO)


def printed(code: str, environment: dict[str, str]) -> str:
    """What a line of Python prints in such a process."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout


def test_of_two_launches_one_has_a_wall_clock_that_jumps_by_hours(tmp_path: Path, uninterrupted: Path) -> None:
    """Neither takes the other's run, though by the clock of one every claim is hours old, or of tomorrow."""
    assert "jumping" in printed("import time; print(time.time)", JUMPING)
    hold(tmp_path)
    options = [*TWO, "--lease", "120", "--results", str(tmp_path)]
    launchers = [start(*options, **HELD)]
    wait_until_held(tmp_path, 1, launchers[0])
    launchers.append(start(*options, **JUMPING))
    wait_until_held(tmp_path, 2, launchers[1])
    assert len({claim.owner.pid for claim in claims(tmp_path)}) == 2, "each holds a run"
    release(tmp_path)
    messages = [launcher.communicate(timeout=600)[1] for launcher in launchers]

    assert [launcher.returncode for launcher in launchers] == [0, 0], messages
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert ResultStore(tmp_path).read_tries(["attempt"])["attempt"].to_pylist() == [1, 1], "nothing was made twice"


def test_a_dead_worker_of_a_host_with_the_same_name_is_waited_for_a_lease(tmp_path: Path, uninterrupted: Path) -> None:
    """That its pid is no process here shows nothing: it is of another boot. Silence for a lease does."""
    boot = "print(open('/proc/sys/kernel/random/boot_id').read())"
    assert printed(f"from pathlib import Path; {boot.replace('open', 'Path').replace('read()', 'read_text()')}",
                   OTHER_BOOT) != printed(boot, {})  # fmt: skip
    hold(tmp_path)
    options = [*TWO, "--results", str(tmp_path)]
    namesake = start(*options, **OTHER_BOOT)
    wait_until_held(tmp_path, 1, namesake)
    (claim,) = claims(tmp_path)
    for pid in (namesake.pid, claim.owner.pid):
        os.kill(pid, signal.SIGKILL)
    namesake.communicate()
    wait_for(lambda: not Path(f"/proc/{claim.owner.pid}").exists())
    release(tmp_path)
    assert not claim.owner.is_gone()
    begun = time.monotonic()
    done = launch(*options, "--lease", "20")

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun > 20
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert sorted(ResultStore(tmp_path).read_tries(["attempt"])["attempt"].to_pylist()) == [1, 2]
