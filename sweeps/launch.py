"""Launch a sweep: a named grid of runs, one Parquet row per run, a mean±SD table at the end.

    python sweeps/launch.py --list-grids
    python sweeps/launch.py --grid demo --results results/demo
    python sweeps/launch.py --grid table2 --data data --select dataset=mnist --set updates=100

Called again with the same options it goes on where it was. Exit status: 0 complete (or, with --executor slurm and
without --wait, submitted; or, with --scheduler, complete but for runs that were given up), 1 some runs failed or are
missing, 2 a usage error.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # `python sweeps/launch.py` puts sweeps/ on the path, where the repository should be
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import contextlib
import importlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agad import files
from agad.claims import DEFAULT_LEASE
from agad.data.cache import cache_root, prepared_folders
from agad.errors import AgadError, StoreError
from agad.provenance import code_digest
from agad.store import ResultStore
from sweeps import children
from sweeps.arguments import (
    Parser,
    add_plan_arguments,
    add_results_argument,
    command_line,
    drop_output,
    plan_arguments,
    plan_of,
    positive,
    say,
)
from sweeps.cost import measured_seconds, seconds_left
from sweeps.devices import default_workers, resolve_device, visible_gpus
from sweeps.executors import ray_options
from sweeps.executors.ray_options import RayOptions
from sweeps.grids import grid_names, load_grid
from sweeps.packing import AUTO
from sweeps.picking import Census, Picker
from sweeps.plan import Plan, RetryPolicy, check_code
from sweeps.progress import Display, describe, duration
from sweeps.slurm.options import DEFAULT_TASKS, add_slurm_arguments, slurm_options
from sweeps.slurm.task import Task, margin
from sweeps.stopping import Stopping
from sweeps.sweep import EXECUTORS, Outcome, Sweep, jobs_folder, load_executor, logs_folder
from sweeps.worker import WorkerOptions

EXIT_COMPLETE, EXIT_INCOMPLETE, EXIT_USAGE = 0, 1, 2
_FAILURES_SHOWN = 5
_PATIENCE = 120.0
"""Seconds that workers get to finish an update and write a checkpoint."""
_PATIENCE_SHARE = 0.6
"""Of the time that a Slurm task has between the stop and its end: the requeue must find its place there too."""


def build_parser() -> argparse.ArgumentParser:
    """The command line's options. Knobs of a run are no options: they are fields, set by --set."""
    parser = Parser("launch.py", __doc__)
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
        "--pack", metavar="N|auto", type=_pack, default=AUTO,
        help="runs that a worker trains at once, if alike (auto: measured on a GPU, 1 on the CPU)",
    )  # fmt: skip
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


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = build_parser().parse_args(arguments)
    try:
        return _main(options)
    except BrokenPipeError:
        drop_output()
        return EXIT_INCOMPLETE
    except AgadError as error:
        return _usage_error(str(error))
    except OSError as error:
        return _usage_error(f"{error.filename or options.results}: {error.strerror or error}")
    except KeyboardInterrupt:
        say("Interrupted.")
        return EXIT_INCOMPLETE


def _main(options: argparse.Namespace) -> int:
    if options.list_grids:
        return _list_grids()
    task = Task.here() if options.slurm_task else None
    plan = plan_of(options)
    if options.dry_run:
        return _dry_run(options, plan)
    execute = load_executor(options.executor)
    path = _save(plan, options)
    if options.prepare_data:
        _prepare(path, options, download=True)
        return EXIT_COMPLETE
    ray = ray_options.from_arguments(options)
    if plan.study is not None and ray.scheduler is not None:
        raise AgadError("--scheduler is not for a study's plan: tune.py --pruner gives its trials up")
    ray_options.check_judged(plan.specs, ray)
    if task is not None:
        _begin(task, options, plan)
    outcome = Outcome()
    with Display() as display, _retry_file(options, plan, task) as (policy, retry_path):
        sweep = _sweep(options, plan, path, display=display, policy=policy, retry=retry_path, task=task)
        if _is_open(sweep):
            _check_code(sweep, path, allow_change=options.allow_code_change)
            if not _is_submitted(options) or not _are_prepared(plan, options):
                _prepare(path, options, download=False, stopping=sweep.stopping)
            outcome = execute(sweep)
    if outcome.left_to:
        return _say_left(options, outcome)
    if task is not None and _is_open(sweep):
        return _end_task(task, sweep, outcome)
    status = _conclude(sweep, path, outcome)
    if task is not None:
        task.leave(sweep.picker())
    return status


def _is_open(sweep: Sweep) -> bool:
    """Whether there are runs to make, or may be."""
    picker = sweep.picker()
    return bool(picker.census().open) or picker.is_growing()


# -- the plan -----------------------------------------------------------------------------------------------------


