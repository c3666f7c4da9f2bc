"""Prepare the data of a plan, and check its runs against them: in a process of its own, for it imports torch.

python -m sweeps.prepare --plan results/plans/demo-….json [--data DIR] [--cache DIR] [--download] [--list]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agad.data.prepared import Prepared, open_prepared
from agad.data.split import one_class_split
from agad.errors import AgadError
from agad.spec import RunSpec
from sweeps.plan import Plan


def prepare(plan: Plan, data: str | None, cache: str | None, *, download: bool) -> dict[tuple[str, int], Prepared]:
    """Open each data set of the plan, prepared; check that every cell can be drawn from it. Raises AgadError."""
    opened: dict[tuple[str, int], Prepared] = {}
    for spec in plan.specs:
        key = (spec.dataset, spec.image_size)
        if key not in opened:
            opened[key] = open_prepared(*key, data_root=data, cache=cache, download=download)
    for cell in {_drawing(spec) for spec in plan.specs}:
        one_class_split(opened[cell.dataset, cell.image_size], cell)
    return opened


def _drawing(spec: RunSpec) -> RunSpec:
    """The spec with all that its split does not depend on at the default, to draw each split once."""
    names = ("dataset", "image_size", "protocol", "normal_class", "abnormal_class", "gamma")
    values = {name: getattr(spec, name) for name in (*names, "known_anomaly_classes", "known_anomaly_draw")}
    return RunSpec(**values, batch_size=2**20)


def main() -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.prepare")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--data")
    parser.add_argument("--cache")
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--list", action="store_true", help="print a line per data set")
    arguments = parser.parse_args()
    try:
        opened = prepare(Plan.load(arguments.plan), arguments.data, arguments.cache, download=arguments.download)
    except (AgadError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    if arguments.list:
        for (dataset, size), prepared in opened.items():
            train, test = len(prepared.train_labels), len(prepared.test_labels)
            print(f"{dataset} at {size}x{size}: {train} train, {test} test images, digest {prepared.digest[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
