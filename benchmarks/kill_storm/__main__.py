"""Kill a sweep's processes at random, hundreds of times, and see whether its rows are those of an undisturbed one.

    python -m benchmarks.kill_storm --executor local --kills 100
    python -m benchmarks.kill_storm --executor slurm --kills 50 --seed 1

Real training of small runs on scikit-learn's digits. A command that was killed, or that gives up, is started again as
it was. When all kills are made it is left alone until its plan is complete, and its rows are compared with those of
the same runs, trained undisturbed. Prints a Markdown table; exit status 1 where a row is lost, doubled or another.
Figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.kill_storm import nodes
from benchmarks.kill_storm.storm import KINDS, Storm


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_storm", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--executor", choices=KINDS, default="local", help="under which the sweep runs (local)")
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how many (100)")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="mean time between two kills (5)")
    parser.add_argument("--updates", type=int, default=100, metavar="N", help="of a run (100)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="at once (2)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the storm (0)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep results and logs there (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        cluster = None
        if options.executor == "ray-nodes":
            cluster = stack.enter_context(nodes.running(2, folder / "nodes.log"))
        storm = Storm(
            options.executor,
            folder,
            options.updates,
            options.every,
            random.Random(options.seed),
            options.workers,
            cluster,
        )
        storm.rage(options.kills)
    print(*storm.lines(), sep="\n")
    return 1 if storm.lost or storm.doubled or storm.other else 0


if __name__ == "__main__":
    sys.exit(main())
