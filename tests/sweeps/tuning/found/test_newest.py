"""A summary that is older than its study: written before further trials ended, or put back."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agad.errors import AgadError
from agad.plan.ended import ended_since
from agad.plan.study import read_studies, read_study
from analysis.studies import study_text, trials_table
from sweeps.cli.tune import main as tune
from sweeps.tuning.found.newest import OldSummaryError
from sweeps.tuning.found.summary import summarise, tuned_by
from sweeps.tuning.outcomes import Rows
from sweeps.tuning.study import Summaries
from sweeps.worker.growing import Feed
from tests.helpers.studies import Bench, rebuilt, settings_of

pytestmark = pytest.mark.usefixtures("no_flushing")


def summarised(bench: Bench) -> None:
    rows = Rows(bench.store)
    rows.poll({run.run_id for run in bench.made})
    summarise(bench.optimiser, rows.known).save(bench.folder)


def left_behind(bench: Bench, **options: Any) -> Bench:
    """The study, whose summary is of two trials, though eight have ended."""
    bench.run(2, sampler="random", **options)
    summarised(bench)
    bench.run(8, sampler="random", **options)
    return bench


def refused(results: Path) -> list[str]:
    """The command line that is named where the study is refused."""
    line = r"of study s has 2 ended trials and lacks 6 that have ended since \(the first is trial 2\), as after a tune"
    with pytest.raises(AgadError, match=line) as found:
        tuned_by(results, "s")
    with pytest.raises(AgadError, match=line):  # its values are right, and what is stated of it is not
        tuned_by(results, "s:1")
    words = shlex.split(str(found.value).partition("call, by ")[2])
    return words[words.index("--study") :]


@pytest.mark.slow
def test_a_study_that_was_killed_is_refused_until_its_summary_is_the_newest(tmp_path: Path) -> None:
    """The best of two was taken for the best of eight; the command that is named mends it."""
    bench = left_behind(Bench(tmp_path, settings_of()))
    again = refused(tmp_path)
    assert again == ["--study", "s", "--results", str(tmp_path), "--trials", "8", "--sampler", "random"]

    assert tune([*again, "--workers", "1", "--no-launch"]) == 0
    best = max(bench.optimiser.frozen(), key=lambda trial: trial.value)
    tuned = tuned_by(tmp_path, "s")
    assert (tuned.trial, tuned.trials) == (best.number, 8)
    assert read_study(bench.folder).ended_later == ()
    rebuilt(bench)
    assert tuned_by(tmp_path, "s").trials == 8


@pytest.mark.slow
def test_while_a_coordinator_is_at_work_the_summary_may_be_older(tmp_path: Path) -> None:
    bench = left_behind(Bench(tmp_path, settings_of()))
    said: list[str] = []
    with bench.opened(sampler="random"):
        assert tuned_by(tmp_path, "s", said.append).trials == 2
    (line,) = said
    assert re.match("note: the summary of study s has 2 .* lacks 6 .* a tune.py is at work on it", line)
    refused(tmp_path)


@pytest.mark.slow
def test_of_a_study_in_a_database_rows_tell_it(tmp_path: Path) -> None:
    """Of trials whose runs all have scores: it knows neither the database nor the pruned."""
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    bench = left_behind(Bench(tmp_path / "r", settings_of(database=True)), url=url)
    summary = bench.folder.summary.read_bytes()
    again = refused(tmp_path / "r")
    assert again[-4:] == ["--sampler", "random", "--storage", "URL"]
    assert tune([*again[:-1], url, "--workers", "1", "--no-launch"]) == 0
    assert tuned_by(tmp_path / "r", "s").trials == 8
    bench.folder.summary.write_bytes(summary)
    assert len(read_study(bench.folder).ended_later) == 6
    shutil.rmtree(bench.store.path / "inbox")  # a copy of the study alone
    assert read_study(bench.folder).ended_later == ()


@pytest.mark.slow
def test_the_report_says_it(tmp_path: Path) -> None:
    left_behind(Bench(tmp_path, settings_of()))
    ((study,), _) = read_studies([tmp_path])
    assert "2 trials (2 complete, and without 6 that have ended since this was written), proposed" in study_text(study)
    note = "Without 6 trials, the first of which is trial 2: they have ended since the summary"
    assert note in " ".join(trials_table(study).notes)
    one = dataclasses.replace(study, ended_later=(2,))
    assert "and without 1 that has ended since this was written), proposed" in study_text(one)
    assert "Without trial 2: it has ended since the summary" in " ".join(trials_table(one).notes)


@pytest.mark.slow
def test_the_journal_tells_what_optuna_tells(tmp_path: Path) -> None:
    """Also one that was made again, one that a kill has cut, and one that holds another study before this one."""

    def values(of: Any) -> dict[str, Any]:
        return {"status": "failed", "auroc_val": None} if of.lambda_con == 50 else {}

    bench = Bench(tmp_path / "one", settings_of(), values)
    bench.run(4, sampler="random")
    with bench.opened(sampler="random") as coordinator:
        coordinator._ask(5)  # under way
    assert bench.optimiser.ended() == {0: "failed", 1: "complete", 2: "complete", 3: "complete"}
    assert ended_since(bench.folder, ()) == ((0, 1, 2, 3), None)
    assert ended_since(bench.folder, (0, 2)) == ((1, 3), None)
    content = bench.folder.journal.read_bytes()
    bench.folder.journal.write_bytes(content + b'{"op_code":6,"trial_id":4,"sta')
    assert ended_since(bench.folder, ()) == ((0, 1, 2, 3), None)
    rebuilt(bench)
    assert ended_since(bench.folder, ()) == ((0, 1, 2, 3), None)
    other = Bench(tmp_path / "two", settings_of(name="t"))
    other.folder.journal.write_bytes(content)
    assert ended_since(other.folder, ()) == ((), None)
    other.run(2, sampler="random")
    assert ended_since(other.folder, ()) == ((0, 1), None)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["of a new trial", "of a trial's end"])
def test_a_damaged_journal_is_not_read_on(line: str, tmp_path: Path) -> None:
    """Numbers of later trials are counted from the lines before: without one of them, all would be of other trials."""
    bench = left_behind(Bench(tmp_path, settings_of()))
    operation = {"of a new trial": b'"op_code":4,', "of a trial's end": b'"op_code":6,'}[line]
    lines = bench.folder.journal.read_bytes().splitlines(keepends=True)
    (at, *_) = (number for number, one in enumerate(lines) if operation in one)
    lines[at] = lines[at].replace(b'"op_code"', b'"op_cod\xe5"')
    bench.folder.journal.write_bytes(b"".join(lines))

    says = rf"journal of study s is damaged from line {at + 1} on, so that nothing tells .* again from the rows by .*"
    with pytest.raises(OldSummaryError, match=says + " --rebuild$") as found:
        tuned_by(tmp_path, "s")
    said: list[str] = []
    assert tuned_by(tmp_path, "s", said.append, may_be_old=True).trials == 2
    (note,) = said
    assert re.match(rf"note: the journal of study s is damaged from line {at + 1} on", note)
    ((study,), _) = read_studies([tmp_path])
    assert f"damaged from line {at + 1} on" in " ".join(trials_table(study).notes)

    words = shlex.split(str(found.value).rpartition(" by ")[2])
    assert tune(words[words.index("--study") :]) == 0
    assert tuned_by(tmp_path, "s").trials == 8


def test_a_summary_is_written_at_once_with_a_new_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where a coordinator begins: the one before may have been killed. Else once a minute."""
    bench, best, written = Bench(tmp_path, settings_of()), [0.5], list[float]()
    monkeypatch.setattr("sweeps.tuning.study.summarise", lambda *_: SimpleNamespace(save=lambda _: written.append(0)))
    optimiser: Any = SimpleNamespace(best=lambda: best[-1])
    summaries = Summaries(bench.folder, optimiser, Feed(bench.folder), Rows(bench.store))
    for ended, score, count in ((0, 0.5, 0), (3, 0.5, 1), (3, 0.5, 1), (4, 0.5, 1), (5, 0.7, 2), (6, 0.6, 2)):
        best.append(max(best[-1], score))
        summaries.write_if_due(ended)
        assert len(written) == count, ended
    summaries._due = 0.0
    summaries.write_if_due(6)
    summaries.write_if_due(6)
    assert len(written) == 3
