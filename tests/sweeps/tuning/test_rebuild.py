"""A study from its rows again: the same trials under the same numbers, and no other study's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agad.errors import StoreError
from agad.plan.study import read_study
from agad.plan.trial_file import read_trial
from analysis.studies import study_text
from sweeps.tuning.found.summary import summarise, tuned_by
from sweeps.tuning.optimiser import Optimiser
from sweeps.worker.growing import Feed
from tests.helpers.studies import (
    Bench,
    a_study,
    cells,
    numbers_of,
    rebuilt,
    settings_of,
    storage_of,
    trials_of,
)

pytestmark = pytest.mark.usefixtures("no_flushing")
REPEATING = ("backbone=naive,unet",)
"""A space of two values, so that trials repeat."""


@pytest.mark.parametrize("lost", ["nothing", "the summary", "trials", "trials and the summary"])
def test_a_study_is_made_again_from_the_rows(tmp_path: Path, lost: str) -> None:
    """From the folder's trials, from the summary, or from nothing but rows: the same trials with the same scores."""
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: {"status": "failed"} if of.lambda_con > 400 else {})
    bench.values = lambda of: {"status": "failed", "auroc_val": None} if of.lambda_lat > 30 else {}
    bench.run(8, sampler="random")
    rebuilt(bench)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    assert {state for state, *_ in wanted} == {"COMPLETE", "FAIL"}

    bench.folder.journal.unlink()
    if "trials" in lost:
        shutil.rmtree(bench.folder.trials)
    if "summary" in lost:
        bench.folder.summary.unlink()
    found = rebuilt(bench)
    assert found.added == (tuple(range(8)) if "trials" in lost else ())
    assert "".join(found.lines).count("Added by summary and rows") == ("trials" in lost)
    assert trials_of(bench) == wanted if lost != "trials and the summary" else trials_of(bench)[0] == wanted[0]
    assert sorted(map(str, trials_of(bench))) == sorted(map(str, wanted))
    assert (numbers_of(bench) == numbers) == (lost != "trials and the summary")
    assert [trial.number for trial in bench.run(9, sampler="random")] == list(range(9))


@pytest.mark.parametrize("keeps", [True, False], ids=["whole", "lost"])
def test_another_study_s_trials_are_not_this_one_s(tmp_path: Path, keeps: bool) -> None:
    """Two studies search the same cells; the first trial, the cells' own values, is of both."""
    first = a_study(tmp_path)
    wanted = trials_of(first)
    second = a_study(tmp_path, settings=settings_of(name="other"), seed=7)
    others = trials_of(second)
    assert others[0] == wanted[0]
    assert others[1:] != wanted[1:]
    for bench, trials in ((first, wanted), (second, others)):
        if not keeps:
            shutil.rmtree(bench.folder.trials)
        assert len(rebuilt(bench).trials) == 4
        found = trials_of(bench)
        assert found == trials if keeps else found[0] == trials[0]
        assert sorted(map(str, found)) == sorted(map(str, trials))


def test_rows_that_no_study_asked_for_fill_what_is_lost_only(tmp_path: Path) -> None:
    bench = a_study(tmp_path)
    run = bench.settings.runs({**bench.settings.own_values(), "lambda_con": 77.0})[0]
    other = Bench(tmp_path / "other", settings_of((run,), ranges=("lambda_con=10:100",)), lambda _: {"plan": "mine-0"})
    other.run(1)
    shutil.copytree(tmp_path / "other" / "inbox", tmp_path / "inbox", dirs_exist_ok=True)
    assert rebuilt(bench).added == ()

    (last,) = bench.folder.trials.glob("000003-*")
    last.unlink()
    assert rebuilt(bench).added == (3, 4)
    assert trials_of(bench)[4][1] == [1.0, 77.0, 15.0, 5.0]


