"""The progress of a launch: clean in a file, a line for a run on a terminal, nothing that a name can do to either."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any

import pytest

from agad.spec.run import RunSpec
from agad.store.claims import ClaimRecord, Owner
from sweeps.progress import display
from sweeps.progress.display import Display
from sweeps.progress.watch import Running, Snapshot, summary
from sweeps.worker.picking import Census

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[34][0-9]")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def snapshot(runs: int = 3) -> Snapshot:
    """So many runs of the longest names under way, by one worker each."""
    specs = [
        RunSpec(dataset="lung_histopathology", normal_class=1, gamma=0.125, backbone="unetpp", seed=seed, updates=1000)
        for seed in range(runs)
    ]
    owner = Owner.this_process("w")
    census = Census((), (), tuple(spec.run_id for spec in specs), {spec.run_id: 1 for spec in specs})
    running = tuple(Running(spec, ClaimRecord(owner, update=500, updates=1000)) for spec in specs)
    return Snapshot(census, running, 3661.0)


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a display writes to a stream."""
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", stream)
    with Display() as made:
        made.say("a class \x1b[2J of :smile: [red]")
        made.show(snapshot())
    return stream.getvalue()


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "3"}])
def test_a_file_gets_lines_alone(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is forced: no colours, no cursor codes."""
    assert shown(io.StringIO(), monkeypatch, **environment).splitlines() == [
        "a class \\x1b[2J of :smile: [red]",
        "0/3 done, 0 failed, 3 running, 0 to do, about 1 h 01 min left",
    ]


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_a_run_is_one_line_on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a narrow one the end of the text is left out."""
    drawn: list[Any] = []
    monkeypatch.setattr(display.Live, "update", lambda _, what: drawn.append(what))
    shown(Terminal(), monkeypatch, COLUMNS=str(columns))
    console = display.Console(width=columns, file=io.StringIO())
    lines = console.render_lines(drawn[-1], console.options)

    assert len(lines) == 4
    assert max(sum(len(part.text) for part in line) for line in lines) <= columns


def test_no_color_is_heeded_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursor codes remain there, colours do not."""
    assert not _COLOURS.search(shown(Terminal(), monkeypatch, NO_COLOR="1", COLUMNS="80"))
    text = shown(Terminal(), monkeypatch, COLUMNS="80")
    assert _COLOURS.search(text)
    assert "\x1b[2J" not in text
    assert "500/1000" in _CODES.sub("", text)


def test_pruned_runs_are_still_runs_of_the_plan() -> None:
    """Of twelve planned runs four were pruned: that is not eight of eight."""
    names = [f"{number:x}" for number in range(12)]
    seen = Snapshot(Census(tuple(names[:7]), (names[7],), (), {}, pruned=tuple(names[8:])), (), None)
    assert summary(seen) == "7/12 done, 1 failed, 4 pruned, 0 running, 0 to do"
    assert len(seen.ended) == seen.total


def test_a_worker_whose_rows_name_no_code_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own warning is in its log; those that were there before the launch are said by the launch."""
    made = Display()
    for nameless in (1, 1, 2, 3):
        made.show(dataclasses.replace(snapshot(), nameless=nameless))
    said = capsys.readouterr().err
    assert said.count("name no code") == 1
    assert said.splitlines()[1].startswith("warning: the rows of a worker name no code")
