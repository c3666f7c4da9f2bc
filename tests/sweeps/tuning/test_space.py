"""What a study searches."""

from __future__ import annotations

import pytest

from agad.errors import AgadError
from sweeps.tuning.space import parse_axis, space_of
from tests.helpers.cli import one_line
from tests.helpers.studies import cells


def test_a_decade_around_each_loss_weight_is_searched_by_default() -> None:
    axes = {axis.name: axis for axis in space_of((), cells())}

    assert list(axes) == ["lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat"]
    assert (axes["lambda_con"].low, axes["lambda_con"].high, axes["lambda_con"].log) == (5, 500, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lambda_adv=10:0.1", "upside down"),
        ("lambda_adv=0:10:log", "begins above 0"),
        ("lambda_adv=1", "nothing to choose"),
        ("lambda_adv", "is not FIELD=LOW:HIGH"),
        ("lambda_adv=1:2:3", "with :log or :linear"),
        ("lambda_foo=1:2", "unknown field 'lambda_foo'"),
        ("seed=0:5", "cannot be compared"),
        ("gamma=0.1:0.2", "cannot be compared"),
        ("backbone=1:2", "is no number"),
        ("backbone=naive,vit", "choose from: naive, unet, unetpp"),
        ("lambda_adv=2:20", "leaves out 1.0, the cells' own value"),
    ],
)
def test_a_bad_range_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(AgadError, match=message) as error:
        space_of((text,), cells())
    one_line(str(error.value))


def test_a_field_that_a_run_has_no_use_for_is_not_searched() -> None:
    with pytest.raises(AgadError, match="has no loss weights"):
        space_of((), cells(method="ganomaly"))
    with pytest.raises(AgadError, match="means nothing with adversarial_context=off"):
        space_of(("lambda_adcon=1:100",), cells(adversarial_context="off"))
    assert "lambda_adcon" not in [axis.name for axis in space_of((), cells(adversarial_context="off"))]


def test_a_run_gets_a_value_that_can_be_read_inside_the_range() -> None:
    axis = parse_axis("lambda_adv=0.10004:9.9996")

    assert axis.value(1.23456789) == 1.235
    assert axis.value(9.99959) == 9.9996
    assert parse_axis("updates=4:8").value(5) == 5
