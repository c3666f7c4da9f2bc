"""Runs that Ray Tune gives up early: by which score, against which rivals, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from sweeps.executors.ray.options import RayOptions
from tests.helpers.cli import SMALL, launch, launch_here, numbers, one_line

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (pip install 'agad[ray]')"),
]

VALIDATED: dict[str, Any] = {"normal_class": 0, "validation": 0.2, "curve": (2, 4, 8), "updates": 16}
CURVES = {"good": (0.5, 0.7, 0.8), "fair": (0.5, 0.6, 0.7), "poor": (0.5, 0.4, 0.3), "late": (0.5, 0.4, 0.9)}


class Trial:
    """As much of Tune's as a scheduler looks at."""

    def __init__(self, spec: RunSpec) -> None:
        self.trial_id, self.config = f"trial of {spec.run_id}", {"run_id": spec.run_id}


def scheduler(options: RayOptions, specs: Sequence[RunSpec], **arguments: Any) -> Any:
    from sweeps.executors.ray.scheduler import RivalScheduler

    return RivalScheduler(specs, options, arguments.get("curves", {}))


def rivals(count: int, **changes: Any) -> list[RunSpec]:
    return [RunSpec(**(VALIDATED | changes), seed=seed) for seed in range(count)]


def point(update: int, score: float) -> dict[str, Any]:
    return {"update": update, "auroc_val_eval": score}


def stopped_at(judge: Any, spec: RunSpec, scores: Sequence[float]) -> int | None:
    """The update at which the run was stopped; None: it was not."""
    trial = Trial(spec)
    judge.on_trial_add(None, trial)
    for update, score in zip(spec.curve, scores, strict=False):
        if judge.on_trial_result(None, trial, point(update, score)) == "STOP":
            return update
    judge.on_trial_complete(None, trial, point(spec.updates, scores[-1]))
    return None


@pytest.mark.parametrize("name", ["asha", "median"])
def test_a_run_that_falls_behind_its_rivals_is_stopped(name: str) -> None:
    specs = rivals(5)
    judge = scheduler(RayOptions(scheduler=name), specs)

    assert [stopped_at(judge, spec, CURVES["good"]) for spec in specs[:4]] == [None] * 4
    assert stopped_at(judge, specs[4], (0.4, 0.3, 0.2)) == 2


@pytest.mark.parametrize("name", ["asha", "median"])
def test_nothing_is_stopped_before_the_grace_is_over(name: str) -> None:
    specs = rivals(5)
    judge = scheduler(RayOptions(scheduler=name, grace=8), specs)
    for spec in specs[:4]:
        stopped_at(judge, spec, CURVES["good"])

    assert stopped_at(judge, specs[4], CURVES["poor"]) == 8


@pytest.mark.parametrize("name", ["asha", "median"])
def test_runs_of_other_classes_and_shares_are_no_rivals(name: str) -> None:
    specs = [*rivals(4), *rivals(1, normal_class=1), *rivals(1, gamma=0.1), *rivals(1, backbone="unet")]
    judge = scheduler(RayOptions(scheduler=name), specs)
    for spec in specs[:4]:
        stopped_at(judge, spec, CURVES["good"])

    assert [stopped_at(judge, spec, (0.4, 0.3, 0.2)) for spec in specs[4:]] == [None, None, 2]


@pytest.mark.parametrize("name", ["asha", "median"])
def test_runs_of_earlier_launches_count(name: str) -> None:
    specs = rivals(5)
    curves = {spec.run_id: list(zip(spec.curve, CURVES["good"], strict=True)) for spec in specs[:4]}
    judge = scheduler(RayOptions(scheduler=name), specs, curves=curves)

    assert stopped_at(judge, specs[4], (0.4, 0.3, 0.2)) == 2


@pytest.mark.parametrize("name", ["asha", "median"])
def test_a_run_of_an_earlier_launch_may_have_been_far_behind(name: str) -> None:
    """It would have been stopped, and has further points all the same."""
    specs = rivals(6)
    scores = [CURVES["good"]] * 4 + [(0.4, 0.3, 0.2)]
    curves = {
        spec.run_id: list(zip(spec.curve, curve, strict=True)) for spec, curve in zip(specs, scores, strict=False)
    }
    judge = scheduler(RayOptions(scheduler=name), specs, curves=curves)

    assert stopped_at(judge, specs[5], (0.3, 0.2, 0.1)) == 2


@pytest.mark.parametrize("name", ["asha", "median"])
def test_a_run_that_ends_without_a_score_disturbs_nobody(name: str) -> None:
    specs = rivals(3)
    judge = scheduler(RayOptions(scheduler=name), specs)
    trial = Trial(specs[0])
    judge.on_trial_add(None, trial)

    assert judge.on_trial_result(None, trial, {"outcome": "failed", "done": True}) == "CONTINUE"
    judge.on_trial_complete(None, trial, {"outcome": "failed", "done": True})
    assert [stopped_at(judge, spec, CURVES["fair"]) for spec in specs[1:]] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scheduler", "asha"], "add --set validation=0.1"),
        (["--scheduler", "asha", "--metric", "auroc", "--set", "validation=0.2"], "a score of the test set"),
        (["--scheduler", "asha", "--set", "validation=0.2", "--set", "curve=100"], "there is none before the end"),
        (["--metric", "auroc_val"], "are for --scheduler"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = launch(*SMALL, "--executor", "ray", *arguments, "--results", str(tmp_path))

    assert done.returncode == 2
    assert message in one_line(done.stderr)


@pytest.mark.slow
def test_asha_leaves_pruned_rows_which_a_plain_launch_finishes(tmp_path: Path) -> None:
    """Three rivals, the last of which does not learn: it is pruned, and finished later as if nothing had happened."""
    lean: dict[str, Any] = {"batch_size": 16, "final_protocols": ("eval", "eval_recal")}
    ranked: dict[str, Any] = {"bn_update": "all", "seed_scope": "all_classes"}  # with which the rivals' order is known
    base = RunSpec(**(VALIDATED | lean | ranked | {"normal_class": 5, "image_size": 16, "updates": 9, "curve": (6,)}))
    specs = tuple(base.replace(lr=lr) for lr in (1e-2, 1e-3, 1e-12))
    plan = str(Plan("demo", (), (), specs, code_digest()).save(tmp_path / "judged"))
    judged = ["--plan", plan, "--results", str(tmp_path / "judged")]
    asha = ["--executor", "ray", "--workers", "1", "--scheduler", "asha", "--metric", "auroc_val_eval_recal"]
    first = launch(*judged, *asha)

    assert first.returncode == 0, first.stderr
    rows = ResultStore(tmp_path / "judged").read(["lr", "status", "auroc", "auroc_val", "curve_update"]).to_pylist()
    assert {row["lr"]: row["status"] for row in rows} == {1e-2: "ok", 1e-3: "pruned", 1e-12: "pruned"}
    assert {(row["auroc"], row["auroc_val"], *row["curve_update"]) for row in rows if row["status"] == "pruned"} == {
        (None, None, 6)
    }
    assert "2 runs were pruned" in first.stderr
    assert "1 of 3 runs are ok; 2 pruned" in first.stdout, "the table counts what is not in it"
    assert launch(*judged, *asha).returncode == 0
    assert len(ResultStore(tmp_path / "judged").tries()) == 3, "pruned runs stay so"

    finished = launch_here(*judged)
    plain = launch_here("--plan", plan, "--results", str(tmp_path / "plain"))
    assert (finished.returncode, plain.returncode) == (0, 0), finished.stderr
    assert numbers(tmp_path / "judged") == numbers(tmp_path / "plain")
