"""Classes by their names, wherever an index is taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.errors import SpecError
from agad.plan.grid import Grid
from agad.plan.make import make_plan
from agad.spec.class_names import class_index, parse_classes
from agad.spec.fields import names_where
from agad.spec.run import RunSpec

NAMES = {"folder:a": ("bad", "good"), "folder:b": ("good", "ugly", "10")}


def parsed(name: str, text: str, dataset: str = "folder:b") -> Any:
    return parse_classes(name, text, dataset, NAMES.__getitem__)


def test_fields_of_classes() -> None:
    """Every field that holds the index of a class takes its name."""
    assert names_where(lambda known: known.is_class) == (
        "normal_class", "abnormal_class", "known_anomaly_classes", "validation_anomaly_classes",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("normal_class", "ugly", 1),
        ("normal_class", "GOOD", 0),
        ("normal_class", "none", None),
        ("normal_class", "10", 10),  # a whole number is an index: so it has always been
        ("known_anomaly_classes", "ugly+2", (1, 2)),
        ("known_anomaly_classes", "", ()),
        ("lr", "1e-3", 1e-3),
    ],
)
def test_a_value_by_name_or_index(name: str, text: str, value: Any) -> None:
    assert parsed(name, text) == value


@given(st.integers(-9, 999))
def test_numbers_mean_what_they_meant(number: int) -> None:
    assert parsed("normal_class", str(number)) == number


def test_a_name_that_is_none_or_two_is_one_clear_line() -> None:
    with pytest.raises(SpecError, match="folder:b has no class 'fine'; its classes are: good, ugly, 10"):
        parsed("normal_class", "fine")
    with pytest.raises(SpecError, match="has no class 'goood'; did you mean good"):
        parsed("normal_class", "goood")
    with pytest.raises(SpecError, match="2 classes called 'Ok'"):
        class_index("Ok", ("ok", "OK"), "folder:x")
    assert class_index("OK", ("ok", "OK"), "folder:x") == 1


def plan(select: list[str], overrides: list[str]) -> list[tuple[str, int | None]]:
    cells = tuple(RunSpec(dataset=dataset, normal_class=index) for dataset in NAMES for index in (0, 1))
    grid = Grid("own", "", cells, 1)
    found, _ = make_plan(grid, select=select, overrides=overrides, names=NAMES.__getitem__)
    return [(spec.dataset, spec.normal_class) for spec in found.specs]


def test_a_name_is_an_index_in_each_run_s_own_data_set() -> None:
    assert plan(["normal_class=good"], []) == [("folder:a", 1), ("folder:b", 0)]
    assert plan(["dataset=folder:a"], ["normal_class=good"]) == [("folder:a", 1)]
    assert plan(["dataset=folder:a"], ["dataset=folder:b", "normal_class=good,ugly"]) == [
        ("folder:b", 0), ("folder:b", 1),
    ]  # fmt: skip


def test_named_data_sets_are_known_without_reading() -> None:
    grid = Grid("own", "", (RunSpec(dataset="cifar10", normal_class=0),), 1)
    made, _ = make_plan(grid, overrides=["normal_class=ship", "gamma=0.05", "known_anomaly_classes=cat+dog"])

    assert (made.specs[0].normal_class, made.specs[0].known_anomaly_classes) == (8, (3, 5))
    with pytest.raises(SpecError, match="no class 'boat'; its classes are: airplane, "):
        make_plan(grid, overrides=["normal_class=boat"])


def test_the_classes_of_one_s_own_data_need_a_reader() -> None:
    grid = Grid("own", "", (RunSpec(dataset="folder:x", normal_class=0),), 1)
    with pytest.raises(SpecError, match="the classes of folder:x are not known by name here"):
        make_plan(grid, overrides=["normal_class=good"])
