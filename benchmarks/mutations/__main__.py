"""Damage files of a results folder and of the cache, hundreds of times, and see whether the commands notice.

    python -m benchmarks.mutations --number 600 --seed 0

Each time one file of a small sweep, its study or its cache is damaged (mutants.py), and the commands that
read such a file run in this process: status, tables, what the report reads, the launch that goes on, the study that
goes on, the reader of weights. Their output and what they end with (rows, study, weights) are compared with those of
an undamaged copy. Prints a Markdown table by kind of file; exit status 1 where damage was used without a
word, or a traceback came. Figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.mutations.laboratory import OUTCOMES, SILENT, TRACEBACK, HangingError, Laboratory
from benchmarks.mutations.specimen import KINDS


def run(
    laboratory: Laboratory,
    number: int,
    note: Callable[[str], object],
    kinds: Iterable[str] = KINDS,
    seconds: float = math.inf,
) -> dict[str, Counter[str]]:
    """So many mutations, the kinds by turns, or as many as the seconds allow; kind -> how often each outcome."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    ends = time.monotonic() + seconds
    while sum(each.total() for each in counts.values()) < number and time.monotonic() < ends:
        kind = min(counts, key=lambda name: counts[name].total())
        result = laboratory.damage(kind)
        if result is None:
            continue
        what, outcome, seen = result
        counts[kind][outcome] += 1
        if not sum(each.total() for each in counts.values()) % 50:
            note("\n".join([time.strftime("%H:%M:%S"), *lines(counts)]))
        if outcome in (SILENT, TRACEBACK):
            differing = {c: [x for x in of if x not in laboratory.sound(kind).lines[c]] for c, of in seen.lines.items()}
            note(f"{outcome}: {what}\n{seen.crashed or {c: of for c, of in differing.items() if of}}")
    return counts


def lines(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """The table."""
    yield f"| kind of file | mutations | {' | '.join(OUTCOMES)} |"
    yield f"|---|--:|{'--:|' * len(OUTCOMES)}"
    for kind, of in {**counts, "all": sum(counts.values(), Counter())}.items():
        yield f"| {kind} | {of.total()} | {' | '.join(str(of[outcome]) for outcome in OUTCOMES)} |"


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def set_alarm() -> None:
    """Let a command that does not end become an error."""

    def hang(*_: object) -> None:
        raise HangingError

    signal.signal(signal.SIGALRM, hang)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--number", type=int, default=600, metavar="N", help="how many (600)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is damaged, and how (0)")
    parser.add_argument("--seconds", type=float, default=math.inf, metavar="S", help="after which it ends (none)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only files of this kind")
    options = parser.parse_args()
    set_alarm()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    started = time.monotonic()
    ends = started + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder), options.seed)
        counts = run(laboratory, options.number, _note, options.kind or KINDS, ends - time.monotonic())
    print(*lines(counts), sep="\n")
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if any(of[SILENT] + of[TRACEBACK] for of in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
