"""Picking runs, retry policy and plans."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agad.errors import AgadError, SpecError
from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.spec.datasets import DATASETS
from agad.store.attempts import Try
from agad.store.claims import ClaimBoard, Owner
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from analysis.curves import ROUGH_FROM
from sweeps.grids import grid_names, load_grid
from sweeps.worker import picking
from sweeps.worker.code import settle_code
from sweeps.worker.picking import Picker
from sweeps.worker.retry import RetryPolicy
from tests.helpers.rows import record, spec

SPECS = tuple(spec(seed=seed) for seed in range(3))
PLAN = Plan("demo", (), (), SPECS, "code")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def picker(store: ResultStore, policy: RetryPolicy | None = None, owner: Owner | None = None) -> Picker:
    board = ClaimBoard(store.path, owner or Owner.this_process("me"))
    return Picker(PLAN, ResultStore(store.path), board, policy or RetryPolicy())


def taken(picked: object) -> tuple[int, int]:
    """(seed, generation) of what was picked."""
    assert isinstance(picked, tuple)
    return picked[0].seed, picked[1].generation


def test_runs_are_taken_in_the_order_of_the_plan(store: ResultStore) -> None:
    one, other = picker(store), picker(store)

    assert [taken(p.next()) for p in (one, other, one)] == [(0, 1), (1, 1), (2, 1)]
    assert other.next() is None


def test_done_and_failed_runs_are_not_taken(store: ResultStore) -> None:
    store.commit(record(SPECS[0]))
    store.commit(record(SPECS[1], status="failed"))

    assert taken(picker(store).next()) == (2, 1)


def test_a_pick_reads_few_of_many_new_rows(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose row was not read counts as closed while others are free; at the end all rows are read."""
    monkeypatch.setattr(picking, "_READ_A_PICK", 0)
    mine = picker(store)
    store.commit(record(SPECS[0], status="failed", failure_kind="oom"))

    assert [taken(mine.next()), taken(mine.next())] == [(1, 1), (2, 1)]
    assert taken(mine.next()) == (0, 2), "one failure of that kind is tried again"
    assert mine.next() is None


def test_a_row_that_vanishes_opens_its_run_again(store: ResultStore) -> None:
    mine = picker(store)
    store.commit(record(SPECS[0]))
    assert mine.census().done == (SPECS[0].run_id,)
    (store.inbox / f"{SPECS[0].run_id}.1.parquet").unlink()

    assert mine.census().open == tuple(spec.run_id for spec in SPECS)
    assert taken(mine.next())[0] == 0


def test_where_many_workers_are_about_they_do_not_meet_at_the_first_run(store: ResultStore) -> None:
    """Workers that have listed the same claims try different runs, near the beginning of what is open."""
    plan = dataclasses.replace(PLAN, specs=tuple(spec(seed=seed) for seed in range(60)))

    def named(name: str) -> Picker:
        owner = dataclasses.replace(Owner.this_process("w"), worker=name)
        return Picker(plan, store, ClaimBoard(store.path, owner), RetryPolicy())

    first = named("first")
    for _ in range(20):
        assert first.next() is not None
    seeds = set()
    for number in range(10):
        picked = named(f"w{number}").next()
        assert picked is not None
        seeds.add(picked[0].seed)
        picked[1].withdraw()

    assert len(seeds) > 3
    assert max(seeds) < 40


def test_a_worker_compacts_a_full_inbox_and_clears_the_claims_of_finished_runs(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "_COMPACT_ABOVE", 1)
    mine, other = picker(store), picker(store)
    for _ in range(2):
        picked = mine.next()
        assert picked is not None
        store.commit(record(picked[0]))
        picked[1].release()
    mine.store.tries()
    other.next()
    mine.compact_if_many()

    assert not list(store.inbox.iterdir())
    assert set(mine.board.generations()) == {SPECS[2].run_id}
    assert len(other.store.tries()) == 2
    assert other.next() is None


