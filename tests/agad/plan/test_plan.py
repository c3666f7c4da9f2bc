"""Plan files: one reader, whose errors are one clear line; and which of several is meant."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agad.errors import StoreError
from agad.plan.plan import Plan, find_plan
from agad.plan.tuned import Tuned
from agad.spec.run import SEMANTICS_VERSION
from tests.helpers.analysis_rows import specs


def plan_text(runs, **changes):
    content = {
        "grid": "table1",
        "title": "table1 (updates=7)",
        "overrides": ["updates=7"],
        "code_digest": "abc",
        "specs": [{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in runs],
    }
    return json.dumps({**content, **changes})


def test_a_plan_gives_the_run_ids_of_its_specs(tmp_path):
    runs = specs((0, 1), updates=7, gamma=0.05, known_anomaly_classes=(3, 4))
    path = tmp_path / "table1-0.json"
    path.write_text(plan_text(runs))
    plan = Plan.load(path)
    assert plan.run_ids == tuple(spec.run_id for spec in runs)
    assert (plan.grid, plan.overrides, plan.code) == ("table1", ("updates=7",), "abc")
    assert plan.specs[0].known_anomaly_classes == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "not a plan file"),
        (plan_text([]), "no run"),
        (plan_text(specs((0,)), overrides=None), "not a plan file"),
        (json.dumps({"grid": "a", "title": "a", "overrides": [], "specs": [{"seed": 1}]}), "not a plan file"),
        (plan_text([], specs=[{"semantics_version": SEMANTICS_VERSION, "colour": 1}]), "unknown field 'colour'"),
        (plan_text([], specs=[{"semantics_version": 999}]), "semantics 999"),
        (plan_text([], specs=[{"semantics_version": 1}, {"semantics_version": 2}]), "mixes semantics versions 1, 2"),
    ],
)
def test_a_bad_plan_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=message) as caught:
        Plan.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_plan_is_one_clear_line(tmp_path):
    with pytest.raises(StoreError, match="no such plan file"):
        Plan.load(tmp_path / "none.json")


def test_the_plan_of_a_grid_is_found_and_a_choice_is_never_guessed(tmp_path):
    folder = tmp_path / "plans"
    folder.mkdir()
    with pytest.raises(StoreError, match="no plan"):
        find_plan(tmp_path)
    for name in ("table2-aa.json", "table2_one-bb.json"):
        (folder / name).write_text("{}")
    assert find_plan(tmp_path, "table2").name == "table2-aa.json"
    assert find_plan(tmp_path, "table2_one").name == "table2_one-bb.json"
    with pytest.raises(StoreError, match=r"more than one plan.*table2-aa.json, table2_one-bb.json"):
        find_plan(tmp_path)
    with pytest.raises(StoreError, match=r"no plan of grid table4; there are: table2-aa.json"):
        find_plan(tmp_path, "table4")


@pytest.mark.parametrize("changes", [{"grid": "../../x"}, {"study": "../../x"}, {"study": ""}, {"grid": ""}])
def test_a_name_that_would_lead_out_of_the_results_folder_is_refused(tmp_path, changes):
    path = tmp_path / "plan.json"
    path.write_text(plan_text(specs((0,)), **changes))
    with pytest.raises(StoreError, match="is no name of a grid or a study"):
        Plan.load(path)


def test_a_damaged_record_of_a_study_is_one_clear_line(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(plan_text(specs((0,)), tuned={"study": "s"}))
    with pytest.raises(StoreError, match="record of its study is damaged"):
        Plan.load(path)


def test_a_plan_is_what_was_written(tmp_path):
    plan = Plan("mine", ("updates=7",), ("seed=0",), tuple(specs((0, 1), updates=7)), "abc")
    assert Plan.load(plan.save(tmp_path)) == plan


# -- a plan is what its name stands for ----------------------------------------------------------------------------


def without_digest(path):
    """The plan file as versions before content digests wrote it."""
    content = json.loads(path.read_text())
    del content["content_digest"], content["name"]
    path.write_text(json.dumps(content, indent=1))
    return content


def test_any_changed_value_is_refused(tmp_path):
    plan = Plan("mine", ("updates=7",), ("seed=0",), tuple(specs((0, 1), updates=7)), "abc")
    path = plan.save(tmp_path)
    text = path.read_text()
    for old, new in (('"seed": 0', '"seed": 1'), ('"abc"', '"abd"'), ('"seed=0"', '"seed=1"'), ("50.0", "51.0")):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(StoreError, match=r"not as it was written.*move the file away"):
            Plan.load(path)


def test_an_older_plan_has_the_runs_of_its_name(tmp_path):
    plan = Plan("mine", (), (), tuple(specs((0, 1))), "abc")
    path = plan.save(tmp_path)
    content = without_digest(path)
    assert Plan.load(path) == plan
    content["specs"][0]["seed"] = 9
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="another plan than its name stands for"):
        Plan.load(path)


@pytest.mark.parametrize("is_old", [False, True])
def test_a_plan_under_the_name_of_another_is_refused(tmp_path, is_old):
    path = Plan("mine", (), (), tuple(specs((0,))), "abc").save(tmp_path)
    other = Plan("mine", (), (), tuple(specs((1,))), "abc").path(tmp_path)
    if is_old:
        without_digest(path)
    path.rename(other)
    with pytest.raises(StoreError, match="another plan than its name stands for"):
        Plan.load(other)


def test_a_plan_may_be_copied_under_a_name_of_ones_own(tmp_path):
    plan = Plan("mine", (), (), tuple(specs((0,))), "abc")
    mine = plan.save(tmp_path).rename(tmp_path / "colleagues-plan.json")
    assert Plan.load(mine) == plan


def test_the_plan_of_another_study_is_refused(tmp_path):
    path = Plan("study one", (), (), tuple(specs((0,))), "abc", "one").save(tmp_path)
    path.parent.rename(path.parent.with_name("two"))
    with pytest.raises(StoreError, match=r"is no name of a grid|another plan than its name"):
        Plan.load(tmp_path / "studies" / "two" / "plan.json")


def test_a_tuned_plan_has_the_values_of_its_trial(tmp_path):
    """Also where the file has no digest: the runs say what was used."""
    tuned = Tuned(
        study="s", trial=3, trials=9, values={"lambda_con": 4.0}, score=0.9, anomalies=(5,), classes={0: (1,)},
        datasets=("digits",), data={("digits", 8): "a" * 64, ("digits", "class_names"): '["0", "1"]'},
        apart={"image_size": ("8", "16 or 32")},
    )  # fmt: skip
    path = Plan("mine", (), (), tuple(specs((0,), lambda_con=4.0)), "abc", tuned=tuned).save(tmp_path)
    content = without_digest(path)
    assert Plan.load(path).tuned == tuned
    older = {
        **content,
        "tuned": {key: value for key, value in content["tuned"].items() if key not in ("data", "apart")},
    }
    path.write_text(json.dumps(older))
    assert Plan.load(path).tuned == replace(tuned, data={}, apart={})
    content["tuned"]["values"]["lambda_con"] = 5.0
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="have not the values"):
        Plan.load(path)
