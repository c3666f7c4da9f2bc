"""RunSpec: its identity, and that planning stays light."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agad.errors import SpecError
from agad.spec import run as spec_module
from agad.spec.checks import check
from agad.spec.fields import EVAL_PROTOCOLS, field_names, former_values, older_values
from agad.spec.options import RunOptions
from agad.spec.run import RunSpec
from tests.helpers.specs import NEEDED, OTHER_VALUES


def test_known_run_id_never_changes() -> None:
    """The identity of rows on users' disks: if this fails, SEMANTICS_VERSION or `older` of a field was forgotten."""
    assert RunSpec(normal_class=0).run_id == RUN_ID_OF_CLASS_0


RUN_ID_OF_CLASS_0 = "5f0ba63ade94ecd2"


def test_a_run_id_of_former_defaults_never_changes() -> None:
    """Rows that were made before a default changed are found by the values that they were made with."""
    former = RunSpec(normal_class=0, **former_values())

    assert former.run_id == "480ba461486b28df"
    values = {name: value for name, value in former.to_dict().items() if name not in older_values()}
    assert RunSpec.from_dict(values) == former, "a file without the younger fields means what older code did"


@pytest.mark.parametrize("unused", [{"method": "ganomaly"}, {"task": "inference"}])
def test_a_changed_default_makes_no_new_run_where_the_field_is_not_used(unused: dict[str, str]) -> None:
    """Neither the run_id nor what files hold depends on it, and a copy that uses the field has the new default."""
    now = RunSpec(normal_class=0, **unused)
    before = RunSpec(normal_class=0, **unused, bn_update="all")

    assert (now, now.run_id) == (before, before.run_id)
    assert now.to_dict()["bn_update"] == "all"
    assert RunSpec.from_dict(now.to_dict()) == now
    assert before.replace(method="agad", task="train") == RunSpec(normal_class=0)


VARIANTS = st.fixed_dictionaries(
    {},
    optional={
        "gamma": st.sampled_from([0.05, 0.2]),
        "batch_norm": st.sampled_from(["shared", "advprop"]),
        "bn_update": st.sampled_from(["real_only", "all"]),
        "adversarial_context": st.sampled_from(["on", "off"]),
        "backbone": st.sampled_from(["naive", "unet"]),
        "lambda_con": st.sampled_from([1.0, 50.0]),
        "image_size": st.sampled_from([32, 64]),
    },
)


@settings(max_examples=30, deadline=None)
@given(variant=VARIANTS, classes=st.tuples(st.integers(0, 9), st.integers(0, 9)), seed=st.integers(0, 5))
def test_seed_key_is_of_the_class_and_of_no_choice(
    variant: dict[str, Any], classes: tuple[int, int], seed: int
) -> None:
    """Variants of a cell stay paired; two classes share a key exactly if all classes are to."""
    one, other = (RunSpec(normal_class=c, seed=seed) for c in classes)

    assert one.replace(**variant).seed_key == one.seed_key
    assert (one.seed_key == other.seed_key) == (classes[0] == classes[1])
    assert one.replace(dataset="mnist").seed_key != one.seed_key
    assert one.replace(seed=seed + 1).seed_key != one.seed_key
    shared = {spec.replace(seed_scope="all_classes").seed_key for spec in (one, other, one.replace(**variant))}
    assert shared == {(seed,)}, "the keys of rows that were made before there was a scope"


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_every_field_changes_the_run_id(name: str) -> None:
    base = RunSpec(normal_class=0, **NEEDED.get(name, {}))

    assert base.replace(**{name: OTHER_VALUES[name]}).run_id != base.run_id


