"""What the command lines share: which plan is meant, and where its results are."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from agad import console
from agad.errors import AgadError, StoreError
from agad.plan.grid import Grid, grid_name
from agad.plan.make import make_plan
from agad.plan.plan import Plan, load_plans, plan_files, plan_grid
from agad.plan.tuned import Tuned
from agad.spec.class_names import ClassNames

from ..grids import grid_names, load_grid
from ..tuning.found.newest import OldSummaryError
from ..tuning.found.summary import tuned_by


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit with status 2."""
        self.exit(2, f"{self.prog}: error: {message}; --help lists the options\n")


def add_plan_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options that choose runs: the same ones mean the same plan in every command."""
    group = parser.add_argument_group("what")
    group.add_argument(
        "--grid",
        metavar="NAME",
        action=console.Once,
        help="a grid that launch.py --list-grids lists, or a file of your own: mine.py, mine.py:NAME",
    )
    group.add_argument(
        "--plan", metavar="FILE", action=console.Once, type=console.path,
        help="a plan file of an earlier launch, instead of --grid",
    )  # fmt: skip
    group.add_argument("--seeds", metavar="N", action=console.Once, type=positive, help="seeds 0 to N-1 of each cell")
    group.add_argument(
        "--select", metavar="FIELD=V[,V...]", action="append", default=[], help="only these runs: --select gamma=0,0.05"
    )
    group.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="change a field of every run: --set lr=1e-4; lr=1e-4,2e-4 makes each run with either",
    )
    group.add_argument(
        "--set-from-study", metavar="NAME[:TRIAL]", action=console.Once,
        help="set what a study of tune.py in the results folder found best, or what its trial of that number had",
    )  # fmt: skip
    return group


def add_results_argument(group: argparse._ActionsContainer) -> None:
    """The results folder."""
    group.add_argument(
        "--results", metavar="DIR", action=console.Once, type=console.path, default=Path("results"),
        help="results folder (results/)",
    )  # fmt: skip


def launched_plan(options: argparse.Namespace) -> Plan:
    """The plan that the options mean, for a command that makes no runs: of a grid of one's own that which was launched.

    So the grid's file is not executed, and need not be there. Of several plans of the grid that have the given --set,
    --select and --seeds it is the one launched last, and that is said. Raises AgadError.
    """
    if options.plan is None and options.grid is not None and options.grid not in grid_names():
        name = grid_name(options.grid)
        paths = [path for path in plan_files(options.results) if plan_grid(path) == name]
        plans, damaged = load_plans(paths)
        meant = [(path, plan) for path, plan in plans if _is_meant(plan, options)]
        if meant:
            options.plan, plan = max(meant, key=lambda found: found[0].stat().st_mtime)  # to go on with it, likewise
            if len(meant) > 1:
                say(f"{len(meant)} launched plans of {name} fit; this is {options.plan.name}, the one launched last.")
            return plan
        if damaged:  # it may be the one that is meant
            raise StoreError(damaged[0])
    return plan_of(options, makes_runs=False)


def _is_meant(plan: Plan, options: argparse.Namespace) -> bool:
    """Whether a plan of the right grid is the one with these selections and changes; without any, each is."""
    changes = (options.select, options.set, options.seeds, options.set_from_study)
    if not any(changes):
        return True
    tuned = "" if plan.tuned is None else f"{plan.tuned.study}:{plan.tuned.trial}"
    overrides = plan.overrides if plan.tuned is None else plan.overrides[: -len(plan.tuned.overrides)]
    return (
        (list(plan.selection), list(overrides)) == (options.select, options.set)
        and (options.seeds is None or len({spec.seed for spec in plan.specs}) == options.seeds)
        and (options.set_from_study or "") in (tuned, tuned.partition(":")[0])
    )


def plan_of(options: argparse.Namespace, *, makes_runs: bool = True) -> Plan:
    """The plan that the options mean; where no run of it is made, a study's older values will do. Raises AgadError."""
    if options.plan is not None:
        if options.grid or options.select or options.set or options.seeds or options.set_from_study:
            raise AgadError("--plan says everything: leave out --grid, --select, --set, --set-from-study and --seeds")
        return Plan.load(options.plan)
    if options.grid is None:
        raise AgadError(f"--grid is missing; choose from: {', '.join(grid_names())}; or a file of your own")
    grid = load_grid(options.grid)
    tuned = None if options.set_from_study is None else _tuned(options, grid, makes_runs=makes_runs)
    plan, collapsed = _make_plan(options, grid, tuned)
    if tuned is not None:
        options.set_from_study = f"{tuned.study}:{tuned.trial}"  # what is printed from here on means this trial
    if repeated := len(grid.cells) - len(set(grid.cells)):
        say(f"{repeated} cells of {grid.name} are equal to others of it; each is made once.")
    if collapsed:
        by = [name for name, given in (("--set", options.set), ("--set-from-study", tuned)) if given]
        say(f"{collapsed} runs became equal to others by {' and '.join(by)}; each is made once.")
    return plan


def _tuned(options: argparse.Namespace, grid: Grid, *, makes_runs: bool) -> Tuned:
    """The study's values; a refusal of older ones names the plan of a sweep that has begun with them."""
    try:
        return tuned_by(options.results, options.set_from_study, say, may_be_old=not makes_runs)
    except OldSummaryError as error:
        if error.tuned is None:
            raise
        path = _make_plan(options, grid, error.tuned)[0].path(options.results)
        if not path.exists():
            raise
        raise AgadError(f"{error}; or go on with the values of trial {error.tuned.trial} by --plan {path}") from None


def _make_plan(options: argparse.Namespace, grid: Grid, tuned: Tuned | None) -> tuple[Plan, int]:
    """The grid's plan as the options change it, and how many runs collapsed."""
    return make_plan(
        grid, seeds=options.seeds, select=options.select, overrides=options.set, tuned=tuned, names=_names(options)
    )


def _names(options: argparse.Namespace) -> ClassNames:
    """The names of classes; of a data set of the user's own they are read where its raw files are."""

    @functools.cache
    def names(dataset: str) -> Sequence[str]:
        from agad.data.class_names import class_names  # numpy and Pillow, which planning does without otherwise

        folder = getattr(options, "data", None) or os.environ.get("AGAD_DATA") or "data"
        return class_names(dataset, console.path(folder))

    return names


def plan_arguments(options: argparse.Namespace) -> list[str]:
    """The command line of the same plan, for another command."""
    if options.plan is not None:
        return ["--plan", str(options.plan)]
    arguments = ["--grid", options.grid]
    arguments += ["--seeds", str(options.seeds)] if options.seeds else []
    for flag in ("select", "set"):
        for value in getattr(options, flag):
            arguments += [f"--{flag}", value]
    return arguments + (["--set-from-study", options.set_from_study] if options.set_from_study else [])


def positive(text: str) -> int:
    """An argument that is a whole number, 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def say(line: str) -> None:
    """Print a line for the user that is not the command's output."""
    print(line, file=sys.stderr, flush=True)
