"""What a large sweep does to a shared file system: file operations and time of each run, of workers that do nothing.

    python -m benchmarks.scale --runs 50000 --workers 1000

Half of the plan has rows already. Then that many workers are about at once: one after another ends its run (row,
claim back, compaction where it is due) and picks the next. A few processes' worth of state stands for all of them.
"""

from __future__ import annotations

import argparse
import builtins
import io
import os
import statistics
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from agad import files
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store import row_file
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.worker.picking import Picker
from sweeps.worker.retry import RetryPolicy

KINDS = ("open", "link", "rename", "unlink", "stat", "fsync", "list", "name")
_PICKERS = 20
_ROWS_A_FILE = 1000


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--picks", type=int, default=2000, help="runs that are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(Path(folder), options.runs, options.workers, options.picks)
    print("| runs | workers | " + " | ".join(KINDS) + " | first | later | inbox, claims, base |")
    print("|--:" * (len(KINDS) + 5) + "|")
    counts = " | ".join(f"{found.operations[kind] / options.picks:.1f}" for kind in KINDS)
    times = f"{found.first:.2f} s | {statistics.median(found.later) * 1e3:.1f} ms"
    most = ", ".join(str(found.most[name]) for name in ("inbox", "claims", "base"))
    print(f"| {options.runs} | {options.workers} | {counts} | {times} | {most} |")


class Found:
    """What was counted: operations of all picks, seconds of the first and of the later picks, files in a folder."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.first = 0.0
        self.later: list[float] = []
        self.most: Counter[str] = Counter()


def simulate(results: Path, runs: int, workers: int, picks: int) -> Found:
    """Make `picks` runs of a plan of which half is done, with `workers` runs under way at any time."""
    plan = Plan("scale", (), (), tuple(_specs(runs)))
    _write_done(results, plan.specs[: runs // 2])
    found, pickers = Found(), [_picker(results, plan, number) for number in range(min(_PICKERS, workers))]
    busy: deque[tuple[Picker, Any]] = deque()
    started = time.perf_counter()
    for number in range(workers):
        busy.append(_picked(pickers[number % len(pickers)]))
        if number == 0:
            found.first = time.perf_counter() - started
    with counted(found.operations):
        for _ in range(picks):
            picker, (spec, claim) = busy.popleft()
            picker.store.add(RunRecord(spec=spec, attempt=claim.generation, status="ok", values={"auroc": 0.5}))
            claim.release()
            picker.compact_if_many()
            started = time.perf_counter()
            busy.append(_picked(picker))
            found.later.append(time.perf_counter() - started)
            with uncounted():
                for name in ("inbox", "claims", "base"):
                    found.most[name] = max(found.most[name], len(os.listdir(results / name)))  # noqa: PTH208
    return found


def _picked(picker: Picker) -> tuple[Picker, Any]:
    picked = picker.next()
    assert picked is not None, "more picks than open runs"
    return picker, picked


def _specs(runs: int) -> Iterator[RunSpec]:
    cell = RunSpec(dataset="digits", normal_class=0)
    return (cell.replace(seed=seed) for seed in range(runs))


def _picker(results: Path, plan: Plan, number: int) -> Picker:
    return Picker(plan, ResultStore(results), ClaimBoard(results, Owner.this_process(f"w{number}")), RetryPolicy())


def _write_done(results: Path, specs: tuple[RunSpec, ...]) -> None:
    base = ResultsFolder(results).base
    base.mkdir(parents=True)
    for start in range(0, len(specs), _ROWS_A_FILE):
        rows = [RunRecord(spec=spec, attempt=1, status="ok").to_table() for spec in specs[start : start + _ROWS_A_FILE]]
        row_file.write(base / f"rows-{start}.parquet", [pa.concat_tables(rows)])


_counting: Counter[str] | None = None


@contextmanager
def counted(operations: Counter[str]) -> Iterator[None]:
    """Count this process's file operations, by kind."""

    def counting(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if _counting is not None and not str(arguments[:1]).startswith("('/proc"):
                _counting[kind] += 1
            return function(*arguments, **keywords)

        return call

    def names(folder: Path) -> list[str]:
        found = list_names(folder)
        operations["list"] += 1
        operations["name"] += len(found)
        return found

    global _counting  # noqa: PLW0603
    list_names = files.names
    places = [
        (os, "link", "link"), (os, "replace", "rename"), (os, "rename", "rename"), (os, "unlink", "unlink"),
        (os, "stat", "stat"), (os, "fsync", "fsync"), (os, "open", "open"), (io, "open", "open"),
        (builtins, "open", "open"), (pq, "ParquetFile", "open"), (pq, "write_table", "open"),
        (pq, "ParquetWriter", "open"),
    ]  # fmt: skip
    patches = [mock.patch.object(place, name, counting(kind, getattr(place, name))) for place, name, kind in places]
    patches.append(mock.patch.object(files, "names", names))
    _counting = operations
    try:
        for patch in patches:
            patch.start()
        yield
    finally:
        _counting = None
        for patch in reversed(patches):
            patch.stop()


@contextmanager
def uncounted() -> Iterator[None]:
    """Leave out what is done meanwhile."""
    global _counting  # noqa: PLW0603
    kept, _counting = _counting, None
    try:
        yield
    finally:
        _counting = kept


if __name__ == "__main__":
    main()