def test_a_changed_default_is_a_new_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity is the whole resolved spec, not a difference from defaults."""
    changed = dataclasses.make_dataclass(
        "Changed", [("lr", float, dataclasses.field(default=3e-4))], bases=(RunSpec,), frozen=True, kw_only=True
    )

    assert changed(normal_class=0).canonical() != RunSpec(normal_class=0).canonical()
    assert changed(normal_class=0, lr=2e-4).canonical() == RunSpec(normal_class=0).canonical()


def test_a_field_added_later_enters_only_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RunSpec(normal_class=0).canonical()
    later = {**older_values(), "precision": "fp32"}
    monkeypatch.setattr(spec_module, "older_values", lambda: later)

    assert RunSpec(normal_class=0).canonical() == before.replace('"precision":"fp32",', "")
    assert '"precision":"bf16"' in RunSpec(normal_class=0, precision="bf16").canonical()


def test_without_the_test_set_its_protocols_make_no_other_run() -> None:
    blind = RunSpec(normal_class=0, validation=0.1, evaluate_test=False)

    assert blind.final_protocols == ("eval", "eval_recal")
    assert blind.replace(final_protocols=EVAL_PROTOCOLS).run_id == blind.run_id


def test_semantics_version_is_part_of_the_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RunSpec(normal_class=0).run_id
    monkeypatch.setattr(spec_module, "SEMANTICS_VERSION", 2)

    assert RunSpec(normal_class=0).run_id != before


def test_equal_values_of_other_types_are_one_spec() -> None:
    one = RunSpec(normal_class=0, lambda_adv=1, lambda_lat=-0.0, gamma=0, curve=[1, 2])
    two = RunSpec(normal_class=0, lambda_adv=1.0, lambda_lat=0.0, gamma=0.0, curve=(1, 2))

    assert (one, one.run_id) == (two, two.run_id)


def test_order_of_protocols_is_no_other_run() -> None:
    one = RunSpec(normal_class=0, curve_protocols=("eval_recal", "eval"))

    assert one == RunSpec(normal_class=0, curve_protocols=("eval", "eval_recal"))


def test_curve_points_beyond_the_end_are_no_other_run() -> None:
    one = RunSpec(normal_class=0, updates=400)

    assert one.curve_points == (50, 100, 200, 400)
    assert one == RunSpec(normal_class=0, updates=400, curve=(50, 100, 200))


def test_run_options_never_enter_the_run_id() -> None:
    assert not {f.name for f in dataclasses.fields(RunOptions)} & set(field_names())


def test_json_round_trip() -> None:
    spec = RunSpec(normal_class=3, gamma=0.05, known_anomaly_classes=(1, 2), updates=7)

    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.slow
def test_planning_code_is_light() -> None:
    """Planning, status and analysis never pay for torch."""
    heavy = "{'torch', 'torchvision', 'sklearn', 'ray', 'submitit', 'optuna', 'pandas', 'matplotlib'}"
    light = "sweeps.cli.launch, sweeps.worker.worker, agad.store.rows"
    code = f"import sys, {light}; sys.exit(str({heavy} & set(sys.modules) or ''))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""


def test_no_check_of_combinations_reads_the_seed() -> None:
    """So a spec with another seed need not be checked again."""

    class Recorder:
        def __init__(self) -> None:
            self.read: set[str] = set()

        def __getattr__(self, name: str) -> object:
            self.read.add(name)
            return getattr(RunSpec(normal_class=0), name)

    recorder = Recorder()
    check(recorder)  # type: ignore[arg-type]

    assert "gamma" in recorder.read
    assert "seed" not in recorder.read


def test_a_changed_spec_is_the_one_that_is_made_with_these_values() -> None:
    """Also its run_id, which is remembered, and what is refused."""
    one = RunSpec(normal_class=0)
    assert one.run_id
    for changes in (
        {"seed": 3},
        {"updates": 100},
        {"gamma": 0.1, "curve": [10, 50]},
        {"final_protocols": ["eval", "eval_recal"]},
    ):
        fresh = RunSpec(**{**one.to_dict(), **changes})
        changed = one.replace(**changes)
        assert (changed, changed.run_id) == (fresh, fresh.run_id)
        assert pickle.loads(pickle.dumps(changed)).run_id == fresh.run_id  # noqa: S301 - its own
    for wrong in ({"seed": -1}, {"seed": 1.5}, {"normal_class": 99}, {"gamma": 1}):
        with pytest.raises(SpecError):
            one.replace(**wrong)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 999_999])
def test_a_run_has_a_sensible_number_of_threads(threads: Any) -> None:
    """Of far too many the system kills each worker, one after another."""
    with pytest.raises(ValueError, match=re.escape(f"threads={threads!r}: give 1 to 1024")):
        RunOptions(threads=threads)


@pytest.mark.parametrize("name", ["checkpoint_every", "first_checkpoint"])
@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_seconds_are_not_negative(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"{name}=.*: give seconds, 0 or more"):
        RunOptions(**{name: seconds})