def test_repeated_trials_keep_their_numbers(tmp_path: Path) -> None:
    """`--set-from-study s:4` means the same before and after."""
    bench = a_study(tmp_path, 6, settings_of(ranges=REPEATING))
    wanted, numbers = trials_of(bench), numbers_of(bench)
    assert len({str(one) for one in wanted}) == 2
    assert len(rebuilt(bench).trials) == 6

    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
    assert tuned_by(tmp_path, "s:4").values["backbone"] == wanted[4][1][0]


def test_trials_whose_runs_are_to_be_made_keep_their_numbers(tmp_path: Path) -> None:
    """They stand between others, and go on with the values that were drawn."""
    bench = a_study(tmp_path)
    before = trials_of(bench)
    run = bench.settings.runs(dict(zip((axis.name for axis in bench.settings.axes), before[1][1], strict=True)))[0]
    _forget_row(bench, run.run_id)
    rebuilt(bench)

    assert [state for state, *_ in trials_of(bench)] == ["COMPLETE", "RUNNING", "COMPLETE", "COMPLETE"]
    bench.run(4)
    assert trials_of(bench) == before


def _forget_row(bench: Bench, run_id: str) -> None:
    for path in (bench.results / "inbox").iterdir():
        if run_id in path.name:
            path.unlink()


def test_a_number_that_nothing_gives_is_a_failed_trial_s(tmp_path: Path) -> None:
    """As that of values which no run can have together."""
    bench = a_study(tmp_path)
    before = trials_of(bench)
    (lost,) = bench.folder.trials.glob("000001-*")
    run = read_trial(lost)[0]
    lost.unlink()
    _forget_row(bench, run.run_id)
    found = rebuilt(bench)

    assert found.lines == ["Counted as failed, for nothing tells what they were: trial 1."]
    study = read_study(bench.folder)
    assert [(one.state, one.failure) for one in study.trials][1] == ("failed", "nothing tells what it was")
    again = Optimiser(bench.settings, storage_of(bench.folder)).frozen()
    assert [trial.values for trial in again] == [before[0][2], None, *(one[2] for one in before[2:])]


def test_what_a_number_was_before_it_was_drawn_again_comes_after_the_others(tmp_path: Path) -> None:
    bench = a_study(tmp_path)
    before = trials_of(bench)
    values = {**bench.settings.own_values(), "lambda_con": 77.0}
    feed = Feed(bench.folder)
    earlier = {*feed.files()}
    feed.add(2, bench.settings.runs(values))
    (drawn,) = {*feed.files()} - earlier
    shutil.move(drawn, tmp_path / drawn.name)  # as old as the study itself
    shutil.copyfile(tmp_path / drawn.name, drawn)
    for path in earlier:
        path.touch()

    for added in ((4,), ()):
        assert rebuilt(bench).added == added
        assert trials_of(bench)[:4] == before
        assert trials_of(bench)[4][:2] == ("RUNNING", [*values.values()])


@pytest.mark.parametrize("number", [1, 7])
def test_a_file_that_is_no_trial_of_the_study_is_one_line(tmp_path: Path, number: int) -> None:
    bench = a_study(tmp_path, 2)
    before = bench.folder.journal.read_bytes()
    Feed(bench.folder).add(number, cells(2))
    with pytest.raises(StoreError, match=rf"{number:06}-\w+.json is no trial of study s; move it away.*--rebuild"):
        rebuilt(bench)
    assert bench.folder.journal.read_bytes() == before


def test_the_sampler_and_pruner_of_each_call_are_said_with_counts(tmp_path: Path) -> None:
    """The last call's were said of all trials; after a rebuild nothing tells which they were."""
    bench = a_study(tmp_path, 2)
    bench.run(3, sampler="tpe", pruner="median")
    said = summarise(bench.optimiser, {})
    assert (said.sampler, said.pruner) == ("random (2), tpe (1)", "none (2), median (1)")
    assert "proposed by random (2), tpe (1), pruner none (2), median (1)." in study_text(said)

    rebuilt(bench)
    assert read_study(bench.folder).sampler == read_study(bench.folder).pruner == "unknown"
    bench.run(4, sampler="random")
    assert summarise(bench.optimiser, {}).sampler == "unknown (3), random (1)"
