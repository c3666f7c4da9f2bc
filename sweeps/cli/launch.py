"""Launch a sweep: a named grid of runs, one Parquet row per run, a mean±SD table at the end.

    python sweeps/launch.py --list-grids
    python sweeps/launch.py --grid demo --results results/demo
    python sweeps/launch.py --grid table2 --data data --select dataset=mnist --set updates=100

Called again with the same options it continues where it was. Exit status: 0 complete (or, with --executor slurm and
without --wait, submitted; or, with --scheduler, complete but for pruned runs), 1 some runs failed or are missing, or
there is no table, 2 a usage error.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from agad import console
from agad.console import EXIT_INCOMPLETE, EXIT_OK
from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.tensors import precision

from ..executors.ray import options as ray_options
from ..executors.ray.options import RayOptions
from ..executors.slurm.executor import rehearse
from ..executors.slurm.options import DEFAULT_TASKS, slurm_options
from ..executors.slurm.task import Task, margin
from ..executors.sweep import Outcome, Sweep, load_executor
from ..grids import grid_names, load_grid
from ..machine import program
from ..machine.devices import default_workers, resolve_device, visible_gpus
from ..machine.memory import worker_bytes
from ..progress.cost import measured_seconds, seconds_left
from ..progress.display import Display
from ..progress.watch import duration
from ..tuning.settings import check_together, load_settings
from ..worker.code import settle_code
from ..worker.data.changed import notes_of_changed
from ..worker.options import AUTO, data_folder
from ..worker.prepare import prepare
from ..worker.retry import RetryPolicy
from ..worker.stopping import Stopping
from .arguments import plan_arguments, say
from .conclusion import conclude
from .known_data import known_of_data
from .options import build_parser, is_submitted, read_shared_options, worker_options
from .retrying import runs_to_retry
from .settled import check_stated, plan_to_launch, save_plan

_PATIENCE = 120.0
"""Seconds that workers get to finish an update and write a checkpoint."""
_PATIENCE_SHARE = 0.6
"""Of the time that a Slurm task has between the stop and its end: the requeue needs the rest."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    console.replace_unprintable()
    options = build_parser(__doc__).parse_args(arguments)
    return console.run(lambda: _main(options), program.title("launch"), about=options.results, again=_again())


def _main(options: argparse.Namespace) -> int:
    if options.list_grids:
        return _list_grids()
    task = Task.here() if options.slurm_task else None
    read_shared_options(options)
    plan = plan_to_launch(options, None if task is None else task.job)
    if options.dry_run:
        return _dry_run(options, plan)
    execute = load_executor(options.executor)
    path = save_plan(plan, options.results)
    check_stated(plan, options.results)
    if options.prepare_data:
        worker = worker_options(options, path)
        print("\n".join(prepare(path, worker.data_folder, worker.cache, download=True)))
        return EXIT_OK
    ray = ray_options.from_arguments(options)
    if plan.study is not None:
        _check_study(plan.study, options, ray)
    ray_options.check_judged(plan.specs, ray)
    if task is not None:
        _begin(task, options, plan)
    outcome = Outcome()
    with Display() as display:
        sweep = _sweep(options, plan, path, display=display, task=task)
        if _is_open(sweep):
            _check_folders(sweep)
            of_code = settle_code(sweep.picker(), allow_change=options.allow_code_change)
            of_data = known_of_data(options, sweep, path)
            for line in (*of_code, *of_data, *_notes(options, plan, sweep.worker.device, plan.specs)):
                say(line)
            outcome = execute(sweep)
        if not _is_open(sweep):  # also after this launch: workers with other data may have made its runs
            for line in notes_of_changed(plan, options.results, sweep.worker.data_folder, sweep.worker.cache):
                say(line)
    if outcome.left_to:
        return _say_left(options, outcome)
    if task is not None and _is_open(sweep):
        return _end_task(task, sweep, outcome)
    complete = conclude(sweep, path, outcome)
    if task is not None:
        task.leave(sweep.picker())
    return EXIT_OK if complete else EXIT_INCOMPLETE


def _is_open(sweep: Sweep) -> bool:
    """Whether there are runs to make, or may be."""
    picker = sweep.picker()
    return bool(picker.census().open) or picker.is_growing()


# -- the plan -----------------------------------------------------------------------------------------------------


def _check_folders(sweep: Sweep) -> None:
    """Refuse a results folder in which something could not be written once the first run has ended."""
    folder = ResultsFolder(sweep.results)
    workers = folder.of_workers(weights=sweep.worker.keep_weights)
    folder.check_writable([*workers, folder.base, folder.logs(sweep.plan.name), folder.tables])


def _list_grids() -> int:
    for name in grid_names():
        grid = load_grid(name)
        print(f"{name:<12} {len(grid.cells) * grid.seeds:>5} runs  {grid.summary}")
    return EXIT_OK


def _dry_run(options: argparse.Namespace, plan: Plan) -> int:
    store = ResultStore(options.results)
    tries = store.tries()
    policy = RetryPolicy(until_attempt=runs_to_retry(options, None))
    states = {spec: policy.state(spec.run_id, tries.get(spec.run_id, ())) for spec in plan.specs}
    count = {state: list(states.values()).count(state) for state in ("done", "failed", "open")}
    print(
        f"{plan.title}: {len(plan.specs)} runs, {count['done']} done, {count['failed']} failed, {count['open']} to do"
    )
    for name, values in plan.axes.items():
        print(f"  {name}: {', '.join(values)}")
    if count["open"]:
        print(f"  {_forecast(options, store, states)}")
        device = _device(options, ray_options.from_arguments(options))
        for note in _notes(options, plan, device, [spec for spec, state in states.items() if state == "open"]):
            print(f"  {note}")
    if count["open"] and is_submitted(options):
        sweep = _sweep(options, plan, plan.path(options.results), display=Display(), task=None)
        for line in rehearse(sweep, min(options.workers or DEFAULT_TASKS, count["open"])):
            print(line)
    return EXIT_OK


