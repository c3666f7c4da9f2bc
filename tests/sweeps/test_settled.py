"""One plan for all tasks of a job, and no plan that states what its study states no more."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from agad import json_file
from agad.errors import AgadError, StoreError
from agad.plan.plan import Plan
from agad.plan.study import Study, Trial
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from sweeps.cli.options import build_parser
from sweeps.cli.settled import check_stated, plan_to_launch, save_plan
from sweeps.executors.slurm.job import Job
from sweeps.executors.sweep import Sweep
from sweeps.progress.display import Display
from sweeps.worker.options import WorkerOptions
from tests.helpers.cli import launch_here
from tests.helpers.rows import record

FIRST = {"SLURM_JOB_ID": "13", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "0"}
REQUEUED = {**FIRST, "SLURM_RESTART_COUNT": "1"}
SECOND = {**FIRST, "SLURM_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "1"}
OTHER = {"SLURM_JOB_ID": "40"}


def study(results: Path, *scores: float, anomalies: int = 14) -> None:
    """A study y whose trials have these scores."""
    trials = tuple(
        Trial(number=number, state="complete", values={"lambda_con": 40.0 + number}, scores=(score,), points={},
              seconds=1.0, failure="", runs=())
        for number, score in enumerate(scores)
    )  # fmt: skip
    cell = {"dataset": "digits", "class": 0, "gamma": 0.0, "normals": 14, "anomalies": anomalies, "classes": [1, 2]}
    folder = ResultsFolder(results).study("y")
    folder.path.mkdir(parents=True, exist_ok=True)
    Study(
        name="y", title="t", objectives=("auroc",), protocol="eval", space=(), sampler="tpe", pruner="none",
        best=max(range(len(scores)), key=lambda number: scores[number]), importance={}, validation=(cell,),
        trials=trials,
    ).save(folder)  # fmt: skip


def arguments(results: Path, *more: str) -> list[str]:
    return ["--grid", "demo", "--select", "normal_class=0", "--set-from-study", "y", "--results", str(results), *more]


def options_of(words: list[str]) -> argparse.Namespace:
    return build_parser().parse_args(words)


def planned(words: list[str], environment: dict[str, str]) -> Plan:
    return plan_to_launch(options_of(words), Job.here(environment))


# -- tasks of a job -------------------------------------------------------------------------------------------------


def test_a_task_s_restart_and_later_tasks_have_the_plan_of_the_first(tmp_path: Path) -> None:
    """Though the study has found a better trial in between; another array begins with that."""
    study(tmp_path, 0.7, 0.8)
    first = planned(arguments(tmp_path), FIRST)
    assert first.tuned is not None
    assert first.tuned.trial == 1
    study(tmp_path, 0.7, 0.8, 0.9)

    for task in (REQUEUED, SECOND):
        again = options_of(arguments(tmp_path))
        assert plan_to_launch(again, Job.here(task)) == first
        assert again.plan == first.path(tmp_path)  # what is printed from here on means this plan
    for later in (planned(arguments(tmp_path), OTHER), planned(arguments(tmp_path), {})):
        assert later.tuned is not None
        assert later.tuned.trial == 2


def test_a_grid_of_one_s_own_is_read_by_the_first_task_alone(tmp_path: Path) -> None:
    grid = tmp_path / "mine.py"
    text = "from agad import RunSpec, grid\n@grid(seeds=1)\ndef mine():\n"
    text += "    'm'\n    yield RunSpec(dataset='digits', normal_class=0, updates=UPDATES)\n"
    grid.write_text(text.replace("UPDATES", "5"))
    words = ["--grid", str(grid), "--results", str(tmp_path / "results")]
    first = planned(words, FIRST)
    for edited in (text.replace("UPDATES", "6"), "not Python"):
        grid.write_text(edited)
        assert planned(words, REQUEUED) == planned(words, SECOND) == first
    grid.unlink()
    assert planned(words, SECOND) == first


def test_another_command_in_the_same_job_has_a_plan_of_its_own(tmp_path: Path) -> None:
    first = planned(["--grid", "demo", "--results", str(tmp_path)], OTHER)
    other = planned(["--grid", "demo", "--set", "updates=7", "--results", str(tmp_path)], OTHER)
    assert first != other
    given = options_of(["--plan", str(first.path(tmp_path)), "--results", str(tmp_path)])
    assert plan_to_launch(given, Job.here(OTHER)) == first


@pytest.mark.parametrize("content", ["{", '{"plan": "../x"}', '{"plan": "demo-0123456789abcdef"}', "[]"])
def test_a_damaged_record_is_one_line(tmp_path: Path, content: str) -> None:
    words = ["--grid", "demo", "--results", str(tmp_path)]
    planned(words, FIRST)
    (path,) = (tmp_path / "slurm").iterdir()
    path.write_text(content)
    with pytest.raises(StoreError, match=r"cannot read which plan|no such plan file"):
        planned(words, SECOND)


def test_the_record_of_another_job_is_refused(tmp_path: Path) -> None:
    """One that was copied over this job's: its tasks would go on with another plan."""
    words = ["--grid", "demo", "--results", str(tmp_path)]
    planned(words, FIRST)
    (path,) = (tmp_path / "slurm").iterdir()
    planned([*words, "--set", "updates=7"], OTHER)
    (other,) = set((tmp_path / "slurm").iterdir()) - {path}
    content = json_file.loads(path.read_bytes())
    shutil.copy(other, path)
    with pytest.raises(
        StoreError,
        match=f"cannot read which plan .*: it is the record of another job .{other.stem}.; move it away, and the",
    ):
        planned(words, SECOND)
    path.write_text(json_file.dumps({"plan": content["plan"]}))  # of before
    assert planned(words, SECOND).name == content["plan"]


