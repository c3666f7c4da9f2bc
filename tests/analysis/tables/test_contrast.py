"""What one choice changes, protocol by protocol."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.figures.forest import choice_forest
from analysis.tables import contrast, formats
from tests.helpers.analysis_rows import commit_all, nearly, ok_row, specs


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_by_hand(tmp_path, seeds):
    """Three classes; with the context eval falls by 1, 2 and 3 points, shuffled rises by 4 in each.

    Of one seed the interval is over classes, none where they gain the same; of two, which gain nearly the same, it is
    over seeds.
    """
    store = ResultStore(tmp_path)
    for context in ("on", "off"):
        for spec in specs((0, 1, 2), seeds=range(seeds), adversarial_context=context):
            on = context == "on"
            lost = 0.01 * (spec.normal_class + 1) if on else 0.0
            shuffled = (nearly(0.74)(spec) if on else 0.70) + 0.1 * spec.seed
            store.commit(
                ok_row(
                    spec,
                    (nearly(0.9)(spec) if on else 0.9) - lost,
                    auroc_eval_recal=None,
                    auroc_batch_shuffled=shuffled,
                )
            )
    sheet = contrast.contrast_table(read_all(tmp_path))
    (line,) = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)
    half = 4.3027 * 1 / 3**0.5 if seeds == 1 else 0.0  # t(2) at 95%, SD 1 point

    assert line["choice"] == "context on over off"
    assert (line["classes"], line["95% over"]) == ("3", "classes" if seeds == 1 else "seeds")
    assert line["eval"] == f"\N{MINUS SIGN}2.0 ({formats.interval((-2 - half) / 100, (half - 2) / 100)})"
    assert line["shuffled"] == ("+4.0" if seeds == 1 else "+4.0 (+4.0 … +4.0)")
    assert sheet.data["eval"].item() == pytest.approx(-0.02)


def risen_with_context(spec):
    return 0.8 + 0.001 * (spec.normal_class + 1) * (spec.adversarial_context == "on")


@pytest.mark.slow
def test_a_mark_is_holms_wilcoxon_over_the_lines_of_one_choice(tmp_path):
    """Ten classes up have p = 2 / 2^10, the smaller of two, so twice that; six have 2 / 2^6."""
    store = ResultStore(tmp_path)
    for gamma, classes in ((0.0, range(10)), (0.05, range(6))):
        for context in ("on", "off"):
            runs = specs(classes, seeds=(0,), adversarial_context=context, gamma=gamma)
            commit_all(store, runs, risen_with_context)
    data = contrast.contrast_table(read_all(tmp_path)).data

    assert data["eval_p_holm"].round(3).tolist() == [0.004, 0.031]


@pytest.mark.slow
def test_a_family_has_its_planned_pairs_also_without_runs(tmp_path):
    """So that no mark goes again as a sweep goes on; pairs that will never meet are none."""
    wanted = {dataset: [] for dataset in ("mnist", "fashion_mnist")}
    for dataset, context in itertools.product(wanted, ("on", "off")):
        wanted[dataset] += specs(range(6), seeds=(0,), adversarial_context=context, dataset=dataset)
    apart = [*specs((0,), (0,), gamma=0.2), *specs((1,), (0,), adversarial_context="off", gamma=0.2)]
    Plan("mine", (), (), (*wanted["mnist"], *wanted["fashion_mnist"], *apart), "code").save(tmp_path)
    first = []
    for runs in wanted.values():
        commit_all(ResultStore(tmp_path), runs, risen_with_context)
        first.append(contrast.contrast_table(read_all(tmp_path)).data["eval_p_holm"].iloc[0])

    assert first == pytest.approx([2 * 2 / 2**6] * 2)


@pytest.mark.slow
def test_lines_that_would_print_alike_say_what_tells_them_apart(tmp_path):
    """The same choice with two backbones on one data set; alone it says no more than the choice."""
    store = ResultStore(tmp_path)
    for context in ("on", "off"):
        for backbone in ("naive", "unet"):
            commit_all(store, specs(seeds=(0,), adversarial_context=context, backbone=backbone), lambda spec: 0.9)
        commit_all(store, specs(seeds=(0,), dataset="digits", adversarial_context=context), lambda spec: 0.9)
    data = contrast.contrast_table(read_all(tmp_path)).data

    assert sorted(data.loc[data["field"] == "adversarial_context", "contrast"]) == [
        "context on over off",
        "context on over off, backbone naive",
        "context on over off, backbone unet",
    ]


def test_only_classes_that_both_have_are_paired(tmp_path):
    on, off = specs((0, 1, 2), seeds=(0,)), specs((1, 2, 3), seeds=(0,), adversarial_context="off")
    commit_all(ResultStore(tmp_path), [*on, *off], lambda spec: 0.8 + 0.01 * (spec.adversarial_context == "on"))
    sheet = contrast.contrast_table(read_all(tmp_path))

    assert sheet.data["classes"].tolist() == [2]
    assert sheet.data["eval"].item() == pytest.approx(0.01)


def test_rows_that_differ_in_two_choices_are_not_compared(tmp_path):
    one, other = specs((0,), seeds=(0,)), specs((0,), seeds=(0,), adversarial_context="off", backbone="unet")
    commit_all(ResultStore(tmp_path), [*one, *other], lambda spec: 0.8)

    assert contrast.contrast_table(read_all(tmp_path)) is None


def test_each_variant_of_a_field_stands_beside_the_default(tmp_path):
    rows = [spec for updates in (1200, 600, 300) for spec in specs((0, 1), seeds=(0,), updates=updates)]
    commit_all(ResultStore(tmp_path), rows, lambda spec: spec.updates / 2000)
    found = contrast.contrast_table(read_all(tmp_path)).data

    assert found[["contrast", "eval"]].to_dict("list") == {
        "contrast": ["updates 300 over 1200", "updates 600 over 1200"],
        "eval": pytest.approx([-0.45, -0.3]),
    }
    assert isinstance(found, pd.DataFrame)


def test_a_changed_default_is_compared_with_the_former_one(tmp_path):
    rows = [spec for update in ("all", "real_only") for spec in specs((0, 1), seeds=(0,), bn_update=update)]
    commit_all(ResultStore(tmp_path), rows, lambda spec: 0.7 + 0.1 * (spec.bn_update == "real_only"))
    found = contrast.contrast_table(read_all(tmp_path)).data

    assert found["contrast"].tolist() == ["bn_update real_only over all"]
    assert found["eval"].item() == pytest.approx(0.1)


def test_methods_are_compared_whatever_the_fields_are_that_one_does_not_use(tmp_path):
    """GANomaly's rows hold the former `bn_update`, which it does not use: neither a column nor a difference."""
    rows = [spec for method in ("agad", "ganomaly") for spec in specs((0, 1), seeds=(0,), method=method)]
    commit_all(ResultStore(tmp_path), rows, lambda spec: 0.7 + 0.1 * (spec.method == "agad"))
    cells = read_all(tmp_path)

    assert cells.fields == ("dataset", "gamma", "method")
    assert contrast.contrast_table(cells).data["contrast"].tolist() == ["method ganomaly over agad"]


