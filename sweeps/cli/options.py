"""The options of launch.py, and what several of them together come to."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from agad.store.claims import DEFAULT_LEASE

from ..executors.ray import options as ray_options
from ..executors.slurm.options import add_slurm_arguments
from ..executors.sweep import EXECUTORS
from ..machine import program
from .arguments import Parser, add_plan_arguments, add_results_argument, positive


def build_parser(description: str | None = None) -> argparse.ArgumentParser:
    """The command line's options. Knobs of a run are no options: they are fields, set by --set."""
    parser = Parser(program.title("launch"), description)
    what = add_plan_arguments(parser)
    what.add_argument("--list-grids", action="store_true", help="list the grids and stop")
    what.add_argument("--retry-failed", action="store_true", help="run failed runs once more")
    what.add_argument("--dry-run", action="store_true", help="say what would be run and stop")
    what.add_argument("--prepare-data", action="store_true", help="download and prepare the data of the plan and stop")
    where = parser.add_argument_group("where")
    add_results_argument(where)
    where.add_argument(
        "--data", metavar="DIR", default=os.environ.get("AGAD_DATA"), help="raw data ($AGAD_DATA, else data/)"
    )
    where.add_argument(
        "--cache",
        metavar="DIR",
        default=os.environ.get("AGAD_CACHE"),
        help="prepared data ($AGAD_CACHE, else ~/.cache)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--executor", choices=EXECUTORS, default="local")
    how.add_argument(
        "--workers", metavar="N", type=positive,
        help="worker processes (one per GPU, or per core); with --executor slurm tasks of the job array (8)",
    )  # fmt: skip
    how.add_argument("--threads", metavar="N", type=positive, default=1, help="torch threads per worker (1)")
    how.add_argument(
        "--together", metavar="N", type=positive, default=1, help="runs that advance at once in a worker on a GPU (1)"
    )
    how.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    how.add_argument(
        "--checkpoint-every", metavar="SECONDS", type=_seconds, default=300.0, help="between checkpoints of a run (300)"
    )
    how.add_argument(
        "--lease", metavar="SECONDS", type=_lease, default=DEFAULT_LEASE,
        help=f"silence after which a worker of another host counts as dead ({DEFAULT_LEASE:.0f})",
    )  # fmt: skip
    how.add_argument(
        "--deadline", metavar="SECONDS", type=_seconds,
        help="until this machine is taken away; runs are checkpointed up to 180 s before (in a job: as Slurm says)",
    )  # fmt: skip
    how.add_argument(
        "--parent", metavar="PID", type=positive, help="stop when this process is gone: tune.py, which started this one"
    )
    how.add_argument("--keep-weights", action="store_true", help="keep the weights of finished runs")
    how.add_argument("--allow-code-change", action="store_true", help="go on although agad/ has changed")
    add_slurm_arguments(parser)
    ray_options.add_arguments(parser)
    return parser


def is_submitted(options: argparse.Namespace) -> bool:
    """Whether runs are made by jobs, on other machines than this one."""
    return bool(options.executor == "slurm")


def data_folder(options: argparse.Namespace) -> str:
    """The folder of the raw data."""
    return str(options.data or "data")


def task_arguments(options: argparse.Namespace, path: Path, retry: Path | None) -> list[str]:
    """The command line of launch.py by which a job works at this sweep.

    Paths are absolute, but links in them stay: what they stand for may differ between nodes. What is not given here,
    the job's own set-up lines may say ($AGAD_DATA, $AGAD_CACHE).
    """
    arguments = [*program.command("launch"), "--slurm-task", "--executor", "local"]
    arguments += ["--plan", str(path.absolute()), "--results", str(options.results.absolute())]
    arguments += ["--data", str(Path(options.data).absolute())] if options.data else []
    arguments += ["--cache", str(Path(options.cache).absolute())] if options.cache else []
    arguments += ["--retry-until", str(retry)] if retry is not None else []
    arguments += ["--threads", str(options.threads), "--device", options.device]
    arguments += ["--together", str(options.together)]
    arguments += ["--checkpoint-every", str(options.checkpoint_every), "--lease", str(options.lease)]
    arguments += ["--deadline", str(options.deadline)] if options.deadline is not None else []
    for flag in ("keep_weights", "allow_code_change"):
        arguments += [f"--{flag.replace('_', '-')}"] if getattr(options, flag) else []
    return arguments


def _seconds(text: str, least: float = 0.0) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds of {least:g} or more")
    return value


def _lease(text: str) -> float:
    return _seconds(text, least=1.0)
