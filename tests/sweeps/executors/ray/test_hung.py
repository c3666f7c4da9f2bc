"""Actors that hang: told by their claims, killed where they are of this machine and Ray's, and never another process.

Ray itself is in test_ray.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agad.spec.run import RunSpec
from agad.store.claims import Owner
from sweeps.executors import hung as hung_module
from sweeps.executors.ray import hung
from sweeps.executors.ray.hung import HungTrials

SPEC = RunSpec(normal_class=0)
OTHER = RunSpec(normal_class=1)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as started:
        yield started
        started.kill()


def owner_of(process: subprocess.Popen[bytes], worker: str = "vm-ray-1") -> Owner:
    this = Owner.this_process(worker)
    start = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    return Owner(worker, this.host, this.boot, this.pid_namespace, process.pid, start)


def snapshot(*held: tuple[RunSpec, Owner]) -> Any:
    running = tuple(SimpleNamespace(spec=spec, record=SimpleNamespace(owner=owner)) for spec, owner in held)
    return SimpleNamespace(running=running, census=SimpleNamespace(held={spec.run_id: 1 for spec, _ in held}))


def looked(first: Any, later: Any, monkeypatch: pytest.MonkeyPatch, *, over: bool = False) -> tuple[list[str], bool]:
    """What is said after a first look, and many later ones over a long time; and the last answer."""
    said, now = list[str](), [0.0]
    monkeypatch.setattr(hung.time, "monotonic", lambda: now[0])
    trials, found = HungTrials(5.0, said.append), False
    for number in range(40):
        found = trials.look(later if number else first, {SPEC.run_id}, over=over and number > 0, pause=10.0)
        now[0] += 10.0
    return said, found


def test_an_actor_that_hangs_is_killed_and_said(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray waited for it for ever, though every other run was done."""
    monkeypatch.setattr(hung, "_ACTOR", sys.executable.encode())
    said, _ = looked(snapshot((SPEC, owner_of(process))), snapshot(), monkeypatch)

    assert process.wait(10) == -9
    assert said == ["Worker vm-ray-1 hangs: its process lives, and holds its run no more. It is killed."]


def test_what_is_no_actor_is_left_alone(process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim's file may name any process."""
    said, _ = looked(snapshot((SPEC, owner_of(process))), snapshot(), monkeypatch)

    time.sleep(0.2)
    assert process.poll() is None
    assert len(said) == 1
    assert f"Kill process {process.pid} on " in said[0]


def test_an_actor_that_holds_another_run_is_left_alone(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hung, "_ACTOR", sys.executable.encode())
    owner = owner_of(process)
    looked(snapshot((SPEC, owner)), snapshot((OTHER, owner)), monkeypatch)

    time.sleep(0.2)
    assert process.poll() is None


def test_only_what_hangs_is_left_when_all_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked(snapshot(), snapshot(), monkeypatch, over=True) == ([], True)
    assert looked(snapshot(), snapshot(), monkeypatch) == ([], False)
    assert hung_module.FEWEST_SECONDS < 390
