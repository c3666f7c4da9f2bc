"""Damaged files of every kind: found, harmless or made again, never used without a word, and no traceback."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.mutations.__main__ import lines, run, set_alarm
from benchmarks.mutations.laboratory import HARMLESS, REBUILT, SAID, SILENT, TRACEBACK, Laboratory, Seen, judge
from benchmarks.mutations.specimen import KINDS


@pytest.fixture
def alarm() -> Iterator[None]:
    """A command that hangs is a traceback."""
    before = signal.getsignal(signal.SIGALRM)
    set_alarm()
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.usefixtures("alarm", "no_flushing")
def test_no_damage_is_used_silently(tmp_path: Path) -> None:
    """A file of each kind, damaged as the draw has it; `python -m benchmarks.mutations` does hundreds."""
    bad: list[str] = []
    counts = run(Laboratory(tmp_path, seed=2026), len(KINDS), bad.append)

    assert bad == []
    assert sum(counts.values(), Counter())[SAID] > len(KINDS) / 2, "most damage is named"


SOUND = Seen({"status": ["6 done", "status 0"]}, {"row 1": "a"})


@pytest.mark.parametrize(
    ("lines_", "state", "crashed", "outcome"),
    [
        (["6 done", "status 0"], "a", "", HARMLESS),
        (["6 done", "note: again", "status 0"], "a", "", SILENT),
        (["5 done, 1 to do", "status 1"], "a", "", SAID),
        (["6 runs of demo in R; checking ...", "Trial 2: pruned", "6 done", "status 0"], "a", "", REBUILT),
        (["6 done", "skipped x.parquet: torn", "status 0"], "a", "", SAID),
        (["6 done", "status 0"], "b", "", SILENT),
        (["6 done", "it is damaged", "status 0"], "b", "", SAID),
        (["6 done", "status 0"], "a", "Traceback", TRACEBACK),
    ],
)
def test_the_verdict(lines_: list[str], state: str, crashed: str, outcome: str) -> None:
    """Another line without a reason is as bad as another end without one."""
    assert judge(Seen({"status": lines_}, {"row 1": state}, crashed), SOUND, "x.parquet") == outcome


def test_the_table_sums_up() -> None:
    """A line for each kind, and one for all."""
    table = list(lines({"row": Counter({SAID: 2, HARMLESS: 1}), "plan": Counter({SAID: 3})}))

    assert table[-1] == "| all | 6 | 5 | 1 | 0 | 0 | 0 |"
