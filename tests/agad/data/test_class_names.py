"""The normal class by name or index, and what else may have been meant."""

from __future__ import annotations

import pytest

from agad.data.class_names import named_class, notes_on_normal
from agad.errors import SpecError


@pytest.mark.parametrize(
    ("classes", "wanted", "found"),
    [
        (("1", "2", "3"), "1", 0),
        (("1", "2", "3"), "3", 2),
        (("1", "2", "3"), "0", 0),  # no name, so an index
        (("0", "1", "2"), "1", 1),
        (("a", "b"), "1", 1),
        (("a", "b"), "B", 1),
        (("01", "1"), "01", 0),
    ],
)
def test_a_name_stands_before_an_index(classes: tuple[str, ...], wanted: str, found: int) -> None:
    assert named_class(wanted, classes, "shots") == found


@pytest.mark.parametrize("wanted", ["c", "2", "-1", "", "\N{SUPERSCRIPT TWO}"])
def test_what_is_neither_is_one_line(wanted: str) -> None:
    with pytest.raises(SpecError, match="shots has no class") as raised:
        named_class(wanted, ("a", "b"), "shots")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("classes", "wanted", "says"),
    [
        (("1", "2", "3"), "1", ["--normal 1 is the class of that name; the class of that index is 2"]),
        (("1", "2", "3"), "0", []),
        (("0", "1", "2"), "1", []),
        (("1", "2", "3"), "3", []),
        (("bent", "good", "OK!"), "good", ["images of class OK! count as anomalies, though it is called so"]),
        (("bent", "good"), None, []),
    ],
)
def test_another_class_that_may_have_been_meant_is_said(
    classes: tuple[str, ...], wanted: str | None, says: list[str]
) -> None:
    """A number that is a name and an index, and a second class that is called normal."""
    normal = classes.index("good") if wanted is None else named_class(wanted, classes, "shots")
    assert notes_on_normal(classes, normal, wanted) == says
