"""The paper's numbers: transcribed rightly, and matched with the right cells of ours."""

from __future__ import annotations

import statistics

import pytest

from agad.spec.run import RunSpec
from analysis.paper import numbers as paper
from analysis.paper.match import Match, find_match

ROWS_WITH_CLASSES = [row for row in paper.rows() if row.classes and row.table != "table2"]


def row_id(row: paper.PaperRow) -> str:
    return f"{row.table}-{row.dataset}-{row.fields.get('backbone') if row.table == 'table9' else row.method}"


def key(row: paper.PaperRow) -> tuple[str, str, str]:
    return (row.table, row.dataset, row.fields["backbone"] if row.table == "table9" else row.method)


@pytest.mark.parametrize("row", ROWS_WITH_CLASSES, ids=row_id)
def test_printed_average_and_sd_follow_from_the_printed_classes_or_are_listed_as_misprints(row):
    """.1: the cells' rounding and the average's. SDs: AGAD's and ADGAN's have ddof 0, the other borrowed ones 1."""
    average_follows = abs(statistics.mean(row.classes) - row.avg) <= 0.1
    assert average_follows == (key(row) not in paper.MISPRINTED_AVERAGES)

    last_digit = 0.05 if row.sd in (21.6, 11.5) else 0.005
    deviations = {0: statistics.pstdev(row.classes), 1: statistics.stdev(row.classes)}
    follows = {ddof: abs(sd - row.sd) <= last_digit + 0.01 for ddof, sd in deviations.items()}
    if key(row) in paper.MISPRINTED_SDS:
        assert not any(follows.values())
    else:
        assert follows[0 if row.origin != paper.BORROWED or row.method == "ADGAN" else 1]


def test_every_row_has_as_many_classes_as_its_data_set():
    assert {len(row.classes) for row in ROWS_WITH_CLASSES if row.dataset == "cifar100"} == {20}
    assert {len(row.classes) for row in ROWS_WITH_CLASSES if row.dataset != "cifar100"} == {10}


def test_counts_of_rows_are_those_of_the_printed_tables():
    counts = {table: len(paper.rows(table)) for table in ("table1", "table2", "table3", "table4", "table5", "table9")}
    assert counts == {"table1": 21, "table2": 105, "table3": 40, "table4": 30, "table5": 60, "table9": 12}
    assert [network.parameters_millions for network in paper.NETWORKS] == [2.04, 7.76, 9.04]


def test_tables_agree_with_each_other_where_they_print_the_same_run():
    for dataset in ("mnist", "fashion_mnist", "cifar10"):
        assert paper.paper_row("table1", dataset).avg == paper.paper_row("table2", dataset).avg
    for row in paper.rows("table5"):
        if row.fields["batch_norm"] == "shared":  # its last row is Table 4's `w/`, digit for digit
            same = paper.paper_row("table4", row.dataset, row.gamma, adversarial_context="on")
            assert (same.avg, same.sd) == (row.avg, row.sd)
    main = {"mnist": "naive"}
    for dataset in ("mnist", "fashion_mnist", "cifar10", "cifar100"):
        ours = paper.paper_row("table1", dataset)
        again = paper.paper_row("table9", dataset, backbone=main.get(dataset, "unetpp"))
        assert (ours.classes, ours.avg, ours.sd) == (again.classes, again.avg, again.sd)
    # The one contradiction: the U-Net on CIFAR-10 is printed as 92.5±7.81 and as 92.6±7.76.
    assert paper.paper_row("table9", "cifar10", backbone="unet").avg == 92.5
    assert paper.paper_row("table4", "cifar10", adversarial_context="on").avg == 92.6


