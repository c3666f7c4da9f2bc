"""train(): the row, its repeatability, interruptions, and that each field of a spec counts."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import operator
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import torch

import agad.train.session
from agad.data.prepared import Prepared
from agad.errors import DataError, DeviceError, NonFiniteLoss, SpecError
from agad.scoring.evaluate import score_weights
from agad.scoring.weights import load_weights
from agad.spec.run import EVAL_PROTOCOLS, ORDER_PROTOCOLS, RunSpec, field_names, spec_field
from agad.store import provenance
from agad.store.provenance import code_digest, collect, git_state
from agad.store.rows import ResultStore
from agad.store.schema import CURVE_COLUMNS, RECONSTRUCTION_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS, RunRecord
from agad.train.checkpoint import find_checkpoint, save_checkpoint
from agad.train.run import Action, Interrupted, Progress, train
from tests.helpers.science import OPTIONS, made_up, small, with_images
from tests.helpers.specs import ARNET, GEOTRANS, PRETRAINING

NUMBERS = (*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS, *RECONSTRUCTION_COLUMNS)


def run(spec: RunSpec | None = None, data: Prepared | None = None, **options: Any) -> RunRecord:
    control = options.pop("control", None)
    spec = spec or small()
    data = data or made_up(size=spec.image_size)
    return train(spec, dataclasses.replace(OPTIONS, **options), data=data, control=control)


def numbers(record: RunRecord) -> dict[str, Any]:
    return {name: record.values.get(name) for name in NUMBERS}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The numbers of the run that nothing interrupts."""
    return numbers(run())


@contextlib.contextmanager
def of_double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        assert torch.get_default_dtype() == torch.float64, "as it was"
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def of_rounded_products() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        assert torch.get_float32_matmul_precision() == "medium", "as it was"
        torch.set_float32_matmul_precision("highest")


@contextlib.contextmanager
def of_other_kernels() -> Iterator[None]:
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        assert not torch.backends.mkldnn.enabled, "as it was"
        torch.backends.mkldnn.enabled = True


@contextlib.contextmanager
def of_newer_switches(*names: str, value: str = "bf16") -> Iterator[None]:
    """By the way of torch 2.9 and later; what is set in it makes the older way's getters raise."""
    switches = [operator.attrgetter(name)(torch) for name in names]
    for switch in switches:
        switch.fp32_precision = value
    try:
        yield
    finally:
        assert [switch.fp32_precision for switch in switches] == [value] * len(switches), "as it was"
        for switch in switches:
            switch.fp32_precision = "none"
        torch.set_float32_matmul_precision("highest")


CALLERS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "autocast_off": lambda: torch.autocast("cpu", enabled=False),
    "default_device": lambda: torch.device("meta"),
    "default_dtype": of_double_precision,
    "matmul_precision": of_rounded_products,
    "onednn_off": of_other_kernels,
    "onednn_bf16": lambda: of_newer_switches("backends.mkldnn.matmul", "backends.mkldnn.conv"),
    "all_tf32": lambda: of_newer_switches("backends", "backends.cuda.matmul", value="tf32"),
    "all_bf16": lambda: of_newer_switches("backends"),
}
"""What a caller may have set for work of its own."""


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLERS)
def test_what_the_caller_has_set_of_torch_changes_no_number(whole: dict[str, Any], name: str, tmp_path: Path) -> None:
    """Neither of a run, which else is not trained at all or in another precision, nor of its weights scored again."""
    with CALLERS[name]():
        record = run(weights_dir=str(tmp_path))
        scores = score_weights(tmp_path / record.values["weights"], ["eval"], data=made_up(), options=OPTIONS)
    assert numbers(record) == whole
    assert scores["eval"].tolist() == whole["scores_eval"]


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["autocast", "autocast_off"])
def test_an_update_in_bf16_within_autocast_meets_the_weights_of_now(name: str) -> None:
    """Autocast keeps its casts of weights until its outermost context ends: here after all updates."""
    spec = small(backbone="unet", precision="bf16", updates=2, curve=(), final_protocols=("eval", "eval_recal"))
    alone = numbers(run(spec))
    with CALLERS[name]():
        assert numbers(run(spec)) == alone


