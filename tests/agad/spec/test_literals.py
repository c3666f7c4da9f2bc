"""Constants that are read without importing their modules."""

from __future__ import annotations

import pytest

from agad.errors import SpecError
from agad.spec.literals import literals


def test_constants_are_read_and_nothing_is_imported(tmp_path):
    (tmp_path / "b.py").write_text("import no_such_module\nFACTS = {'x': [1, None]}\n")
    (tmp_path / "a.py").write_text("FACTS: dict[str, int] = {'y': -2}\nraise RuntimeError\n")
    (tmp_path / "without.py").write_text("OTHER = 1\n")
    (tmp_path / "notes.txt").write_text("FACTS = 3")
    assert list(literals(tmp_path, "FACTS").items()) == [("a", {"y": -2}), ("b", {"x": [1, None]})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nFACTS = [6000] * 10\n", r"some\.py, line 2: FACTS must be a literal .*malformed node"),
        ("FACTS = {[]: 1}\n", r"some\.py, line 1: FACTS must be a literal .*unhashable"),
        ("FACTS = (\n", r"some\.py is not a Python module: .*never closed"),
    ],
)
def test_what_is_no_literal_is_refused_in_one_line(text, message, tmp_path):
    (tmp_path / "some.py").write_text(text)
    with pytest.raises(SpecError, match=message) as caught:
        literals(tmp_path, "FACTS")
    assert "\n" not in str(caught.value)
