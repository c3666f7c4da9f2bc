"""Values of a user's own after a prefix, as in features=file:NAME."""

from __future__ import annotations

from typing import Any

import pytest

from agad.errors import SpecError
from agad.spec.run import RunSpec, parse_value

KNN: dict[str, Any] = {"normal_class": 0, "method": "knn", "updates": 0}


@pytest.mark.parametrize("name", ["resnet18", "a", "0.b-c_d", "v1.2"])
def test_a_name_after_the_prefix_is_a_value_and_another_run(name: str) -> None:
    spec = RunSpec(**KNN, features=parse_value("features", f"file:{name}"))
    assert spec.features_file == name
    assert RunSpec.from_dict(spec.to_dict()) == spec
    assert len({spec.run_id, RunSpec(**KNN).run_id, RunSpec(**KNN, features="gcn").run_id}) == 3


@pytest.mark.parametrize("name", ["", "..", "../a", "a/b", "/a", ".a", "a b", "a\n", "a\0", "~", "C:a", "-a"])
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(SpecError, match="is not legal: file: goes before a name of letters, digits") as caught:
        RunSpec(**KNN, features=f"file:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["pixel", "resnet18", "File:a", "file", " file:a"])
def test_the_prefix_is_named_among_the_choices(value: str) -> None:
    with pytest.raises(SpecError, match=r"is not legal; choose from: pixels, gcn, file:NAME$"):
        RunSpec(**KNN, features=value)


def test_runs_on_pixels_are_those_that_they_were() -> None:
    assert RunSpec(**KNN).features_file == RunSpec(**KNN, features="gcn").features_file == ""
    assert '"features"' not in RunSpec(**KNN).canonical()