def test_each_of_several_baselines_is_named(tmp_path):
    """GANomaly knows no weight of the losses: it stands beside AGAD with each, and the line says which."""
    rows = [spec for weight in (5.0, 50.0) for spec in specs((0, 1), seeds=(0,), lambda_con=weight)]
    rows += specs((0, 1), seeds=(0,), method="ganomaly")
    of_weight = {5.0: 0.5, 50.0: 0.9}
    commit_all(ResultStore(tmp_path), rows, lambda spec: of_weight[spec.lambda_con] - 0.1 * (spec.method != "agad"))
    data = contrast.contrast_table(read_all(tmp_path)).data
    found = data[data["field"] == "method"].set_index("contrast")["eval"].to_dict()

    assert found == pytest.approx(
        {"method ganomaly over agad": -0.1, "method ganomaly over agad with lambda_con 5.0": 0.3}
    )


@pytest.mark.slow
def test_batches_of_another_size_are_a_difference_of_their_own(tmp_path):
    """AUROCs in batches depend on it: it is told in the table, and no other choice gets what it gains."""
    rows = [*specs((0, 1), seeds=(0,)), *specs((0, 1), seeds=(0,), lambda_con=5.0, eval_batch_size=16)]
    store = ResultStore(tmp_path)
    for spec in rows:
        store.commit(ok_row(spec, 0.5, auroc_batch_normals_first=0.9 if spec.eval_batch_size == 16 else 0.5))
    cells = read_all(tmp_path)

    assert "eval_batch_size" in cells.fields
    assert contrast.contrast_table(cells) is None