def _save(plan: Plan, options: argparse.Namespace) -> Path:
    try:
        return plan.save(options.results)
    except OSError as error:
        raise StoreError(
            f"--results {options.results} is not writable ({error.strerror}); choose a folder that is"
        ) from error


def _check_code(sweep: Sweep, path: Path, *, allow_change: bool) -> None:
    """Refuse to mix code in a plan's rows; while it has none, and nobody is at them, the plan takes today's code."""
    picker = sweep.picker()
    runs = set(picker.specs)
    if not runs & picker.store.tries().keys() and not runs & picker.board.generations().keys():
        replace(sweep.plan, code=code_digest()).save(sweep.results, anew=True)
    check_code(Plan.load(path), allow_change=allow_change)


def _list_grids() -> int:
    for name in grid_names():
        grid = load_grid(name)
        print(f"{name:<12} {len(grid.cells) * grid.seeds:>5} runs  {grid.summary}")
    return EXIT_COMPLETE


def _dry_run(options: argparse.Namespace, plan: Plan) -> int:
    store = ResultStore(options.results)
    tries = store.tries()
    policy = RetryPolicy.retrying(tries) if options.retry_failed else RetryPolicy()
    states = {spec: policy.state(spec.run_id, tries.get(spec.run_id, ())) for spec in plan.specs}
    count = {state: list(states.values()).count(state) for state in ("done", "failed", "open")}
    print(
        f"{plan.title}: {len(plan.specs)} runs, {count['done']} done, {count['failed']} failed, {count['open']} to do"
    )
    for name, values in plan.axes.items():
        print(f"  {name}: {', '.join(values)}")
    if count["open"]:
        print(f"  {_forecast(options, store, states)}")
    if count["open"] and _is_submitted(options):
        rehearse = importlib.import_module("sweeps.executors.slurm").rehearse
        with Display() as display:
            path = plan.path(options.results)
            sweep = _sweep(options, plan, path, display=display, policy=policy, retry=None, task=None)
            for line in rehearse(sweep, min(options.workers or DEFAULT_TASKS, count["open"])):
                print(line)
    return EXIT_COMPLETE


def _forecast(options: argparse.Namespace, store: ResultStore, states: dict[Any, str]) -> str:
    measured = measured_seconds(store, [spec for spec, state in states.items() if state == "done"])
    seconds = seconds_left([spec for spec, state in states.items() if state == "open"], measured)
    if seconds is None:
        return "time: unknown until a run has finished here"
    workers = options.workers or default_workers(resolve_device(options.device), options.threads)
    return f"time: about {duration(seconds / workers)} with {workers} workers, from {len(measured)} finished runs"


# -- the sweep ----------------------------------------------------------------------------------------------------


def _prepare(plan_path: Path, options: argparse.Namespace, *, download: bool, stopping: Stopping | None = None) -> None:
    """Prepare the data in a process of its own, for it imports torch. Raises AgadError with its one line.

    Returns early where it is to stop: a preparation that is cut off leaves nothing behind.
    """
    command = [sys.executable, "-m", "sweeps.prepare", "--plan", str(plan_path), "--data", _data(options)]
    command += ["--cache", options.cache] if options.cache else []
    command += ["--download", "--list"] if download else []
    with children.without_warnings():
        process = subprocess.Popen(command, env=children.environment(), stderr=subprocess.PIPE, text=True)  # noqa: S603
    with process:
        said = _ended(process, stopping or Stopping())
    if process.returncode and not (stopping and stopping.is_set()):
        lines = said.strip().splitlines() or [f"preparing the data ended with status {process.returncode}"]
        raise AgadError(lines[-1])


def _ended(process: subprocess.Popen[str], stopping: Stopping) -> str:
    """What a process has written to standard error when it has ended, by itself or because all is to stop."""
    while True:
        try:
            return process.communicate(timeout=0.5)[1]
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                process.terminate()
        except BaseException:
            process.kill()
            raise


@contextlib.contextmanager
def _retry_file(
    options: argparse.Namespace, plan: Plan, task: Task | None
) -> Iterator[tuple[RetryPolicy, Path | None]]:
    """The retry policy, and the file that tells workers which failed runs are to be tried again."""
    if options.retry_until is not None:
        yield _policy_of(options.retry_until), options.retry_until
        return
    if not options.retry_failed:
        yield RetryPolicy(), None
        return
    policy = RetryPolicy.retrying(ResultStore(options.results).tries())
    text = json.dumps(dict(policy.until_attempt))
    if task is not None:  # what had failed when the array began: not anew at every requeue
        path = task.once("retry.json", text)
        yield _policy_of(path), path
        return
    if _is_submitted(options):  # jobs outlive this process
        path = jobs_folder(options.results.absolute(), plan) / f"retry-{uuid.uuid4().hex[:12]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_atomically(path, lambda temporary: temporary.write_text(text))
        yield policy, path
        return
    path = (
        options.results
        / "plans"
        / f"{files.TEMPORARY_PREFIX}retry-{plan.name}-{os.uname().nodename}-{os.getpid()}.json"
    )
    path.write_text(text)
    try:
        yield policy, path
    finally:
        path.unlink(missing_ok=True)