def test_a_second_command_of_one_job_means_what_is_so_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the plan of the first in silence; so did a job of another cluster with the same id."""
    requeued = {**OTHER, "SLURM_RESTART_COUNT": "1"}
    found = []
    for number, scores in enumerate(((0.8,), (0.8, 0.9), (0.8, 0.9, 0.95)), start=1):
        study(tmp_path, *scores)
        found.append(planned(arguments(tmp_path), OTHER))
        assert found[-1].tuned is not None
        assert found[-1].tuned.trial == number - 1
        assert planned(arguments(tmp_path), requeued) == found[-1]
    first = planned(arguments(tmp_path), FIRST)
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "elsewhere")
    study(tmp_path, 0.8, 0.9, 0.95, 0.99)
    assert planned(arguments(tmp_path), SECOND) != first


def test_a_task_of_an_array_is_refused_as_a_launch_is(tmp_path: Path) -> None:
    study(tmp_path, 0.8)
    launched(tmp_path, begun=launched(tmp_path).plan.specs[0])
    study(tmp_path, 0.8, 0.7)
    for task in (FIRST, SECOND, OTHER):
        with pytest.raises(AgadError, match="states of study y: trials 1; the study has now: trials 2"):
            planned(arguments(tmp_path), task)


@pytest.mark.slow
def test_a_requeued_task_goes_on_with_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As slurm/array.sh starts it."""
    short = ["--select", "gamma=0", "--seeds", "1", "--set", "updates=2", "--set", "image_size=16"]
    words = arguments(tmp_path, *short, "--slurm-task", "--workers", "1", "--device", "cpu", "--deadline", "3600")
    for name, value in FIRST.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sweeps.executors.slurm.task.Task.write_to", lambda *_: None)
    monkeypatch.setattr("sweeps.executors.slurm.task.Task.leave", lambda *_: None)
    for scores in ((0.8,), (0.8, 0.9)):
        study(tmp_path, *scores)
        done = launch_here(*words)
        assert done.returncode == 0, done.stderr
    (row,) = ResultStore(tmp_path).read(["lambda_con", "tuned_by"]).to_pylist()
    assert row["lambda_con"] == 40
    assert "trial 0 of 1 of study y" in row["tuned_by"]
    assert len([*(tmp_path / "plans").iterdir()]) == 1


# -- what is stated of a study ---------------------------------------------------------------------------------------


def launched(results: Path, begun: RunSpec | None = None) -> Sweep:
    """The sweep of a launch of today, which has passed the check."""
    plan = planned(arguments(results), {})
    path = save_plan(plan, results)
    if begun is not None:
        ResultStore(results).commit(record(begun))
    worker = WorkerOptions(plan=str(path), results=str(results))
    sweep = Sweep(plan=plan, results=results, worker=worker, workers=1, display=Display())
    check_stated(plan, results)
    return sweep


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"scores": (0.8, 0.7)}, "trials 1; the study has now: trials 2"),
        ({"scores": (0.85,)}, "score 0.8; the study has now: score 0.85"),
        ({"scores": (0.8,), "anomalies": 60}, r"anomalies \[14\]; the study has now: anomalies \[60\]"),
    ],
    ids=["went on", "another score", "other labels"],
)
def test_a_plan_that_states_what_its_study_states_no_more_is_refused(
    tmp_path: Path, now: dict[str, object], said: str
) -> None:
    """The study went on and its best trial stayed, or it was made again under its name: the plan's name is the same."""
    study(tmp_path, 0.8)
    sweep = launched(tmp_path)
    launched(tmp_path, begun=sweep.plan.specs[0])  # the same again
    path = sweep.plan.path(tmp_path)
    scores: tuple[float, ...] = now.pop("scores")  # type: ignore[assignment]
    study(tmp_path, *scores, **now)  # type: ignore[arg-type]
    with pytest.raises(AgadError, match=f"states of study y: {said}. Go on with .* --plan {path}, or move that file"):
        launched(tmp_path)

    check_stated(Plan.load(path), tmp_path)  # --plan
    shutil.move(path, tmp_path / "away.json")
    assert launched(tmp_path).plan.path(tmp_path) == path


def test_a_plan_of_which_nothing_has_begun_is_not_refused(tmp_path: Path) -> None:
    """It is written again when its first run is to begin."""
    for trials in ((0.8,), (0.8, 0.7)):
        study(tmp_path, *trials)
        launched(tmp_path)
