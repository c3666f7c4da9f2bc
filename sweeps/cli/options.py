"""The options of launch.py. Those that its workers have too are declared in sweeps/worker/options.py."""

from __future__ import annotations

import argparse
import functools
import os
from dataclasses import Field, replace
from pathlib import Path
from typing import Any

from ..executors.ray import options as ray_options
from ..executors.slurm.options import add_slurm_arguments
from ..executors.sweep import EXECUTORS
from ..machine import program
from ..worker.options import WorkerOptions, command_line_options
from .arguments import Parser, add_plan_arguments, add_results_argument, positive


def build_parser(description: str | None = None) -> argparse.ArgumentParser:
    """The command line's options. Knobs of a run are no options: they are fields, set by --set."""
    of_worker = command_line_options()
    parser = Parser(program.title("launch"), description)
    what = add_plan_arguments(parser)
    what.add_argument("--list-grids", action="store_true", help="list the grids and stop")
    what.add_argument("--dry-run", action="store_true", help="print what would be run and stop")
    what.add_argument("--prepare-data", action="store_true", help="download and prepare the data of the plan and stop")
    what.add_argument("--retry-failed", action="store_true", help="give failed runs one more attempt")
    where = parser.add_argument_group("where")
    add_results_argument(where)
    _add(where, of_worker["data"], of_worker["cache"])
    how = parser.add_argument_group("how")
    how.add_argument(
        "--executor", choices=EXECUTORS, default="local",
        help="where workers run: on this machine, on a Ray cluster, in jobs of Slurm (local)",
    )  # fmt: skip
    how.add_argument(
        "--workers", metavar="N", type=positive,
        help="worker processes (one per GPU, or per core); with --executor slurm tasks of the job array (8)",
    )  # fmt: skip
    _add(how, *(option for name, option in of_worker.items() if name not in ("data", "cache")))
    add_slurm_arguments(parser)
    ray_options.add_arguments(parser)
    _add_hidden(parser)
    parser.set_defaults(device="auto", data=os.environ.get("AGAD_DATA"), cache=os.environ.get("AGAD_CACHE"))
    return parser


def _add(group: argparse._ArgumentGroup, *options: Field[Any]) -> None:
    """The command-line option of each field of WorkerOptions."""
    for option in options:
        keywords = dict(option.metadata["argument"])
        if "least" in keywords:
            keywords["type"] = functools.partial(_seconds, least=keywords.pop("least"))
        flag = f"--{option.name.replace('_', '-')}"
        group.add_argument(flag, default=option.default, help=option.metadata["help"], **keywords)


def _add_hidden(parser: argparse.ArgumentParser) -> None:
    """Options that only this project's own processes pass: jobs of Slurm, and tune.py."""
    for flag, keywords in {
        "--slurm-task": {"action": "store_true"},  # be a task of a job, as slurm/array.sh starts it
        "--options": {"type": Path},  # the options of the launch that submitted this task
        "--parent": {"type": positive},  # stop when this process is gone: tune.py, which started this one
    }.items():
        parser.add_argument(flag, help=argparse.SUPPRESS, **keywords)  # type: ignore[arg-type]


def read_shared_options(options: argparse.Namespace) -> None:
    """Take over what a submitting launch has written for its tasks, where --options names it. Raises StoreError."""
    if options.options is None:
        return
    shared = WorkerOptions.load(options.options)
    for name in command_line_options().keys() - {"device"}:
        setattr(options, name, getattr(shared, name))
    options.plan, options.results, options.retry = Path(shared.plan), Path(shared.results), shared.retry


def is_submitted(options: argparse.Namespace) -> bool:
    """Whether runs are made by jobs, on other machines than this one."""
    return bool(options.executor == "slurm")


def worker_options(options: argparse.Namespace, plan: Path, **derived: Any) -> WorkerOptions:
    """What every worker of this launch is started with.

    Paths are absolute, but links in them stay: what they stand for may differ between nodes. Where a job's own set-up
    lines may say where the data are ($AGAD_DATA, $AGAD_CACHE), what was not given here stays open.
    """
    given = {name: getattr(options, name) for name in command_line_options()}
    worker = WorkerOptions(plan=str(plan.absolute()), results=str(options.results.absolute()), **given | derived)
    is_open = is_submitted(options) or options.options is not None
    data = worker.data or (None if is_open else worker.data_folder)
    return replace(worker, data=_absolute(data), cache=_absolute(worker.cache))


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _seconds(text: str, least: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds of {least:g} or more")
    return value