def _notes(options: argparse.Namespace, plan: Plan, device: str, specs: Iterable[RunSpec]) -> list[str]:
    """What is known beforehand of the plan's runs, and of those on this machine; of jobs elsewhere nothing is."""
    tuned = plan.tuned
    of_study = [] if tuned is None or not tuned.apart else [f"of study {tuned.study}: {tuned.differs}"]
    return [f"note: {line}" for line in (*of_study, *([] if is_submitted(options) else precision.notes(specs, device)))]


def _forecast(options: argparse.Namespace, store: ResultStore, states: Mapping[RunSpec, str]) -> str:
    measured = measured_seconds(store, [spec for spec, state in states.items() if state == "done"])
    seconds = seconds_left([spec for spec, state in states.items() if state == "open"], measured)
    if seconds is None:
        return "time: unknown until a run has finished here"
    memory = worker_bytes(states, data_folder(options.data))
    workers = options.workers or default_workers(resolve_device(options.device), options.threads, memory)
    return f"time: about {duration(seconds / workers)} with {workers} workers, from {len(measured)} finished runs"


def _check_study(study: str, options: argparse.Namespace, ray: RayOptions) -> None:
    """Refuse what is not for the runs of a study; its workers may be started by hand, where tune.py asks nothing."""
    if ray.scheduler is not None:
        raise AgadError("--scheduler is not for a study's plan: its trials are pruned by tune.py --pruner")
    if options.together != 1:
        folder = ResultsFolder(options.results).study(study)
        there = load_settings(folder)
        if there.name != study:
            raise AgadError(
                f"{folder.settings} is of study {there.name}, and not of {study}: it was copied over; put back that of "
                f"{study}, or leave --together out"
            )
        check_together(there, options.together)


# -- the sweep ----------------------------------------------------------------------------------------------------


def _sweep(options: argparse.Namespace, plan: Plan, path: Path, *, display: Display, task: Task | None) -> Sweep:
    ray = ray_options.from_arguments(options)
    device = _device(options, ray)
    _check_together(options, device)
    worker = worker_options(
        options,
        path,
        executor="local" if is_submitted(options) else options.executor,  # a job starts local workers
        device=device,
        heartbeat=min(5.0, options.lease / 4),
        retry=runs_to_retry(options, task),
        keeps_pruned=ray.scheduler is not None,
    )
    return Sweep(
        plan=plan,
        results=options.results,
        worker=worker,
        workers=options.workers,
        display=display,
        stopping=_stopping(options.deadline, options.parent) if task is None else task.stopping,
        patience=_PATIENCE if task is None else min(_PATIENCE, _PATIENCE_SHARE * task.margin),
        leaves=task is not None,
        slurm=slurm_options(options),
        ray=ray,
    )


def _stopping(deadline: float | None, parent: int | None) -> Stopping:
    def check_parent() -> None:
        if parent is not None and os.getppid() != parent:
            stopping.stop("the process that started it is gone")

    stopping = Stopping(None if deadline is None else deadline - margin(deadline), check=check_parent)
    return stopping


def _check_together(options: argparse.Namespace, device: str) -> None:
    """Refuse several runs in one process where that saves no time."""
    if options.together == 1:
        return
    if options.scheduler is not None:
        raise AgadError("--together is not for --scheduler, which judges one run at a time; take --resources gpu=0.25")
    if device == "cpu" and options.together != AUTO:
        raise AgadError(
            f"--together {options.together} on the CPU would only make runs take turns on one core; "
            "start more processes by --workers"
        )


def _device(options: argparse.Namespace, ray: RayOptions) -> str:
    """The workers' device: what this machine has, except where they are on others."""
    if is_submitted(options):
        return str(options.device)
    if ray.address is not None and (options.device == "cuda" or (options.device == "auto" and ray.gpu)):
        return "cuda"  # the nodes' GPUs; a login node has none
    return resolve_device(options.device)


# -- Slurm --------------------------------------------------------------------------------------------------------


def _begin(task: Task, options: argparse.Namespace, plan: Plan) -> None:
    folder = ResultsFolder(options.results)
    if options.device == "auto":
        task.check_gpus(visible_gpus())
    task.begin(folder.jobs(plan.name), options.deadline)
    task.write_to(folder.logs(plan.name) / f"task-{task.job.name}.log")


def _end_task(task: Task, sweep: Sweep, outcome: Outcome) -> int:
    """Leave the sweep to other tasks, or to this one after a requeue; the exit status of a job that did its part."""
    if outcome.error is not None:
        say(f"{program.title('launch')}: error: {outcome.error}")
        return EXIT_INCOMPLETE
    say("Other workers hold the runs that are left." if outcome.stopped is None else f"Stopped: {outcome.stopped}.")
    task.requeue(sweep.picker())
    return EXIT_OK


def _say_left(options: argparse.Namespace, outcome: Outcome) -> int:
    """Print what continues without this process, and how to see its progress."""
    say(f"The sweep continues in Slurm (job {', '.join(outcome.left_to)}). See its progress with:")
    print(console.shell_line([*program.command("status"), "--results", str(options.results), *plan_arguments(options)]))
    return EXIT_OK


# -- small things -------------------------------------------------------------------------------------------------


def _again() -> str:
    return console.shell_line([*program.command("launch"), *sys.argv[1:]])


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