# -- the row ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_row_is_complete():
    record = run()
    row = record.to_table().to_pylist()[0]
    assert (row["status"], row["attempt"], row["run_id"]) == ("ok", 1, small().run_id)
    assert row["auroc"] == row["curve_auroc_eval"][-1]
    assert row["curve_update"] == [1, 2, 3]
    assert row["auroc_oracle"] == max(row["curve_auroc_eval"])
    assert row["curve_update"][row["curve_auroc_eval"].index(row["auroc_oracle"])] == row["oracle_update"]
    assert (row["n_train_normal"], row["n_train_anomaly"]) == (15, 5)
    assert (row["n_batch_normal"], row["n_batch_anomaly"]) == (8, 4)
    assert (row["n_test_normal"], row["n_test_anomaly"]) == (8, 23)
    assert row["drawn_anomaly_classes"] == [1, 2, 3]
    assert (row["parameters_g"], row["parameters_d"]) == (2_133_632, 661_248)
    assert (row["updates_done"], row["d_resets"], row["resumes"]) == (3, 0, 0)
    assert row["data_digest"] == made_up().digest
    assert row["test_label"] == [int(c > 0) for c in row["test_class"]]
    for protocol in EVAL_PROTOCOLS:
        if protocol == "batch1":
            assert row["scores_batch1"] is row["auroc_batch1"] is row["curve_auroc_batch1"] is None
        else:
            assert len(row[f"scores_{protocol}"]) == 31
    assert len(row["curve_auroc_eval_recal"]) == 3
    assert row["curve_auroc_batch_shuffled"] is None
    for term in ("loss_g", "loss_d", "adv", "con", "adcon", "lat", "recip_adv", "recip_adcon", "recip_lat"):
        assert len(row[f"curve_{term}"]) == 3
        assert all(math.isfinite(value) for value in row[f"curve_{term}"])
    for term in ("adv", "adcon", "lat"):
        assert row[f"recip_{term}_max"] == max(row[f"curve_recip_{term}"])
    assert row["device"] == "cpu"
    assert row["threads"] == 1
    assert row["device_name"]
    assert row["train_seconds"] > 0
    assert row["eval_seconds"] > 0
    assert row["peak_memory_bytes"] > 50_000_000
    assert row["weights"] is None
    assert row["started_at"] < row["finished_at"]


@pytest.mark.slow
def test_a_committed_row_has_its_provenance(tmp_path: Path):
    """As README's example makes it: no sweep, no worker."""
    ResultStore(tmp_path).commit(run())
    row = ResultStore(tmp_path).read(list(collect())).to_pylist()[0]
    assert row["code_digest"] == code_digest()
    assert row["torch_version"] == torch.__version__
    assert f"scikit-learn {sklearn.__version__}" in row["libraries"].split(", ")
    unknown = {name for name, value in row.items() if value is None}
    assert unknown <= {"git_commit", "git_clean", "job_id", "cuda_version", "agad_version"}, "not known everywhere"
    assert (row["git_commit"], row["git_clean"]) == git_state()


@pytest.mark.slow
def test_auroc_is_that_of_the_scores():
    """By counting pairs, not by the library."""
    values = run().values
    scores, labels = np.array(values["scores_eval"]), np.array(values["test_label"])
    above = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    assert values["auroc"] == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


@pytest.mark.slow
def test_without_anomalies_their_terms_are_null():
    row = run(small(gamma=0.0)).to_row()
    assert (row["n_train_anomaly"], row["n_batch_anomaly"], row["n_batch_normal"]) == (0, 0, 12)
    assert row["recip_adv_max"] is None
    assert row["curve_recip_adv"] == [None] * 3
    assert row["drawn_anomaly_classes"] == []


def test_seconds_and_memory_are_no_numbers_of_the_run():
    assert {"train_seconds", "peak_memory_bytes"}.isdisjoint(NUMBERS)


