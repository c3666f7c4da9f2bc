"""Let the disk below a results folder answer errors, one at a time, and see what a sweep makes of each.

    python -m benchmarks.disk_faults                          # each errno at each call, each way: days
    python -m benchmarks.disk_faults --errno EIO              # one errno at each call
    python -m benchmarks.disk_faults --minutes 60 --seed 1    # of all as many as that time allows, drawn: each errno
                                                              # once at each kind of call each way, then twice ...

A sweep of two small runs is launched, launcher and worker in one process, and one place of the program meets the
error: the first time, each time, or the first time though the call is done. The sweep must end in one line at most,
without a traceback, without a failed row; launched again on the disk that is well it must be complete, with every row
that was there before, and the numbers of an undisturbed sweep. Prints a Markdown table; exit status 1 where anything
was wrong. Figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.disk_faults import cases
from benchmarks.disk_faults.disk import MODES, Fault


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.disk_faults", description=(__doc__ or "").split("\n")[0]
    )
    names = sorted(errno.errorcode.values())
    parser.add_argument("--errno", metavar="NAME,…", help=f"which (all {len(names)} that Python knows)")
    parser.add_argument("--mode", metavar="NAME,…", default=",".join(MODES), help=f"how ({', '.join(MODES)})")
    parser.add_argument("--site", metavar="WORD", default="", help="only places of the program that have it")
    parser.add_argument("--train", action="store_true", help="really train the runs (their rows are drawn)")
    parser.add_argument(
        "--minutes", type=float, default=1e9, metavar="N", help="end after that time (when all are done)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (0)")
    options = parser.parse_args()
    cases.TRAINS = options.train
    wanted = options.errno.split(",") if options.errno else names
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        cases.warm_up(_made(folder / "warm"))
        expected = cases.undisturbed(_made(folder / "undisturbed"))
        sites = [site for site in cases.sites(_made(folder / "sites")) if options.site in site]
        faults = [
            Fault(getattr(errno, name), site, mode)
            for name, site, mode in itertools.product(wanted, sites, options.mode.split(","))
        ]
        rounds = drawn(faults, options.seed)
        print(f"{len(sites)} places, {len(faults)} cases, {len(rounds[0])} in the first round", file=sys.stderr)
        return _try(folder, list(itertools.chain(*rounds)), expected, time.monotonic() + 60 * options.minutes)


def drawn(faults: list[Fault], seed: int) -> list[list[Fault]]:
    """The faults in rounds, shuffled: each round has each errno at one place of each kind of call, each way."""
    shuffled = list(faults)
    random.Random(seed).shuffle(shuffled)
    rounds: list[list[Fault]] = []
    seen: Counter[tuple[int, str, str]] = Counter()
    for fault in shuffled:
        alike = (fault.number, fault.kind, fault.mode)
        if seen[alike] == len(rounds):
            rounds.append([])
        rounds[seen[alike]].append(fault)
        seen[alike] += 1
    return rounds


def _try(folder: Path, faults: list[Fault], expected: str, ends: float) -> int:
    """Try them one after another until that time, and print the table; the exit status."""
    met: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    places: dict[str, set[str]] = {}
    for number, fault in enumerate(faults, 1):
        if time.monotonic() > ends:
            break
        was_met, complaints = cases.try_fault(folder / "faulty", fault, expected)
        kind = fault.kind
        met[kind] += was_met
        wrong[kind] += bool(complaints)
        places.setdefault(kind, set()).add(fault.site)
        for line in complaints:
            print(f"{errno.errorcode[fault.number]} {fault.mode} {fault.site}: {line}", file=sys.stderr, flush=True)
        if number % 100 == 0:
            print(f"{time.strftime('%H:%M:%S')} {number} cases, {wrong.total()} wrong", file=sys.stderr, flush=True)
    print("| call | places | cases | wrong |\n|---|--:|--:|--:|")
    for kind in sorted(met):
        print(f"| {kind} | {len(places[kind])} | {met[kind]} | {wrong[kind]} |")
    print(f"| all | {sum(map(len, places.values()))} | {met.total()} | {wrong.total()} |")
    return 1 if wrong.total() else 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
