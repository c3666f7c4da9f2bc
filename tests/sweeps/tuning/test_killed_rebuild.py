"""A rebuild that is killed: the study is as it was, as it is to be, or refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agad import files
from agad.errors import StoreError
from sweeps.tuning import journal
from sweeps.tuning.optimiser import Optimiser
from sweeps.tuning.rebuild import rebuild_journal
from sweeps.tuning.study import work
from sweeps.worker.growing import Feed
from sweeps.worker.stopping import Stopping
from tests.conftest import ROOT
from tests.helpers.studies import (
    Bench,
    a_search,
    a_study,
    numbers_of,
    rebuilt,
    settings_of,
    trials_of,
)

pytestmark = pytest.mark.usefixtures("no_flushing")


class Killed(BaseException):
    """In place of a signal: nothing handles it."""


def _killed_at(step: int, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Rebuild, and be killed before the step-th of all the calls that change a file; whether there were so many."""
    left = step

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= threading.current_thread() is threading.main_thread()  # the lease's heartbeat goes on
            if left < 0:
                raise Killed
            return real(*arguments, **options)

        return call

    search = a_search(bench)
    lease = search.hold(Stopping())
    with monkeypatch.context() as patch:
        for owner, name in (
            (Optimiser, "add"), (Feed, "add"), (Path, "replace"), (Path, "rename"), (Path, "unlink"),
            (shutil, "copyfile"), (os, "link"), (files, "replace_text"), (journal, "_lines"),
        ):  # fmt: skip
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            rebuild_journal(search, lease)
        except Killed:
            left = 10**6
    lease.release()
    return left >= 10**6


def _refusal(bench: Bench) -> str:
    try:
        bench.run(3, sampler="random")
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["journal", "trials", "both"])
def test_a_killed_rebuild_leaves_the_old_or_the_new_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Wherever it was killed; and the next one ends what it began."""
    original = a_study(tmp_path / "original", 3)
    wanted = trials_of(original)
    if lost != "trials":
        original.folder.journal.unlink()
    if lost != "journal":
        shutil.rmtree(original.folder.trials)
    shutil.rmtree(original.folder.path / "claims", ignore_errors=True)
    steps = 0
    while True:
        results = tmp_path / f"killed{steps}"
        shutil.copytree(tmp_path / "original", results)
        bench = Bench(results, settings_of())
        if not _killed_at(steps, bench, monkeypatch):
            break
        steps += 1
        if refusal := _refusal(bench):
            assert "--rebuild makes it again from the rows" in refusal
            rebuilt(bench)
        assert not bench.made
        assert sorted(map(str, trials_of(bench))) == sorted(map(str, wanted))
    assert steps > 12


@pytest.mark.slow
@pytest.mark.parametrize("kill", [0, 2])
def test_a_rebuild_that_a_signal_killed(tmp_path: Path, kill: int) -> None:
    bench = a_study(tmp_path)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    script = f"""
import os, sys
from sweeps.cli import tune
from sweeps.tuning.optimiser import Optimiser
add = Optimiser.add
def killed(self, *arguments):
    if len(self.frozen()) == {kill}:
        os.kill(os.getpid(), 9)
    add(self, *arguments)
Optimiser.add = killed
sys.exit(tune.main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", script, "--study", "s", "--rebuild", "--results", str(tmp_path)]
    assert subprocess.run(command, check=False, cwd=ROOT, timeout=600).returncode == -signal.SIGKILL

    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
    bench.run(4, sampler="random")
    assert len(rebuilt(bench).trials) == 4
    assert trials_of(bench) == wanted
    assert not [path for path in bench.folder.path.iterdir() if path.name.startswith("_")]


@pytest.mark.parametrize("what", ["journal.log", "trials"])
def test_what_an_older_rebuild_set_aside_is_not_forgotten(tmp_path: Path, what: str) -> None:
    """It renamed both before it had made others; killed there, the next call began the study from nothing."""
    bench = a_study(tmp_path)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    for name in ("journal.log", what):
        path = bench.folder.path / name
        if path.exists():
            path.rename(path.with_name(f"{name}.0123abcd.old"))
    search = a_search(bench)
    lease = search.hold(Stopping())
    with pytest.raises(StoreError, match=r"was set aside by a --rebuild that was cut short; tune.py --rebuild makes"):
        work(search, lease, Stopping(), trials=4, workers=1, launch=None)
    lease.release()

    assert len(rebuilt(bench).trials) == 4
    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