# -- one spec, one result --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_spec_twice_gives_equal_bytes(whole: dict[str, Any]):
    assert numbers(run()) == whole


@pytest.mark.slow
def test_global_generators_are_neither_read_nor_moved(whole: dict[str, Any]):
    before = torch.get_rng_state()
    torch.manual_seed(123)
    marked = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - is it touched?
    assert numbers(run()) == whole
    assert torch.equal(torch.get_rng_state(), marked[0])
    assert random.getstate() == marked[1]
    assert np.random.get_state()[1].tolist() == marked[2]  # noqa: NPY002 - is it touched?
    torch.set_rng_state(before)


def test_thread_count_holds_for_the_run_and_is_put_back():
    torch.set_num_threads(1)
    seen: list[int] = []

    def leave(_: Progress) -> Action:
        seen.append(torch.get_num_threads())
        return Action.ABANDON

    with pytest.raises(Interrupted):
        run(threads=2, control=leave)
    assert seen == [2]
    assert torch.get_num_threads() == 1


@pytest.mark.slow
def test_a_short_run_is_the_beginning_of_a_long_one(whole: dict[str, Any]):
    short = run(small(updates=2)).values
    for name in ("curve_update", "curve_auroc_eval", "curve_auroc_eval_recal", "curve_loss_g", "curve_recip_lat"):
        assert short[name] == whole[name][:2]


@pytest.mark.slow
def test_no_test_image_influences_the_weights(tmp_path: Path):
    dark = made_up()
    bright = made_up()
    bright.test_images.fill_(255)
    states = []
    for name, data in (("dark", dark), ("bright", bright)):
        run(data=data, weights_dir=str(tmp_path / name))
        states.append(load_weights(tmp_path / name / f"{small().run_id}.pt"))
    for part in ("generator", "discriminator"):
        left, right = (state.nets[part] for state in states)
        assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.slow
def test_audits_leave_identical_weights_and_scores(tmp_path: Path):
    specs = [
        small(curve=(), curve_protocols=("eval",), final_protocols=("eval",)),
        small(curve_protocols=EVAL_PROTOCOLS, final_protocols=EVAL_PROTOCOLS),
    ]
    records = [run(spec, weights_dir=str(tmp_path)) for spec in specs]
    left, right = (load_weights(tmp_path / f"{spec.run_id}.pt").nets["generator"] for spec in specs)
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert records[0].values["scores_eval"] == records[1].values["scores_eval"]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"batch_norm": "advprop_freeze", "advprop_scope": "g+d"}])
def test_kept_weights_give_the_run_s_own_scores_bit_for_bit(tmp_path: Path, changes: dict[str, Any]):
    spec = small(**changes, final_protocols=EVAL_PROTOCOLS)
    record = run(spec, weights_dir=str(tmp_path / "new"))
    path = tmp_path / "new" / record.values["weights"]
    again = score_weights(path, options=OPTIONS, data=made_up())
    assert list(again) == list(EVAL_PROTOCOLS)
    for protocol, scores in again.items():
        assert scores.tolist() == record.values[f"scores_{protocol}"]


# -- interruption ----------------------------------------------------------------------------------------------------


def at(call: int, action: Action) -> Callable[[Progress], Action]:
    """A control that acts at its n-th call, counted from 1."""
    calls = iter(range(1, 1_000_000))
    return lambda _: action if next(calls) == call else Action.CONTINUE


@pytest.fixture(scope="module")
def boundaries() -> list[Progress]:
    """All that control is told in a run."""
    seen: list[Progress] = []

    def note(progress: Progress) -> Action:
        seen.append(progress)
        return Action.CONTINUE

    run(control=note)
    return seen


@pytest.mark.slow
def test_control_is_asked_before_each_update_and_each_batch_of_an_evaluation(boundaries: list[Progress]):
    # eval has 2 batches, eval_recal 2 of normals and 2, each of the three batch protocols 2
    first, second, last = ([(update, "eval")] * count for update, count in ((1, 6), (2, 6), (3, 12)))
    expected = [(0, "train"), *first, (1, "train"), *second, (2, "train"), *last]
    assert [(p.update, p.phase) for p in boundaries] == expected
    assert {p.updates for p in boundaries} == {3}


