"""SlurmOptions: what jobs of Slurm request, from --slurm and the like and from slurm/array.sh."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agad import console
from agad.errors import AgadError

from ...cli.arguments import positive
from ...machine.program import ARRAY_SCRIPT

DEFAULT_TASKS = 8
"""As in slurm/array.sh."""

_KEY = re.compile(r"[a-z][a-z-]*")
_OWN = {
    "array": "--workers says how many tasks, --slurm-at-once how many of them at a time",
    "job-name": "the job's name is how a launch finds its job again",
    "output": "logs go to the results folder, one folder per sweep",
    "error": "logs go to the results folder, one folder per sweep",
    "open-mode": "a requeued job appends to its log",
    "wrap": "the job runs launch.py",
    "nodes": "a task works on one node; ask for more tasks with --workers",
    "ntasks": "a task starts its own workers; ask for more tasks with --workers",
    "ntasks-per-node": "a task starts its own workers; ask for more tasks with --workers",
    "signal": "a task knows its time limit, and is warned 180 s before it",
    "requeue": "tasks are always requeued after a lost node",
    "no-requeue": "tasks that are not requeued would lose their sweep's work at the time limit",
    "chdir": "tasks get absolute paths",
    "parsable": "launch.py reads its answer",
    "test-only": "--dry-run does it",
    "wait": "launch.py --wait follows the sweep",
}
"""Options of sbatch that cannot be given, and why or what to do instead."""
_INSTEAD = {
    "mem-per-cpu": "mem", "mem-per-gpu": "mem", "gpus": "gres", "gpus-per-node": "gres", "gpus-per-task": "gres",
    "cpus-per-gpu": "cpus-per-task",
}  # fmt: skip
"""Options that sbatch refuses beside one of slurm/array.sh's, which is then left out."""
_ARRAY_SCRIPTS_OWN = {"array", "job-name", "output", "open-mode", "signal", "requeue"}


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """How to submit.

    Attributes:
        sbatch: sbatch's long options without dashes, and their values; True: one that takes none.
        at_once: how many tasks of an array may run at the same time; None: all.
        setup: file with lines that the job runs before Python; None: there is none.
        wait: whether to follow the sweep to its end.
    """

    sbatch: Mapping[str, str | bool] = field(default_factory=dict)
    at_once: int | None = None
    setup: Path | None = None
    wait: bool = False


def add_slurm_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, as a group of their own."""
    group = parser.add_argument_group("with --executor slurm")
    group.add_argument(
        "--slurm", metavar="KEY=VALUE", action="append", default=[],
        help="an option of sbatch, as partition=a40 or time=12:00:00; KEY= leaves one of slurm/array.sh's out",
    )  # fmt: skip
    group.add_argument("--slurm-at-once", metavar="N", type=positive, help="tasks that may run at the same time (all)")
    group.add_argument(
        "--slurm-setup",
        metavar="FILE",
        type=console.path,
        help="lines for the job to run before Python (slurm/setup.sh)",
    )
    group.add_argument("--wait", action="store_true", help="follow the sweep to its end")


def slurm_options(options: argparse.Namespace) -> SlurmOptions:
    """The options of a command line. Raises AgadError for one that cannot be given."""
    given = dict(_parse(text) for text in options.slurm)
    replaced = {_INSTEAD[key] for key in given if key in _INSTEAD}
    defaults = array_defaults(ARRAY_SCRIPT.read_text(encoding="utf-8").splitlines())
    sbatch = {**{key: value for key, value in defaults.items() if key not in replaced}, **given}
    return SlurmOptions(
        sbatch={key: value for key, value in sbatch.items() if value != ""},
        at_once=options.slurm_at_once,
        setup=_setup(options.slurm_setup) if options.executor == "slurm" else None,
        wait=options.wait,
    )


def array_defaults(lines: Iterable[str]) -> dict[str, str | bool]:
    """The options in the #SBATCH lines of slurm/array.sh, so that both ways request the same."""
    found: dict[str, str | bool] = {}
    for line in lines:
        if line.startswith("#SBATCH --"):
            key, equals, value = line.removeprefix("#SBATCH --").strip().partition("=")
            if key not in _ARRAY_SCRIPTS_OWN:
                found[key] = value if equals else True
    return found


def _parse(text: str) -> tuple[str, str | bool]:
    key, equals, value = text.partition("=")
    key = key.removeprefix("--").replace("_", "-")
    if not _KEY.fullmatch(key):
        raise AgadError(f"--slurm {text!r} is not KEY=VALUE with an option of sbatch, such as partition=a40")
    if key in _OWN:
        raise AgadError(f"--slurm {key} cannot be given: {_OWN[key]}")
    if not value.isprintable():
        raise AgadError(f"--slurm {key}: its value {value!r} has a line break or another control character")
    return key, value if equals else True


def _setup(given: Path | None) -> Path | None:
    """The file of set-up lines: --slurm-setup, $AGAD_SLURM_SETUP, or slurm/setup.sh where that is there."""
    named = given or (console.path(os.environ["AGAD_SLURM_SETUP"]) if os.environ.get("AGAD_SLURM_SETUP") else None)
    if named is None:
        default = ARRAY_SCRIPT.with_name("setup.sh")
        return default if default.is_file() else None
    if not str(named).isprintable():
        raise AgadError(f"the set-up file {str(named)!r} has a control character in its name; rename it")
    if not named.is_file():
        raise AgadError(f"the set-up file {named} is not there; name another by --slurm-setup, or leave it out")
    return named.resolve()


def check_path(path: Path, what: str) -> None:
    """Refuse a folder that Slurm would read otherwise than as it is. Raises AgadError, one line."""
    text = str(path)
    if not text.isprintable() or any(character in text for character in "%\\"):
        raise AgadError(
            f"{what} {text!r}: Slurm gives % and \\ a meaning in the names of log files, and control characters break "
            "its scripts; choose another folder"
        )
