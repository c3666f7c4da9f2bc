"""Prepare the data of a plan, and check its runs against them: in a process of its own, for it imports torch.

python -m sweeps.worker.prepare --plan results/plans/demo-….json [--data DIR] [--cache DIR] [--download] [--list]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agad.data.prepared import open_prepared, prepare_all
from agad.data.split import one_class_split
from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.train.state import batch_sizes


def prepare(plan: Plan, data: str | None, cache: str | None, *, download: bool) -> list[str]:
    """Prepare each data set of the plan, and check that every run can be drawn from it.

    Returns lines that say what was found. Raises AgadError, one line.
    """
    wanted = dict.fromkeys((spec.dataset, spec.image_size) for spec in plan.specs)
    lines = prepare_all(wanted, data_root=data, cache=cache, download=download)
    opened = {key: open_prepared(*key, data_root=data, cache=cache) for key in wanted}
    for spec in {_drawing(spec) for spec in plan.specs}:
        split = one_class_split(opened[spec.dataset, spec.image_size], spec)
        batch_sizes(spec, len(split.normal))
    return lines


def _drawing(spec: RunSpec) -> RunSpec:
    """One spec for all that draw alike: the counts of a draw depend on the seed only where classes are drawn too."""
    return spec if spec.known_anomaly_draw else spec.replace(seed=0)


def main() -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.worker.prepare")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--data")
    parser.add_argument("--cache")
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--list", action="store_true", help="print a line per data set")
    arguments = parser.parse_args()
    try:
        lines = prepare(Plan.load(arguments.plan), arguments.data, arguments.cache, download=arguments.download)
    except (AgadError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