@pytest.mark.slow
@pytest.mark.parametrize("answer", [None, True, "stop", Action])
def test_a_control_that_returns_no_action_is_said(answer: object):
    """Such as one without a `return`: it would else mean a checkpoint before every update."""
    with pytest.raises(TypeError, match=r"must return an Action"):
        run(control=lambda _: answer)


@pytest.mark.slow
# Of 27 boundaries: before anything, before and amid the first curve point (in recalibration too), right after it,
# amid the second, before the last update, and at many places of the last evaluation.
@pytest.mark.parametrize("call", [1, 2, 4, 7, 8, 9, 12, 15, 16, 19, 24, 27])
def test_an_interrupted_run_equals_an_uninterrupted_one(
    tmp_path: Path, whole: dict[str, Any], boundaries: list[Progress], call: int
):
    with pytest.raises(Interrupted) as caught:
        run(checkpoint_dir=str(tmp_path), control=at(call, Action.STOP))
    assert caught.value.update == boundaries[call - 1].update
    record = run(checkpoint_dir=str(tmp_path), attempt=2)
    assert numbers(record) == whole
    assert record.values["resumes"] == (call > 1)  # a run that has done nothing leaves no checkpoint
    assert record.values["updates_done"] == 3


@pytest.mark.slow
def test_a_row_says_what_else_made_the_checkpoint_it_goes_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Code, torch, device, instructions and threads change bits; the row's own columns are the last attempt's."""

    def interrupted(attempt: int, **options: Any) -> None:
        # At the second call of each attempt: something has been done, and so a checkpoint is written.
        with pytest.raises(Interrupted):
            run(checkpoint_dir=str(tmp_path), attempt=attempt, control=at(8, Action.STOP), **options)

    with monkeypatch.context() as earlier:
        earlier.setattr(provenance, "code_digest", lambda: "old")
        interrupted(1)
        interrupted(2, threads=2)
    record = run(checkpoint_dir=str(tmp_path), attempt=3, threads=1)

    assert record.values["resumed_from"] == "code_digest=old | code_digest=old; threads=2"
    assert record.values["code_digest"] == code_digest()
    assert record.values["resumes"] == 2
    assert record.to_table()["resumed_from"].to_pylist() == [record.values["resumed_from"]]


@pytest.mark.slow
def test_a_row_of_one_maker_says_nothing_of_others(tmp_path: Path):
    assert run().values["resumed_from"] is None
    with pytest.raises(Interrupted):
        run(checkpoint_dir=str(tmp_path), control=at(8, Action.STOP))
    assert run(checkpoint_dir=str(tmp_path), attempt=2).values["resumed_from"] is None


@pytest.mark.slow
def test_a_checkpoint_that_does_not_say_what_made_it_is_of_unknown_code(tmp_path: Path):
    """One by an older agad: it is used, as before."""
    with pytest.raises(Interrupted):
        run(checkpoint_dir=str(tmp_path), control=at(8, Action.STOP))
    found, _ = find_checkpoint(tmp_path, small(), made_up().digest)
    assert found is not None
    del found.state["made_by"]
    save_checkpoint(tmp_path, small(), 1, made_up().digest, found)
    record = run(checkpoint_dir=str(tmp_path), attempt=2)

    assert (record.values["resumes"], record.values["resumed_from"]) == (1, "code_digest=unknown")


@pytest.mark.slow
def test_a_run_interrupted_again_and_again_equals_an_uninterrupted_one(tmp_path: Path, whole: dict[str, Any]):
    """Each try gets through one evaluation or two updates at most; the seconds of all tries are summed."""
    seconds = []
    for attempt in range(1, 40):
        try:
            record = run(checkpoint_dir=str(tmp_path), attempt=attempt, control=at(7, Action.STOP))
        except Interrupted:
            found, _ = find_checkpoint(tmp_path, small(), made_up().digest)
            assert found is not None
            seconds.append(sum(found.state["seconds"].values()))
            assert len(list(tmp_path.iterdir())) <= 2, "its own, and the one that it went on from"
        else:
            break
    assert numbers(record) == whole
    assert record.values["resumes"] == attempt - 1 > 4
    assert seconds[0] > 0
    assert seconds == sorted(set(seconds)), "they rise from try to try"
    assert record.values["train_seconds"] + record.values["eval_seconds"] >= seconds[-1]


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"batch_norm": "advprop_freeze", "advprop_scope": "g+d"},
        {"d_reset_threshold": 1e9},
        {"precision": "bf16"},
    ],
)
def test_interruption_keeps_auxiliary_norms_resets_and_precision(tmp_path: Path, changes: dict[str, Any]):
    spec = small(**changes, curve=(), final_protocols=("eval", "eval_recal"))
    with pytest.raises(Interrupted):
        run(spec, checkpoint_dir=str(tmp_path), control=at(3, Action.STOP))
    assert numbers(run(spec, checkpoint_dir=str(tmp_path))) == numbers(run(spec))


def test_abandoned_runs_write_nothing(tmp_path: Path):
    with pytest.raises(Interrupted) as caught:
        run(checkpoint_dir=str(tmp_path), checkpoint_every=0, control=at(1, Action.ABANDON))
    assert caught.value.update == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["checkpoint_dir", "weights_dir"])
def test_a_results_folder_that_is_gone_does_not_come_back(tmp_path: Path, name: str):
    """It was removed or renamed while the run began: an empty one in its place would have all done again."""
    with pytest.raises(FileNotFoundError):
        run(**{name: str(tmp_path / "results" / "inside")})
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_stopping_without_a_checkpoint_folder_is_an_interruption_too():
    with pytest.raises(Interrupted):
        run(control=at(5, Action.STOP))


@pytest.mark.slow
def test_a_wanted_checkpoint_is_written_and_the_run_goes_on(tmp_path: Path, whole: dict[str, Any]):
    record = run(checkpoint_dir=str(tmp_path), control=at(14, Action.CHECKPOINT), attempt=3)
    assert numbers(record) == whole
    assert [path.name for path in tmp_path.iterdir()] == [f"{small().run_id}.3.pt"]
    found, _ = find_checkpoint(tmp_path, small(), made_up().digest)
    assert found is not None
    assert found.update == 2
    assert numbers(run(checkpoint_dir=str(tmp_path))) == whole


@pytest.mark.slow
def test_checkpoints_in_the_midst_of_recalibration_hold_the_run_s_own_statistics(tmp_path: Path):
    """eval_recal works on a copy: what is saved meanwhile are the statistics of training."""
    seen: list[torch.Tensor] = []

    def control(progress: Progress) -> Action:
        if (progress.update, progress.phase) != (1, "eval"):
            return Action.CONTINUE
        return Action.CHECKPOINT

    original = agad.train.session.save_checkpoint

    def spy(folder: Path, spec: RunSpec, attempt: int, digest: str, checkpoint: Any) -> Path:
        seen.append(checkpoint.state["training"]["nets"]["generator"]["encoder.3.running_mean"].clone())
        return original(folder, spec, attempt, digest, checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agad.train.session, "save_checkpoint", spy)
        run(checkpoint_dir=str(tmp_path), control=control)
    assert len(seen) == 2  # one when the point begins, one when its first protocol is done
    assert torch.equal(*seen)


@pytest.mark.slow
def test_checkpoints_are_written_when_they_are_due(tmp_path: Path):
    seen: list[int] = []
    in_last_scoring: set[int] = set()

    def note(progress: Progress) -> Action:
        seen.append(progress.saved)
        if progress.phase == "eval" and progress.update == progress.updates:
            in_last_scoring.add(progress.saved)
        return Action.CONTINUE

    run(checkpoint_dir=str(tmp_path), checkpoint_every=0, control=note)
    assert seen == sorted(seen)
    assert set(seen) >= {0, 1, 2}
    assert len(in_last_scoring) > 1  # a long scoring that is interrupted again and again gets on, and is seen to
    run(small(seed=1), checkpoint_dir=str(tmp_path / "none"), checkpoint_every=3600)
    assert not list((tmp_path / "none").iterdir())


@pytest.mark.slow
def test_a_torn_checkpoint_costs_work_only(tmp_path: Path, whole: dict[str, Any]):
    with pytest.raises(Interrupted):
        run(checkpoint_dir=str(tmp_path), control=at(16, Action.STOP))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:5000])
    record = run(checkpoint_dir=str(tmp_path))
    assert numbers(record) == whole
    assert record.values["resumes"] == 0


@pytest.mark.slow
def test_a_checkpoint_of_other_data_is_not_taken_up(tmp_path: Path):
    other = made_up(train=64)
    with pytest.raises(Interrupted):
        run(checkpoint_dir=str(tmp_path), control=at(16, Action.STOP))
    assert run(data=other, checkpoint_dir=str(tmp_path)).values["resumes"] == 0


# -- every field counts ----------------------------------------------------------------------------------------------

THRICE = {"curve": (), "lr": 1e-2}  # in narrow nets shorter steps leave some fields a trace of a last bit alone
TWICE = {**THRICE, "updates": 2}
UNET = {**TWICE, "backbone": "unet"}
ANOMALY_TERMS = {**TWICE, "gamma": 0.25}

# field -> (what both runs have, what the second has)
ALTERNATIVES: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "normal_class": [(TWICE, {"normal_class": 1})],
    "abnormal_class": [(TWICE, {"protocol": "leave_one_out", "normal_class": None, "abnormal_class": 2})],
    "protocol": [(TWICE, {"protocol": "leave_one_out", "normal_class": None, "abnormal_class": 0})],
    "image_size": [(TWICE, {"image_size": 32})],
    "gamma": [(TWICE, {"gamma": 0.0}), (TWICE, {"gamma": 0.4})],
    "known_anomaly_classes": [(TWICE, {"known_anomaly_classes": (2,)})],
    "known_anomaly_draw": [(TWICE, {"known_anomaly_draw": 1})],
    "backbone": [(TWICE, {"backbone": "unet"}), (TWICE, {"backbone": "unetpp"})],
    "naive_latent": [({**TWICE, "image_size": 32}, {"naive_latent": "1x1"})],
    "upsampling": [(UNET, {"upsampling": "bilinear"}), ({**UNET, "backbone": "unetpp"}, {"upsampling": "bilinear"})],
    "generator_norm": [(UNET, {"generator_norm": "none"})],
    "discriminator": [(TWICE, {"discriminator": "two_block"})],
    "init": [(TWICE, {"init": "torch"}), (TWICE, {"init": "he"})],
    "batch_norm": [(TWICE, {"batch_norm": name}) for name in ("advprop", "freeze", "advprop_freeze")],
    "advprop_scope": [
        ({**THRICE, "batch_norm": name}, {"advprop_scope": "g+d"}) for name in ("advprop", "advprop_freeze")
    ],
    "bn_update": [(TWICE, {"bn_update": "all"})],
    "lambda_adv": [(TWICE, {"lambda_adv": 9.0})],
    "lambda_con": [(TWICE, {"lambda_con": 9.0})],
    "lambda_adcon": [(TWICE, {"lambda_adcon": 9.0}), (TWICE, {"lambda_adcon": 0.0})],
    "lambda_lat": [(TWICE, {"lambda_lat": 9.0})],
    "adversarial_context": [(TWICE, {"adversarial_context": name}) for name in ("off", "off_normal_only")],
    "latent_loss": [(TWICE, {"latent_loss": "norm"})],
    "detach_pseudo": [(TWICE, {"detach_pseudo": True})],
    "anomaly_pair": [(TWICE, {"anomaly_pair": "eq3"})],
    "anomaly_weight": [(TWICE, {"anomaly_weight": "share"})],
    "reciprocal": [(TWICE, {"reciprocal": "per_sample"})],
    "recip_eps": [(TWICE, {"recip_eps": 0.1})],
    "updates": [({"curve": ()}, {"updates": 2})],
    "batch_size": [(TWICE, {"batch_size": 10})],
    "min_anomalies": [(TWICE, {"min_anomalies": 5})],
    "batch_mix": [(TWICE, {"batch_mix": "separate"})],
    "anomaly_place": [(TWICE, {"anomaly_place": "appended"})],
    "lr": [(TWICE, {"lr": 1e-3})],
    "beta1": [(TWICE, {"beta1": 0.9})],
    "beta2": [(TWICE, {"beta2": 0.9})],
    "d_reset_threshold": [(TWICE, {"d_reset_threshold": 1e9})],
    "precision": [(TWICE, {"precision": "bf16"})],
    "validation": [(TWICE, {"validation": 0.4})],
    "seed": [(TWICE, {"seed": 1})],
    "seed_scope": [(TWICE, {"seed_scope": "all_classes"})],
}
# What changes no weight of AGAD; each has a test of its own: here, or where scoring, inference and methods are.
OTHERS = {
    *("task", "method", "dataset", "curve", "curve_protocols", "final_protocols", "eval_batch_size", "eval_precision"),
    *("test_orders", "search_steps"),
    *("validation_anomalies", "validation_anomaly_classes", "evaluate_test", "features", "neighbours"),
    *("encoder", "scaling", "weight_decay", "lr_steps", *PRETRAINING, *GEOTRANS, *ARNET),
}


def test_every_field_and_every_choice_has_its_test():
    assert ALTERNATIVES.keys() | OTHERS == set(field_names())
    for name, pairs in ALTERNATIVES.items():
        for choice in spec_field(name).setting.legal[1:]:
            tried = [both | change for both, change in pairs]
            tried_elsewhere = name == "method" or choice == "tf32"  # fp32 on a CPU
            assert tried_elsewhere or choice in [values.get(name) for values in tried], (name, choice)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "both", "change"), [(name, *pair) for name, pairs in ALTERNATIVES.items() for pair in pairs]
)
def test_every_field_changes_the_numbers(name: str, both: dict[str, Any], change: dict[str, Any]):
    lean = {"curve_protocols": ("eval",), "final_protocols": ("eval",)}
    first, second = (_numbers_of(lean | both | more) for more in ({}, change))
    assert first["scores_eval"] != second["scores_eval"]
    assert all(math.isfinite(score) for score in second["scores_eval"])


_SEEN: dict[str, dict[str, Any]] = {}


def _numbers_of(changes: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a run, made once for all the tests that start from it."""
    spec = small(**changes)
    if spec.run_id not in _SEEN:
        _SEEN[spec.run_id] = numbers(run(spec))
    return _SEEN[spec.run_id]


