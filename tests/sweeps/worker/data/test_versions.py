"""What tells versions of one data set apart, in words."""

from __future__ import annotations

import pytest

from agad.store.versions import classes_version, versions_of
from sweeps.worker.data.changed import notes_of_different
from sweeps.worker.data.versions import apart


def of_names(*names: str) -> str:
    return classes_version("folder:own", names)[1]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((("bad", "good"), ("bad", "ok")), ("class 1 is", ["good", "ok"])),
        ((("a", "b"), ("b", "a")), ("class 0 is", ["a", "b"])),
        ((("a",), ("a", "b")), ("class 1 is", ["none", "b"])),
        ((("a", "b\n"), ("a", "b"), ("a", "c")), ("class 1 is", ["b\\n", "b", "c"])),
    ],
)
def test_the_first_class_with_another_name_is_said(
    names: tuple[tuple[str, ...], ...], said: tuple[str, list[str]]
) -> None:
    key, _ = classes_version("folder:own", ())
    assert apart(key, *(of_names(*each) for each in names)) == said


def test_a_row_of_before_has_no_class_names() -> None:
    row = {"dataset": "folder:own", "image_size": 16, "features": "pixels", "data_digest": "a", "features_digest": None}
    assert versions_of(row) == versions_of({**row, "class_names": None}) == [(("folder:own", 16), "a")]
    assert len(versions_of({**row, "class_names": ["a", "b"]})) == 2


def test_rows_with_different_class_names_are_noted() -> None:
    (key, good), (_, ok) = (classes_version("folder:own", ("bad", name)) for name in ("good", "ok"))
    (note,) = notes_of_different([(key, ok), (key, good), (key, good), (("folder:own", 16), "a")])
    assert note.startswith(
        "rows of folder:own data with different class names, which cannot share a table: class 1 is good (2 runs), ok"
    )