@pytest.mark.parametrize(
    ("arguments", "fields", "column", "value"),
    [
        (("table1", "mnist"), {}, 8, 95.8),
        (("table1", "cifar100", 0.0, "DAGMM"), {}, 19, 50.3),
        (("table1", "cifar10", 0.0, "ADGAN"), {}, "sd", 5.25),
        (("table2", "cifar10", 0.01, "Deep SAD"), {}, "avg", 72.6),
        (("table2", "mnist", 0.01, "TLSAD"), {}, "sd", None),
        (("table2", "mnist", 0.0, "SS-DGM"), {}, "avg", None),
        (("table2", "mnist", 0.2), {}, "classes", ()),
        (("table3", "retinal_oct", 0.05), {"adversarial_context": "off"}, "avg", 72.3),
        (("table3", "chest_xray", 0.01), {"adversarial_context": "on"}, "avg", None),
        (("table5", "cifar100", 0.03), {"batch_norm": "advprop_freeze"}, "sd", 11.3),
        (("table5", "cifar10", 0.0), {"batch_norm": "freeze"}, "avg", None),
        (("table9", "fashion_mnist", 0.0), {"backbone": "unet"}, 6, 93.2),
        (("table1", "digits"), {}, "avg", None),
    ],
)
def test_single_numbers_as_printed(arguments, fields, column, value):
    row = paper.paper_row(*arguments, **fields)
    if isinstance(column, int):
        assert row.classes[column] == value
    else:
        assert (row and getattr(row, column)) == value


def test_an_ambiguous_question_is_an_error():
    with pytest.raises(ValueError, match="3 rows"):
        paper.paper_row("table9", "mnist")


def test_rows_carry_where_their_number_comes_from():
    assert {row.method for row in paper.rows("table2") if row.origin != paper.BORROWED} == {paper.OURS}
    assert {row.method for row in paper.rows("table1") if row.origin == paper.RERUN} == {"ADGAN"}


def found(spec: RunSpec, *tables: str) -> Match | None:
    return find_match(spec.to_dict(), tables)


def test_a_cell_finds_its_row_whatever_its_class_seed_and_curve():
    spec = RunSpec(dataset="cifar10", normal_class=3, seed=2, backbone="unetpp", gamma=0.05, curve=(7,))
    match = found(spec, "table2")
    assert (match.row.avg, match.row.sd, match.differences) == (99.8, 0.25, ())


@pytest.mark.parametrize(("precision", "differences"), [("tf32", ()), ("bf16", ("precision=bf16",))])
def test_tf32_is_what_the_paper_s_own_pytorch_did(precision: str, differences: tuple[str, ...]) -> None:
    spec = RunSpec(dataset="cifar10", normal_class=3, backbone="unetpp", gamma=0.05, precision=precision)
    match = found(spec, "table2")
    assert match is not None
    assert match.differences == differences


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": "unet"},
        {"gamma": 0.03},
        {"batch_norm": "advprop"},
        {"adversarial_context": "off"},
        {"lambda_adcon": 10.0},
        {"batch_size": 128},
        {"known_anomaly_classes": (1,)},
        {"image_size": 64},
        {"lr": 1e-4},
    ],
    ids=str,
)
def test_a_cell_that_leaves_what_the_paper_states_is_not_the_papers(change):
    spec = RunSpec(dataset="cifar10", normal_class=3, backbone="unetpp", gamma=0.05)
    assert found(spec, "table2") is not None
    assert found(spec.replace(**change), "table2") is None


def test_leave_one_out_is_not_the_papers():
    spec = RunSpec(dataset="mnist", protocol="leave_one_out", abnormal_class=3, backbone="naive")
    assert found(spec, "table1", "table2", "table9") is None


def test_a_cell_that_leaves_what_the_paper_is_silent_on_says_so():
    spec = RunSpec(dataset="mnist", normal_class=3, backbone="naive", updates=200, init="torch")
    assert sorted(found(spec, "table1").differences) == ["init=torch", "updates=200"]


def test_table_3_is_matched_at_a_batch_that_fits():
    row = next(row for row in paper.rows("table3") if row.dataset == "alzheimer")
    values = RunSpec(normal_class=0, image_size=128, backbone="unetpp", batch_size=64).to_dict()
    values["dataset"] = "alzheimer"
    assert find_match(values, ("table3",)).row == row
    assert find_match({**values, "batch_size": 32}, ("table3",)) is None


def test_the_mean_over_some_classes_is_that_of_the_printed_cells():
    row = paper.paper_row("table1", "mnist")
    assert row.mean_of((8, 9)) == pytest.approx((95.8 + 99.2) / 2)
    assert row.mean_of(tuple(range(10))) == 99.1  # as printed, though its cells say 98.87
    assert row.sd_of((8, 9)) is None
    assert paper.paper_row("table2", "mnist", 0.05).mean_of((8, 9)) is None