@pytest.mark.slow
def test_evaluation_batch_size_counts_under_batch_statistics_alone():
    protocols = {"curve": (), "final_protocols": ("eval", "eval_recal", "batch_shuffled")}
    ten, seven = (run(small(eval_batch_size=size, **protocols)).values for size in (10, 7))
    np.testing.assert_allclose(ten["scores_eval"], seven["scores_eval"], rtol=1e-4)
    np.testing.assert_allclose(ten["scores_eval_recal"], seven["scores_eval_recal"], rtol=1e-4)
    assert not np.allclose(ten["scores_batch_shuffled"], seven["scores_batch_shuffled"], rtol=1e-3)


@pytest.mark.slow
def test_of_several_orders_of_the_test_set_the_row_has_the_mean_and_each(tmp_path: Path):
    """Scores are those of the first, which is that of a run with one; an interruption among them changes nothing."""
    noise = torch.randint(0, 256, (31, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = with_images(made_up(), test_images=noise)  # of no class, so that the batch decides
    one, three = (small(curve=(), test_orders=count) for count in (1, 3))
    plain, several = run(one, data).values, numbers(run(three, data))
    for protocol in ORDER_PROTOCOLS:
        each = several[f"auroc_{protocol}_each"]
        assert len(each) == 3
        assert len(set(each)) > 1 or protocol != "batch_shuffled"
        assert each[0] == plain[f"auroc_{protocol}"]
        assert several[f"auroc_{protocol}"] == pytest.approx(np.mean(each))
        assert several[f"scores_{protocol}"] == plain[f"scores_{protocol}"]
        assert f"auroc_{protocol}_each" not in plain
    assert several["auroc"] == plain["auroc"]

    seen = 0

    def stop(progress: Progress) -> Action:
        nonlocal seen
        seen += progress.phase == "eval"
        return Action.STOP if seen == 9 else Action.CONTINUE

    with pytest.raises(Interrupted):
        run(three, data, checkpoint_dir=tmp_path, control=stop)
    assert numbers(run(three, data, checkpoint_dir=tmp_path)) == several


def test_orders_of_the_test_set_mean_nothing_where_no_protocol_has_one():
    lean = {"curve_protocols": ("eval",), "final_protocols": ("eval", "batch1")}
    assert small(test_orders=5, **lean) == small(**lean)
    assert small(test_orders=5).run_id != small().run_id
    assert small(test_orders=1).run_id == small().run_id


@pytest.mark.slow
def test_curve_protocols_are_scored_at_each_point():
    values = run(small(curve_protocols=("eval", "batch_shuffled"))).values
    assert len(values["curve_auroc_batch_shuffled"]) == 3
    assert "curve_auroc_eval_recal" not in values
    assert values["auroc_eval_recal"] is not None
    assert values["auroc_batch_shuffled"] == values["curve_auroc_batch_shuffled"][-1]


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_exploding_run_ends_with_the_update_named(tmp_path: Path):
    with pytest.raises(NonFiniteLoss, match=r"became non-finite at update [12]$") as caught:
        run(small(lr=1e30), checkpoint_dir=str(tmp_path))
    assert caught.value.update in {1, 2}


@pytest.mark.slow
def test_weights_that_break_at_the_last_update_are_no_result():
    """The last loss was finite: only a look at the weights can tell."""
    with pytest.raises(NonFiniteLoss, match=r"a weight of the \w+ became non-finite at update 1"):
        run(small(lr=1e39, updates=1))


def test_a_score_that_is_not_finite_is_no_result(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agad.scoring.evaluate.Evaluator.scores", lambda *_: np.full(31, np.nan, np.float32))
    with pytest.raises(NonFiniteLoss, match="a score under eval became non-finite at update 1"):
        run()


@pytest.mark.parametrize(
    ("device", "message"),
    [("cuda", "torch sees no CUDA device"), ("cuda:3", "no CUDA device"), ("tpu", "unknown device 'tpu'")],
)
def test_a_device_that_is_not_there_is_one_line(device: str, message: str):
    with pytest.raises(DeviceError, match=message) as caught:
        run(device=device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [made_up(size=32), dataclasses.replace(made_up(), dataset="npz:other")])
def test_data_of_another_name_or_size_are_refused(data: Prepared):
    with pytest.raises(DataError, match="the spec wants npz:made_up at 16"):
        run(data=data)


def test_a_batch_without_room_is_one_line():
    with pytest.raises(SpecError, match="has no room beside 32 anomalies"):
        run(small(batch_size=256, min_anomalies=32))


def test_checkpoints_that_cannot_be_written_are_an_os_error(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OSError, match="file"):
        run(checkpoint_dir=str(blocked / "folder"), checkpoint_every=0)


@pytest.mark.slow
def test_the_data_are_opened_by_name(tmp_path: Path):
    spec = RunSpec(dataset="digits", normal_class=0, image_size=16, batch_size=8, updates=1)
    values = train(spec, dataclasses.replace(OPTIONS, cache=os.environ["AGAD_CACHE"])).values
    assert values["n_train_normal"] == 143
    assert values["updates_done"] == 1