def scored_twice(store, eval_of_two):
    """Two classes scored in batches of 256 and of 16, which has nothing to do with eval."""
    for spec in specs((0, 1), seeds=(0,)):
        store.commit(ok_row(spec, 0.5, auroc_eval_recal=None, auroc_batch_shuffled=0.5))
        batches = {"auroc_batch_shuffled": 0.6 + 0.1 * spec.normal_class, "code_digest": "e" * 64}
        eval_ = eval_of_two[spec.normal_class]
        store.commit(ok_row(spec.replace(eval_batch_size=16), eval_, auroc_eval_recal=None, **batches))


@pytest.mark.slow
def test_another_batch_size_is_credited_with_nothing_that_it_cannot_change(tmp_path):
    """Of class 1 eval differs by 20 points: those are other weights, and the pair is left out under every protocol."""
    scored_twice(ResultStore(tmp_path), (0.5, 0.3))
    cells = read_all(tmp_path)
    sheet = contrast.contrast_table(cells)
    (line,) = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)

    assert (line["eval"], line["shuffled"], line["classes"]) == ("0.0", "+10.0", "1")
    assert "eval_batch_size: 1 pairs of runs are left out." in " ".join(sheet.notes)
    assert "shuffled: MNIST, .00: eval_batch_size 16 over 256 +10.0" in choice_forest(cells).alt


@pytest.mark.slow
def test_where_all_weights_are_others_nothing_is_left(tmp_path):
    scored_twice(ResultStore(tmp_path), (0.7, 0.3))
    cells = read_all(tmp_path)
    assert contrast.contrast_table(cells) is None
    assert choice_forest(cells) is None


def test_pairs_made_with_other_code_are_marked(tmp_path):
    store = ResultStore(tmp_path)
    for context, code in (("on", "c"), ("off", "e")):
        commit_all(store, specs((0, 1), seeds=(0,), adversarial_context=context), nearly(0.8), {"code_digest": code})
    sheet = contrast.contrast_table(read_all(tmp_path))
    (line,) = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)

    assert line["made with other"] == sheet.data["made_with_other"].item() == "code"


def test_another_task_is_no_choice(tmp_path):
    """Class k is the normal one in the first, the anomalous one in the second."""
    commit_all(ResultStore(tmp_path), specs((0, 1), seeds=(0,)), nearly(0.8))
    others = [RunSpec(dataset="mnist", backbone="naive", protocol="leave_one_out", abnormal_class=c) for c in (0, 1)]
    commit_all(ResultStore(tmp_path), others, nearly(0.6))
    assert contrast.contrast_table(read_all(tmp_path)) is None


def gained_by_class(spec):
    return 0.8 + 0.02 * (1 + spec.normal_class) * (spec.adversarial_context == "on")


def test_pairs_with_one_known_class_are_as_many_as_the_classes(tmp_path):
    """Two normal classes gain 2 and 4 points, whatever is known: an interval over two classes, not over six pairs."""
    for context in ("on", "off"):
        runs = [
            run.replace(known_anomaly_classes=(known,))
            for known in (5, 6, 7)
            for run in specs((0, 1), seeds=(0,), gamma=0.05, adversarial_context=context)
        ]
        commit_all(
            ResultStore(tmp_path),
            runs,
            lambda one: 0.8 + 0.02 * (1 + one.normal_class) * (one.adversarial_context == "on"),
        )
    sheet = contrast.contrast_table(read_all(tmp_path))
    (line,) = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)

    half = 12.7062 * 0.01  # t(1) at 95%; two classes two points apart
    assert line["classes"] == "2"
    assert line["eval"] == f"+3.0 ({formats.interval(0.03 - half, 0.03 + half)})"


@pytest.mark.slow
def test_in_the_middle_of_a_further_seed_there_is_no_interval(tmp_path):
    """Three whole seeds, of a fourth one class: the classes are not asked instead."""
    for context in ("on", "off"):
        runs = [*specs(range(10), range(3), adversarial_context=context, seed_scope="all_classes")]
        runs += specs((0,), (3,), adversarial_context=context, seed_scope="all_classes")
        gain = {"on": 0.01, "off": 0.0}[context]
        commit_all(
            ResultStore(tmp_path), runs, lambda one, gain=gain: 0.8 + gain * (one.seed + 1 + one.normal_class / 99)
        )
    sheet = contrast.contrast_table(read_all(tmp_path))
    (line,) = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)
    assert line["95% over"] == "seeds"
    assert "(" not in line["eval"]