def test_one_worker_compacts_at_a_time_and_a_failure_is_no_error(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "_COMPACT_ABOVE", 0)
    store.commit(record(SPECS[0]))
    mine = picker(store)
    mine.census()
    held = mine.board.take("0", 1)
    mine.compact_if_many()
    assert list(store.inbox.iterdir()), "another one compacts"

    assert held is not None
    held.release()
    monkeypatch.setattr(ResultStore, "compact", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    mine.compact_if_many()
    monkeypatch.undo()
    monkeypatch.setattr(picking, "_COMPACT_ABOVE", 0)

    late = picker(store, owner=dataclasses.replace(Owner.this_process("gone"), pid_start="1"))
    late.census()
    late.compact_if_many()
    assert store.read().num_rows == 1


def test_pruned_runs_are_continued(store: ResultStore) -> None:
    store.commit(record(SPECS[0], attempt=4, status="pruned"))

    assert taken(picker(store).next()) == (0, 5)


def test_a_dead_workers_run_is_taken_over(store: ResultStore) -> None:
    gone = dataclasses.replace(Owner.this_process("gone"), pid_start="1")
    picker(store, owner=gone).next()

    assert taken(picker(store).next()) == (0, 2)


def test_a_run_that_was_closed_between_listing_and_claim_is_left_alone(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker commits, and clears its claims, after this one has listed the rows."""
    late = picker(store)
    board_take = ClaimBoard.take

    def commit_first(board: ClaimBoard, run_id: str, generation: int) -> object:
        monkeypatch.setattr(ClaimBoard, "take", board_take)
        store.commit(record(SPECS[0]))
        return board_take(board, run_id, generation)

    monkeypatch.setattr(ClaimBoard, "take", commit_first)

    assert taken(late.next()) == (1, 1)
    assert SPECS[0].run_id not in late.board.generations()


def test_generations_rise_above_rows_whose_claims_are_gone(store: ResultStore) -> None:
    store.commit(record(SPECS[0], attempt=3, status="failed", failure_kind="oom"))

    assert taken(picker(store).next()) == (0, 4)


def _die_at(store: ResultStore, times: int) -> None:
    gone = dataclasses.replace(Owner.this_process("gone"), pid_start="1")
    for _ in range(times):
        assert taken(picker(store, owner=gone).next())[0] == 0


def test_three_deaths_without_progress_are_a_failed_row_and_one_more_try(store: ResultStore) -> None:
    _die_at(store, 3)
    mine = picker(store)

    assert taken(mine.next()) == (1, 1), "the run that kills its workers becomes a row"
    (row,) = store.read(["status", "failure_kind", "failure_message", "attempt"]).to_pylist()
    assert (row["status"], row["failure_kind"], row["attempt"]) == ("failed", "died", 4)
    assert "3 workers died" in row["failure_message"]
    assert taken(mine.next()) == (0, 5), "died is tried once more by default"


def test_after_a_second_such_row_it_stays_failed(store: ResultStore) -> None:
    _die_at(store, 3)
    picker(store, owner=dataclasses.replace(Owner.this_process("gone"), pid_start="1")).next()
    _die_at(store, 3)
    last = picker(store)
    last.next()

    assert len(store.tries()[SPECS[0].run_id]) == 2
    assert last.census().failed == (SPECS[0].run_id,)


def test_census(store: ResultStore) -> None:
    store.commit(record(SPECS[0]))
    mine = picker(store)
    mine.next()
    census = mine.census()

    assert (census.done, census.open, census.held) == (
        (SPECS[0].run_id,), (SPECS[1].run_id, SPECS[2].run_id), {SPECS[1].run_id: 1},
    )  # fmt: skip
    assert census.free == 1


def failures(*kinds: str) -> list[Try]:
    return [Try(attempt, "failed", kind) for attempt, kind in enumerate(kinds, start=1)]


@pytest.mark.parametrize(
    ("tries", "state"),
    [
        ([], "open"),
        ([Try(1, "ok", None)], "done"),
        ([*failures("nan"), Try(2, "ok", None)], "done"),
        ([Try(1, "pruned", None)], "open"),
        (failures("nan"), "failed"),
        (failures("error"), "failed"),
        (failures("oom"), "open"),
        (failures("oom", "oom"), "failed"),
        (failures("died"), "open"),
        (failures("oom", "died"), "open"),
        (failures("died", "oom", "died"), "failed"),
    ],
)
def test_retry_policy(tries: list[Try], state: str) -> None:
    assert RetryPolicy().state("run", tries) == state


def test_retry_failed_opens_what_has_failed_by_then_once() -> None:
    pruned = [Try(1, "pruned", None), Try(2, "failed", "nan")]
    policy = RetryPolicy.retrying({"run": failures("nan"), "given up": pruned, "fine": [Try(1, "ok", None)]})

    assert policy.state("run", failures("nan")) == "open"
    assert policy.state("run", failures("nan", "nan")) == "failed"
    assert policy.state("given up", pruned) == "open"
    assert policy.state("fine", [Try(1, "ok", None)]) == "done"


# -- plans ---------------------------------------------------------------------------------------------------------


def test_seeds_come_first() -> None:
    plan, _ = make_plan(load_grid("table2"))
    cells = len(plan.specs) // 3

    assert [spec.seed for spec in plan.specs] == [0] * cells + [1] * cells + [2] * cells
    assert [s.replace(seed=0) for s in plan.specs[cells : 2 * cells]] == list(plan.specs[:cells])


RUNS = {
    "demo": 12, "table1": 150, "table2": 450, "table2_one": 3240, "table3": 114, "table4": 1200, "table5": 2160,
    "table8": 3, "table9": 450, "fig2": 9, "fig3": 8, "fig4": 180, "fig6": 120, "fig6_dense": 120, "leakage": 30,
    "full": 3654, "floor": 300, "floor_labels": 900, "rivals_supervised": 3960, "rivals_semi": 250,
    "adgan_standin": 30, "selfsupervised": 300, "rivals_latent": 180, "density_semi": 190, "density_labels": 3840,
    "changes": 210,
}  # fmt: skip


def run_ids(grid: str) -> set[str]:
    return {spec.run_id for spec in make_plan(load_grid(grid))[0].specs}


@pytest.mark.slow
@pytest.mark.parametrize("grid", grid_names())
def test_number_of_runs(grid: str) -> None:
    plan, collapsed = make_plan(load_grid(grid))

    assert (len(plan.specs), collapsed) == (RUNS[grid], 0)
    assert len(run_ids(grid)) == RUNS[grid]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("table1", "table2", 90),
        ("table4", "table5", 600),
        ("table9", "table1", 150),
        ("table9", "table4", 120),
        ("fig4", "table4", 90),
        ("fig6", "table9", 120),
        ("fig6_dense", "fig6", 0),
        ("fig3", "table3", 8),
        ("fig3", "full", 8),
        ("fig2", "full", 0),
        ("table2_one", "full", 0),
        ("leakage", "full", 0),
    ],
)
def test_tables_share_runs(one: str, other: str, shared: int) -> None:
    assert len(run_ids(one) & run_ids(other)) == shared


def test_the_dense_figure_6_is_figure_6_with_enough_points_to_say_what_is_smooth() -> None:
    dense, plain = load_grid("fig6_dense").cells, load_grid("fig6").cells

    assert [cell.replace(curve=plain[0].curve) for cell in dense] == list(plain)
    assert {len(cell.curve_points) for cell in dense} == {24}
    assert len(plain[0].curve_points) < ROUGH_FROM <= 24


def test_a_change_is_one_field_of_the_leakage_grids_runs() -> None:
    plain = {cell.normal_class: cell for cell in load_grid("leakage").cells}
    differing = []
    for cell in load_grid("changes").cells:
        if cell.protocol == "one_vs_rest":
            ours, before = cell.to_dict(), plain[cell.normal_class].to_dict()
            differing.append({name for name in ours if ours[name] != before[name]} - {"curve_protocols"})
    changed = [set(), {"latent_loss"}, {"init"}, {"discriminator"}, {"batch_size"}, {"updates"}]

    assert differing == changed * 10


def test_figure_2_compares_methods_on_the_same_anomalous_class() -> None:
    cells = load_grid("fig2").cells
    asked = [(s.dataset, s.abnormal_class, s.method, s.backbone, s.gamma) for s in cells]

    assert asked == [
        ("fashion_mnist", 9, "ganomaly", "naive", 0.0),
        ("fashion_mnist", 9, "agad", "unetpp", 0.0),
        ("fashion_mnist", 9, "agad", "unetpp", 0.10),
        ("cifar10", 0, "ganomaly", "naive", 0.0),
        ("cifar10", 0, "agad", "unetpp", 0.0),
        ("cifar10", 0, "agad", "unetpp", 0.10),
        ("cifar100", 19, "ganomaly", "naive", 0.0),
        ("cifar100", 19, "agad", "unetpp", 0.0),
        ("cifar100", 19, "agad", "unetpp", 0.05),
    ]
    assert {s.protocol for s in cells} == {"leave_one_out"}
    names = [DATASETS[s.dataset].class_names[s.target_class] for s in cells[::3]]
    assert names == ["Ankle boot", "airplane", "vehicles 2"]


def test_cifar_100_s_vehicles_do_not_suffice_for_10_percent() -> None:
    with pytest.raises(SpecError, match="asks for 5277 anomalies; class 19 has 2500 training images"):
        make_plan(load_grid("fig2"), select=["dataset=cifar100", "gamma=0.05"], overrides=["gamma=.1"])


def test_figure_3_is_table_3_with_the_context() -> None:
    cells = load_grid("fig3").cells

    assert {(s.adversarial_context, s.backbone, s.image_size) for s in cells} == {("on", "unetpp", 128)}
    assert [s.gamma for s in cells] == [0.0] * 4 + [0.10] * 4


@pytest.mark.slow
def test_every_grid_says_what_it_is() -> None:
    for name in grid_names():
        assert len(load_grid(name).summary) > 20


def test_selection_and_overrides() -> None:
    plan, collapsed = make_plan(
        load_grid("table2"),
        seeds=2,
        select=["dataset=mnist,cifar10", "normal_class=0,1", "gamma=.05"],
        overrides=["updates=100", "backbone=naive"],
    )

    assert len(plan.specs) == 2 * 2 * 2
    assert {(s.updates, s.backbone, s.gamma) for s in plan.specs} == {(100, "naive", 0.05)}
    assert plan.title == "table2 (dataset=mnist,cifar10; normal_class=0,1; gamma=.05; updates=100; backbone=naive)"
    assert collapsed == 0


def test_specs_that_become_equal_collapse_and_are_counted() -> None:
    plan, collapsed = make_plan(load_grid("table2"), overrides=["gamma=0"])

    assert (len(plan.specs), collapsed) == (90, 360)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("select", "overrides", "message"),
    [
        (["dataset=svhn"], [], "matches no run; dataset is one of: cifar10, fashion_mnist, mnist"),
        (["dataset=mnist", "backbone=unetpp"], [], "matches no run; backbone is one of: naive"),
        (["class=1"], [], "unknown field 'class'"),
        ([], ["updates"], "is not FIELD=VALUE"),
        ([], ["updates=many"], "updates='many' is not legal"),
        ([], ["gamma=1"], "outside"),
        ([], ["normal_class=12"], "does not exist"),
        ([], ["gamma=0.99"], "anomalies"),
    ],
)
def test_what_makes_no_plan(select: list[str], overrides: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_plan(load_grid("table2"), select=select, overrides=overrides)


def test_a_plan_file_is_read_back(tmp_path: Path) -> None:
    path = PLAN.save(tmp_path)

    assert path.name == f"demo-{PLAN.digest}.json"
    assert Plan.load(path) == PLAN
    before = path.read_bytes()
    dataclasses.replace(PLAN, code="other").save(tmp_path)
    assert path.read_bytes() == before, "a plan file is immutable"


def test_a_plan_that_no_run_has_begun_takes_todays_code(store: ResultStore) -> None:
    path = PLAN.save(store.path)
    settle_code(picker(store), allow_change=False)

    assert Plan.load(path).code == code_digest()


@pytest.mark.parametrize("begun", ["row", "claim"])
def test_a_plan_that_a_run_has_begun_is_refused_under_other_code(begun: str, store: ResultStore) -> None:
    path = PLAN.save(store.path)
    if begun == "row":
        store.commit(record(SPECS[0]))
    else:
        picker(store).next()

    with pytest.raises(AgadError, match=r"agad/ has changed since .* go on with --allow-code-change") as caught:
        settle_code(picker(store), allow_change=False)
    assert "\n" not in str(caught.value)
    settle_code(picker(store), allow_change=True)
    assert Plan.load(path).code == "code"


def test_a_new_plan_whose_runs_have_rows_of_other_code_is_refused(store: ResultStore) -> None:
    """By another --select, rows of the code of now joined those of another under one mean."""
    other = record(SPECS[0])
    store.commit(dataclasses.replace(other, values={**other.values, "code_digest": "0123"}))
    dataclasses.replace(PLAN, code=code_digest()).save(store.path)
    with pytest.raises(AgadError, match=r"some of its rows were made \(code 0123, now .* --allow-code-change"):
        settle_code(picker(store), allow_change=False)
    settle_code(picker(store), allow_change=True)


def test_rows_that_name_no_code_are_said_before_others_join_them(store: ResultStore) -> None:
    """A launch went on with them without a word: no digest was there that could differ."""
    dataclasses.replace(PLAN, code=code_digest()).save(store.path)
    store.commit(dataclasses.replace(record(SPECS[0]), status="failed", values={"failure_kind": "nan"}))
    assert settle_code(picker(store), allow_change=False) == []
    for number, one in enumerate(SPECS[1:3], start=1):
        store.commit(record(one))
        begin = (
            "note: 1 run names no code: its process" if number == 1 else "note: 2 runs name no code: their processes"
        )
        (line,) = settle_code(picker(store), allow_change=False)
        assert line.startswith(begin)
    of_store = picker(store)
    assert of_store.nameless(of_store.census().done) == 2


def test_a_claim_whose_run_could_not_be_looked_at_is_given_back(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left behind, it would count as a worker that died on the run."""
    mine = picker(store)

    def broken(_: str) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(mine, "_newest", broken)
        with pytest.raises(OSError, match="Input/output error"):
            mine.next()
    assert not mine.board.generations()
    assert taken(mine.next()) == (0, 1)
