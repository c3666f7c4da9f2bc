"""The end of a launch: rows compacted, left-over files removed, the table printed, and what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

from agad import console, files
from agad.errors import AgadError
from agad.spec.catalogue import methods
from agad.store.folder import ResultsFolder

from ..executors.sweep import Outcome, Sweep
from ..machine import program
from ..progress.watch import describe
from ..worker.picking import Census, Picker
from .arguments import say

_FAILURES_SHOWN = 5


def conclude(sweep: Sweep, path: Path, outcome: Outcome) -> bool:
    """Compact, clear what closed runs left, print the table and what is missing; whether nothing is."""
    picker = sweep.picker()
    census = picker.census()
    try:
        picker.store.compact()
        picker.board.clear(census.done)
        _drop_checkpoints(sweep.results, census)
    except OSError as error:  # rows and claims may as well stay where they are
        say(f"{program.title('launch')}: rows were not compacted: {files.error_line(error)}")
    for damaged in picker.store.set_aside:
        say(f"Set aside, no row: {damaged.path} ({damaged.reason})")
    for torn in sorted(picker.board.torn):
        say(f"Passed over, no claim: {torn}")
    lacking = ""
    if census.done and sweep.plan.study is None:  # a study's runs are no table
        lacking = _print_table(sweep, path)
    if sweep.worker.keep_weights:
        _print_without_weights(sweep.results, picker, set(census.done))
    if outcome.error is not None:
        say(f"{program.title('launch')}: error: {outcome.error}")
    if lacking:  # one error a launch
        say(f"{program.title('launch')}: {'error: ' if outcome.error is None else ''}no table: {lacking}")
    if census.failed:
        _print_failures(picker, set(census.failed))
    runs = len(census.done) + len(census.failed) + len(census.open) + len(census.pruned)
    if census.pruned:
        say(f"{len(census.pruned)} runs were pruned; without --scheduler the same command finishes them.")
    if census.open:
        say(f"{len(census.done)} of {runs} runs are done, {len(census.open)} are to do. Go on with:")
        say(f"  {console.shell_line([*program.command('launch'), *sys.argv[1:]])}")
    return not lacking and len(census.done) + len(census.pruned) == runs


def _drop_checkpoints(results: Path, census: Census) -> None:
    """Unlink what killed workers have left: checkpoints of finished runs, half-written files."""
    folder = ResultsFolder(results).checkpoints
    done = set(census.done)
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.partition(".")[0] in done or (files.is_temporary(path.name) and not census.open):
            path.unlink(missing_ok=True)


def _print_failures(picker: Picker, failed: set[str]) -> None:
    """Name the failed runs, a few of them with their message and log."""
    columns = ["run_id", "failure_kind", "failure_message", "log"]
    rows = picker.store.read_counting(columns, run_ids=failed).to_pylist()
    say(f"{len(failed)} runs failed; the table counts them, --retry-failed gives them another attempt:")
    for row in rows[:_FAILURES_SHOWN]:
        message = " ".join((row["failure_message"] or "").split())[:160]
        log = f" (log: {row['log']})" if row["log"] else ""
        say(f"  {describe(picker.specs[row['run_id']])}: {row['failure_kind']}: {message}{log}")
    if len(rows) > _FAILURES_SHOWN:
        say(f"  and {len(rows) - _FAILURES_SHOWN} more; status.py counts them by kind.")


def _print_without_weights(results: Path, picker: Picker, done: set[str]) -> None:
    """Say how many finished runs have no weights here although their method has some and they were asked for."""
    folder = ResultsFolder(results).weights
    kept = set(files.names(folder))
    rows = picker.store.read_counting(["run_id", "weights"], run_ids=done).to_pylist()
    count = sum(methods()[picker.specs[row["run_id"]].method].gradient for row in rows if row["weights"] not in kept)
    if count:
        runs = "1 finished run has" if count == 1 else f"{count} finished runs have"
        say(
            f"{runs} no weights in {folder}, as of a launch without --keep-weights; another --results folder makes them"
        )


def _print_table(sweep: Sweep, path: Path) -> str:
    """Print the table and save it; one line that says why that cannot be done, or nothing."""
    tables = program.analysis("tables.table")
    target = ResultsFolder(sweep.results).table(sweep.plan.name)
    try:
        markdown = tables.plan_table(sweep.results, path).to_markdown()
        print(markdown)
        ResultsFolder(sweep.results).make(target.parent)
        files.replace_text(target, markdown + "\n")
    except (AgadError, OSError) as error:
        return files.error_line(error) if isinstance(error, OSError) else " ".join(str(error).split())
    say(f"The table is in {target}")
    return ""
