"""Plans of a grid: products of --set, and how many seeds there can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agad import RunSpec
from agad.errors import SpecError
from agad.plan.grid import Grid
from agad.plan.make import make_plan
from agad.plan.tuned import Tuned

GRID = Grid("mine", "", tuple(RunSpec(dataset="digits", normal_class=of) for of in (0, 1)), 2)


def test_several_values_of_a_field_make_a_product_seed_by_seed() -> None:
    plan, collapsed = make_plan(GRID, overrides=["backbone=naive,unet", "lambda_con=1,2", "updates=7"])
    key = [(spec.seed, spec.normal_class, spec.backbone, spec.lambda_con, spec.updates) for spec in plan.specs]

    assert key == [(s, of, b, con, 7) for s in (0, 1) for of in (0, 1) for b in ("naive", "unet") for con in (1.0, 2.0)]
    assert (collapsed, plan.overrides) == (0, ("backbone=naive,unet", "lambda_con=1,2", "updates=7"))
    assert plan.title == "mine (backbone=naive,unet; lambda_con=1,2; updates=7)"


def test_a_list_field_takes_its_values_by_comma_as_one() -> None:
    plan, _ = make_plan(GRID, overrides=["curve=2,4", "updates=8"])

    assert [spec.curve for spec in plan.specs] == [(2, 4)] * 4


def test_seeds_that_are_set_still_come_breadth_first() -> None:
    plan, collapsed = make_plan(GRID, seeds=1, overrides=["seed=5,6"])

    assert [(spec.seed, spec.normal_class) for spec in plan.specs] == [(5, 0), (5, 1), (6, 0), (6, 1)]
    assert collapsed == 0


def test_equal_cells_of_a_grid_are_not_laid_to_set() -> None:
    plan, collapsed = make_plan(Grid("mine", "", (*GRID.cells, *GRID.cells), 2))

    assert (plan.specs, collapsed) == (make_plan(GRID)[0].specs, 0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["backbone=naive,xnet"], "xnet"),
        (["lambda_con=1,"], "lambda_con"),
        (["updates"], "FIELD=VALUE"),
        (["a=1,2"], "a"),
    ],
)
def test_one_wrong_value_among_several_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_plan(GRID, overrides=overrides)


def test_more_seeds_than_a_plan_can_have_are_refused_at_once() -> None:
    with pytest.raises(SpecError, match="--seeds 99999999999999999999 is too many"):
        make_plan(GRID, seeds=99999999999999999999)


@pytest.mark.parametrize(
    ("select", "overrides", "message"),
    [
        (["gamma=0,0.5"], [], r"--select gamma=0,0.5: 0.5 matches no run; gamma is one of: 0.0, 0.05"),
        (["dataset=mnist,svhn"], [], r"svhn matches no run; dataset is one of: cifar10, mnist"),
        ([], ["lr=1e-4", "lr=2e-4"], r"--set lr is given twice; for runs with either value write lr=A,B"),
    ],
)
def test_no_value_that_a_title_names_is_left_out_of_the_runs(
    select: list[str], overrides: list[str], message: str
) -> None:
    """Each value of --select has a run in some data set, and no --set silently takes the place of another."""
    cells = [RunSpec(dataset=name, normal_class=0, gamma=gamma) for name in ("mnist", "cifar10") for gamma in (0, 0.05)]
    grid = Grid("mine", "", tuple(cells), seeds=1)
    with pytest.raises(SpecError, match=message):
        make_plan(grid, select=select, overrides=overrides)


def test_a_class_of_one_data_set_among_several_selects_its_runs() -> None:
    """A value need not have a run in every data set: class 1 is a normal class of the second alone."""
    cells = (RunSpec(dataset="mnist", normal_class=0), RunSpec(dataset="cifar10", normal_class=1))
    plan, _ = make_plan(Grid("mine", "", cells, seeds=1), select=["normal_class=1"])
    assert [spec.dataset for spec in plan.specs] == ["cifar10"]


def _tuned(**values: object) -> Tuned:
    return Tuned(study="s", trial=1, trials=2, values=values, score=0.9, anomalies=(14,), classes={0: (1,)})


def test_a_field_that_a_study_gives_cannot_be_set_too() -> None:
    """The title would name both values, and a user who reads it the wrong one."""
    with pytest.raises(SpecError, match="--set lambda_con and --set-from-study s both give lambda_con"):
        make_plan(GRID, overrides=["updates=8", "lambda_con=5"], tuned=_tuned(lambda_con=7.0))


def test_a_tuned_run_that_several_runs_become_has_no_default() -> None:
    """Of a grid with two generators neither is the default of the tuned one: which, would be the order's choice."""
    cells = (*(GRID.cells[0].replace(backbone=of) for of in ("naive", "unet")), GRID.cells[1])
    plan, collapsed = make_plan(Grid("mine", "", cells, 1), tuned=_tuned(backbone="unet", lambda_con=7.0))

    assert collapsed == 1
    assert plan.tuned is not None
    (alone,) = (spec for spec in plan.specs if spec.normal_class == 1)
    assert plan.tuned.default_runs == {alone.run_id: GRID.cells[1].run_id}


def test_a_plan_states_in_what_all_its_runs_differ_from_those_of_the_study() -> None:
    """A field in which one run is as the study's are is none of them, nor is a value that was tuned."""
    other = {"lambda_con": ("3.0",), "method": ("ganomaly",), "backbone": ("naive", "unet"), "updates": ("1", "2")}
    cells = tuple(GRID.cells[0].replace(backbone=of, updates=6) for of in ("unet", "unetpp"))
    plan, _ = make_plan(Grid("mine", "", cells, 1), tuned=replace(_tuned(lambda_con=7.0), cells=other))
    assert plan.tuned is not None
    assert plan.tuned.apart == {"method": ("ganomaly", "agad"), "updates": ("1 or 2", "6")}
    assert plan.tuned.differs.startswith(
        "its runs differ from all of these in method ganomaly (here agad), updates 1 or 2 (here 6), so"
    )
    many = replace(plan.tuned, apart={f"f{number}": ("a", "b") for number in range(8)})
    assert "f5 a (here b) and 2 more, so" in many.differs


def test_a_name_of_a_class_is_not_carried_over_to_another_data_set() -> None:
    """The bird of one data set has the number of the other one's car, and the title would still say bird."""
    own = Grid("own", "", (RunSpec(dataset="cifar10", normal_class=2),), 1)
    assert make_plan(own, select=["normal_class=bird"])[0].specs
    with pytest.raises(SpecError, match="names a class of the grid's own data set, and --set dataset takes another"):
        make_plan(own, select=["normal_class=bird"], overrides=["dataset=cifar100"])
    (spec,) = make_plan(own, select=["normal_class=2"], overrides=["dataset=cifar100"])[0].specs
    assert (spec.dataset, spec.normal_class) == ("cifar100", 2)
