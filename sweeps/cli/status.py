"""Status of a sweep: which runs are done, running, failed and missing, from its files alone.

    python sweeps/status.py --results results --grid table2

Takes the same --grid, --seeds, --select and --set (or --plan) as the launch. Exit status: 0 complete, 1 not, 2 a usage
error.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping

from agad import console
from agad.errors import StoreError
from agad.plan.plan import axes
from agad.plan.study import read_study
from agad.spec.datasets import title
from agad.spec.fields import CELL_FIELDS, LEADING_FIELDS
from agad.spec.run import RunSpec
from agad.store import repeats
from agad.store.attempts import Try
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import StudyFolder
from agad.store.rows import ResultStore

from ..executors.slurm.queue import slurm_lines
from ..machine import program
from ..progress.cost import measured_seconds, seconds_left
from ..progress.watch import Running, Watch, describe, duration
from ..worker.data.changed import notes_of_different, versions_of_rows
from ..worker.picking import Census, Picker
from ..worker.retry import RetryPolicy
from .arguments import (
    Parser,
    add_plan_arguments,
    add_results_argument,
    launched_plan,
    plan_arguments,
)


def build_parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = Parser(program.title("status"), __doc__)
    add_plan_arguments(parser)
    add_results_argument(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    console.replace_unprintable()
    options = build_parser().parse_args(arguments)
    return console.run(lambda: _main(options), program.title("status"), about=options.results)


def _main(options: argparse.Namespace) -> int:
    plan = launched_plan(options)
    store = ResultStore(options.results)
    picker = Picker(plan, store, ClaimBoard(options.results, Owner.this_process("status")), RetryPolicy())
    snapshot = Watch(picker).read()
    tries = store.tries()
    damaged, unchecked = store.damaged, store.unchecked
    different = notes_of_different(versions_of_rows(picker.specs, store))
    for line in _report(picker, snapshot.census, snapshot.running, tries):
        print(line)
    for line in slurm_lines(store.folder.jobs(plan.name)):
        print(f"  slurm: {line}")
    for one in damaged:
        print(f"  skipped {one.path}: {one.reason}")
    is_growing = picker.is_growing()
    if picker.feed is not None:
        for line in _lacking(picker, picker.feed.folder):
            print(f"  {line}")
    for torn in sorted(picker.board.torn | (picker.feed.torn if picker.feed else set())):
        print(f"  skipped {torn}: no claim")
    for line in different:
        print(f"  {line}")
    if store.differing:
        print(f"  {repeats.sentence(store.differing)}")
    if unchecked:
        print(f"  {len(unchecked)} files of rows have no checksums (of an older agad); the next launch adds them")
    if is_growing:
        print("  its coordinator is running and may add runs")
    elif len(snapshot.census.done) == len(picker.specs):
        return 0
    again = [] if snapshot.census.open else ["--retry-failed"]
    launch = [*program.command("launch"), "--results", str(options.results)]
    print(f"Go on with: {console.shell_line([*launch, *plan_arguments(options), *again])}")
    return 1


def _report(
    picker: Picker, census: Census, running: Iterable[Running], tries: Mapping[str, tuple[Try, ...]]
) -> Iterable[str]:
    running = tuple(running)
    yield f"{picker.plan.title}: {len(picker.specs)} runs"
    if picker.plan.study is None:
        yield from coverage(picker.specs.values(), set(census.done))
    yield (
        f"{len(census.done)} done, {len(census.failed)} failed, {len(running)} running, {census.free} to do"
        f"{_time_left(picker, census, len(running))}"
    )
    for one in sorted(running, key=lambda each: each.record.owner.worker):
        owner = one.record.owner
        yield f"  running: {describe(one.spec)}, update {one.record.update}/{one.spec.updates} by {owner.worker}"
    pruned = sum(any(one.status == "pruned" for one in tries.get(run_id, ())) for run_id in census.open)
    if pruned:
        yield f"  pruned, among those to do: {pruned}"
    kinds = Counter(_last_failure(tries[run_id]) for run_id in census.failed)
    for kind, count in sorted(kinds.items()):
        yield f"  failed ({kind}): {count}"


def coverage(specs: Iterable[RunSpec], done: set[str]) -> Iterable[str]:
    """A line per row of the table: for each class, how many of its seeds are done."""
    specs = list(specs)
    differing = [name for name in axes(specs) if name not in (*CELL_FIELDS, *LEADING_FIELDS)]
    rows: dict[tuple[str, ...], dict[int, list[bool]]] = {}
    for spec in specs:
        key = (title(spec.dataset), f"γ {spec.gamma:g}", *(str(getattr(spec, name)) for name in differing))
        rows.setdefault(key, {}).setdefault(spec.target_class, []).append(spec.run_id in done)
    for key, classes in rows.items():
        cells = " ".join(f"{index}:{sum(found)}/{len(found)}" for index, found in sorted(classes.items()))
        yield f"  {'  '.join(key)}   {cells}"


def _lacking(picker: Picker, folder: StudyFolder) -> Iterable[str]:
    """That the study's folder lacks runs which its own summary names; nothing where that cannot be read."""
    try:
        named = {run_id for trial in read_study(folder).trials for run_id in trial.runs}
    except StoreError:
        return
    if missing := named - picker.specs.keys():
        yield f"{folder.trials} lacks {len(missing)} runs of trials that the summary names; tune.py adds them again"


def _last_failure(tries: tuple[Try, ...]) -> str:
    return max((one for one in tries if one.status == "failed"), key=lambda one: one.attempt).failure_kind or "error"


def _time_left(picker: Picker, census: Census, workers: int) -> str:
    by_id = picker.specs
    measured = measured_seconds(picker.store, [by_id[run_id] for run_id in census.done])
    seconds = seconds_left([by_id[run_id] for run_id in census.open], measured)
    if not census.open or seconds is None:
        return ""
    pace = f"{duration(seconds / workers)} with {workers} workers" if workers else f"{duration(seconds)} of one worker"
    return f", about {pace} left"