def _policy_of(path: Path) -> RetryPolicy:
    try:
        return RetryPolicy(until_attempt=json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read which failed runs are to be tried again: {path}: {error}") from error


def _sweep(
    options: argparse.Namespace,
    plan: Plan,
    path: Path,
    *,
    display: Display,
    policy: RetryPolicy,
    retry: Path | None,
    task: Task | None,
) -> Sweep:
    ray = ray_options.from_arguments(options)
    if options.executor == "ray" and options.pack > 1:
        raise AgadError("--pack is for the other executors: a trial of Ray is one run; take --resources gpu=0.25")
    worker = WorkerOptions(
        plan=str(path),
        results=str(options.results),
        data=_data(options),
        cache=options.cache,
        executor=options.executor,
        device=_device(options, ray),
        threads=options.threads,
        pack=options.pack,
        checkpoint_every=options.checkpoint_every,
        lease=options.lease,
        heartbeat=min(5.0, options.lease / 4),
        retry_until=None if retry is None else str(retry),
        keep_weights=options.keep_weights,
        allow_code_change=options.allow_code_change,
        keeps_pruned=ray.scheduler is not None,
    )
    return Sweep(
        plan=plan,
        results=options.results,
        worker=worker,
        workers=options.workers,
        policy=replace(policy, keeps_pruned=ray.scheduler is not None),
        display=display,
        stopping=_stopping(options.deadline, options.parent) if task is None else task.stopping,
        patience=_PATIENCE if task is None else min(_PATIENCE, _PATIENCE_SHARE * task.margin),
        leaves=task is not None,
        slurm=slurm_options(options),
        task=tuple(_task_arguments(options, path, retry)),
        ray=ray,
    )


def _pack(text: str) -> int:
    return AUTO if text == "auto" else positive(text)


def _stopping(deadline: float | None, parent: int | None) -> Stopping:
    def look() -> None:
        if parent is not None and os.getppid() != parent:
            stopping.stop("the process that started it is gone")

    stopping = Stopping(None if deadline is None else deadline - margin(deadline), ask=look)
    return stopping


def _device(options: argparse.Namespace, ray: RayOptions) -> str:
    """The workers' device: what this machine has, except where they are on others."""
    if _is_submitted(options):
        return str(options.device)
    if ray.address is not None and (options.device == "cuda" or (options.device == "auto" and ray.gpu)):
        return "cuda"  # the nodes' GPUs; a login node has none
    return resolve_device(options.device)


def _conclude(sweep: Sweep, path: Path, outcome: Outcome) -> int:
    """Compact, clear what closed runs left, print the table and what is missing; the exit status."""
    picker = sweep.picker()
    census = picker.census()
    try:
        picker.store.compact()
        picker.board.clear(census.done)
        _drop_checkpoints(sweep.results, census)
    except OSError as error:  # rows and claims are as good where they are
        say(f"launch.py: rows were not compacted: {error.strerror}")
    for damaged in picker.store.set_aside:
        say(f"Set aside, no row: {damaged.path} ({damaged.reason})")
    if census.done and sweep.plan.study is None:  # a study's runs are no table
        _print_table(sweep, path)
    if outcome.error:
        say(f"launch.py: error: {outcome.error}")
    if census.failed:
        _say_failures(picker, set(census.failed))
    runs = len(census.done) + len(census.failed) + len(census.open) + len(census.pruned)
    if census.pruned:
        say(f"{len(census.pruned)} runs were given up; without --scheduler the same command finishes them.")
    if census.open:
        say(f"{len(census.done)} of {runs} runs are done, {len(census.open)} are to do. Go on with:")
        say(f"  {_command_to_go_on()}")
    return EXIT_COMPLETE if len(census.done) + len(census.pruned) == runs else EXIT_INCOMPLETE


def _drop_checkpoints(results: Path, census: Census) -> None:
    """Unlink what workers that were killed have left behind: checkpoints of finished runs, halves of files."""
    folder = results / "checkpoints"
    done = set(census.done)
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.partition(".")[0] in done or (path.name.startswith(files.TEMPORARY_PREFIX) and not census.open):
            path.unlink(missing_ok=True)


def _say_failures(picker: Picker, failed: set[str]) -> None:
    """Name the failed runs, a few of them with their message and log."""
    columns = ["run_id", "failure_kind", "failure_message", "log"]
    rows = picker.store.read(columns, run_ids=failed).to_pylist()
    say(f"{len(failed)} runs failed; the table counts them, --retry-failed runs them once more:")
    for row in rows[:_FAILURES_SHOWN]:
        message = " ".join((row["failure_message"] or "").split())[:160]
        log = f" (log: {row['log']})" if row["log"] else ""
        say(f"  {describe(picker.specs[row['run_id']])}: {row['failure_kind']}: {message}{log}")
    if len(rows) > _FAILURES_SHOWN:
        say(f"  and {len(rows) - _FAILURES_SHOWN} more; status.py counts them by kind.")


def _print_table(sweep: Sweep, path: Path) -> None:
    """Print the table and keep it; what keeps rows from sharing one is said, and is no failure of the sweep."""
    tables = importlib.import_module("analysis.tables")
    target = sweep.results / "tables" / f"{sweep.plan.name}.md"
    try:
        markdown = tables.plan_table(sweep.results, path).to_markdown()
        print(markdown)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.replace_atomically(target, lambda temporary: temporary.write_text(markdown + "\n"))
    except (AgadError, OSError) as error:
        say(f"launch.py: no table: {' '.join(str(error).split())}")
    else:
        say(f"The table is in {target}")


def _command_to_go_on() -> str:
    return command_line(sys.argv)


# -- Slurm --------------------------------------------------------------------------------------------------------


def _is_submitted(options: argparse.Namespace) -> bool:
    """Whether runs are made by jobs, on other machines than this one."""
    return bool(options.executor == "slurm")


def _are_prepared(plan: Plan, options: argparse.Namespace) -> bool:
    """Whether the cache has some preparation of each data set: jobs look whether it is the right one."""
    root = cache_root(options.cache)
    wanted = {(spec.dataset, spec.image_size) for spec in plan.specs}
    return all(prepared_folders(root, dataset, image_size) for dataset, image_size in wanted)


def _task_arguments(options: argparse.Namespace, path: Path, retry: Path | None) -> list[str]:
    """The command line of launch.py by which a job works at this sweep.

    Paths are absolute, but links in them stay: what they stand for may differ between nodes. What is not given here,
    the job's own set-up lines may say ($AGAD_DATA, $AGAD_CACHE).
    """
    arguments = [str(children.ROOT / "sweeps" / "launch.py"), "--slurm-task", "--executor", "local"]
    arguments += ["--plan", str(path.absolute()), "--results", str(options.results.absolute())]
    arguments += ["--data", str(Path(options.data).absolute())] if options.data else []
    arguments += ["--cache", str(Path(options.cache).absolute())] if options.cache else []
    arguments += ["--retry-until", str(retry)] if retry is not None else []
    arguments += ["--threads", str(options.threads), "--device", options.device]
    arguments += ["--pack", str(options.pack or "auto")]
    arguments += ["--checkpoint-every", str(options.checkpoint_every), "--lease", str(options.lease)]
    arguments += ["--deadline", str(options.deadline)] if options.deadline is not None else []
    for flag in ("keep_weights", "allow_code_change"):
        arguments += [f"--{flag.replace('_', '-')}"] if getattr(options, flag) else []
    return arguments


def _begin(task: Task, options: argparse.Namespace, plan: Plan) -> None:
    if options.device == "auto":
        task.check_gpus(visible_gpus())
    task.begin(jobs_folder(options.results, plan), options.deadline)
    task.write_to(logs_folder(options.results, plan) / f"task-{task.job.name}.log")


def _end_task(task: Task, sweep: Sweep, outcome: Outcome) -> int:
    """Leave the sweep to other tasks, or to this one when it comes back; the exit status of a job that did its part."""
    if outcome.error:
        say(f"launch.py: error: {outcome.error}")
        return EXIT_INCOMPLETE
    say("Others are at the runs that are left." if outcome.stopped is None else f"Stopped: {outcome.stopped}.")
    task.requeue(sweep.picker())
    return EXIT_COMPLETE


def _say_left(options: argparse.Namespace, outcome: Outcome) -> int:
    """What goes on without this process, and how to look at it."""
    say(f"The sweep goes on in Slurm (job {', '.join(outcome.left_to)}). Look at it with:")
    status = [str(Path(__file__).with_name("status.py")), "--results", str(options.results), *plan_arguments(options)]
    print(command_line(status))
    return EXIT_COMPLETE


# -- small things -------------------------------------------------------------------------------------------------


def _data(options: argparse.Namespace) -> str:
    """The folder of the raw data."""
    return str(options.data or "data")


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


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _usage_error(message: str) -> int:
    say(f"launch.py: error: {message}")
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
