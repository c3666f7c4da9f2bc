"""The data of a plan, prepared and compared with its runs, in a process of its own: it needs torch.

OpenedData: those that a worker has opened.

python -m sweeps.worker.prepare --plan results/plans/demo-….json [--data DIR] [--cache DIR] [--download]
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec

from ..machine import processes, program
from .options import WorkerOptions
from .stopping import Stopping

if TYPE_CHECKING:
    from agad.data.prepared import Prepared


def prepare(
    plan_path: Path, data: str, cache: str | None, *, download: bool, stopping: Stopping | None = None
) -> list[str]:
    """Run this module as a process on a plan file. Raises AgadError with its one line.

    Returns the lines to print: what is in each data set, and what a reader of its results must know. It returns early
    where it is to stop: a preparation that is cut off leaves nothing behind.
    """
    command = [*program.module("worker.prepare"), "--plan", str(plan_path), "--data", data]
    command += ["--cache", cache] if cache else []
    command += ["--download"] if download else []
    with processes.without_warnings():
        process = subprocess.Popen(  # noqa: S603 - our own module, arguments passed as a list
            command,
            env=processes.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    with process:
        output, messages = _wait(process, stopping or Stopping())
    if process.returncode and not (stopping and stopping.is_set()):
        lines = messages.strip().splitlines() or [f"preparing the data ended with status {process.returncode}"]
        raise AgadError(lines[-1])
    return output.splitlines()


def _wait(process: subprocess.Popen[str], stopping: Stopping) -> tuple[str, str]:
    """What a process has written, output and errors, when it has ended by itself or because everything is to stop."""
    while True:
        try:
            return process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                process.terminate()
        except BaseException:
            process.kill()
            raise


def prepare_here(plan: Plan, data: str | None, cache: str | None, *, download: bool) -> list[str]:
    """Prepare each data set of the plan in this process, and check that every run can be drawn from it.

    Returns lines about each data set. Raises AgadError, one line.
    """
    from agad.data.prepared import open_prepared, prepare_all
    from agad.data.split import one_class_split
    from agad.train.state import batch_sizes

    wanted = dict.fromkeys((spec.dataset, spec.image_size) for spec in plan.specs)
    lines = prepare_all(wanted, data_root=data, cache=cache, download=download)
    opened = {key: open_prepared(*key, data_root=data, cache=cache) for key in wanted}
    for spec in {_drawing(spec) for spec in plan.specs}:
        split = one_class_split(opened[spec.dataset, spec.image_size], spec)
        batch_sizes(spec, len(split.normal))
    return lines


class OpenedData:
    """The prepared data sets of one worker, each opened once: an image tree is listed at every opening."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._opened: dict[tuple[str, int], Prepared] = {}

    def open(self, spec: RunSpec) -> Prepared:
        """The data set of a run. Raises DataError and OSError."""
        from agad.data.prepared import open_prepared

        key, options = (spec.dataset, spec.image_size), self._options
        if key not in self._opened:
            self._opened[key] = open_prepared(
                *key, data_root=options.data_folder, cache=options.cache, verify=not options.verified
            )
        return self._opened[key]


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
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, format="%(message)s")  # that damaged data were prepared again is no error
    try:
        lines = prepare_here(Plan.load(arguments.plan), arguments.data, arguments.cache, download=arguments.download)
    except (AgadError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
