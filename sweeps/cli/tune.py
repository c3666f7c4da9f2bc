"""Tune the loss weights with Optuna, by a validation score that no test image has a part in.

    python sweeps/tune.py --study NAME --select dataset=fashion_mnist --select normal_class=0,3,6 --trials 60
    python sweeps/tune.py --study NAME --trials 100                    (the same study, continued)
    python sweeps/launch.py --grid table1 --select dataset=fashion_mnist --set-from-study NAME

Searches lambda_adv, lambda_con, lambda_adcon and lambda_lat (--range says otherwise) for the mean over the selected
cells and seeds. Of the training images, a tenth of the normals and as many labelled anomalies are set apart for the
score (--set validation=..., validation_anomalies=..., validation_anomaly_classes=...). All options of launch.py that
say where and how runs are made are taken as well: --executor, --workers, --data, --device, --slurm and the like.
Exit status: 0 so many trials have ended, 1 stopped before, 2 a usage error.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad.errors import AgadError
from agad.spec.run import VALIDATION_PROTOCOLS, RunSpec
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore

from ..executors.slurm.options import DEFAULT_TASKS
from ..executors.slurm.task import margin
from ..executors.sweep import logs_folder
from ..machine import program
from ..machine.devices import default_workers, resolve_device
from ..machine.memory import worker_bytes
from ..plan import Plan, check_code
from ..tuning.cells import study_cells
from ..tuning.clearing import clear
from ..tuning.coordinator import Coordinator
from ..tuning.journal import JOURNAL, set_aside
from ..tuning.launcher import Launcher
from ..tuning.lease import Lease
from ..tuning.optimiser import PRUNERS, SAMPLERS, Optimiser, check_choice, import_optuna, open_storage
from ..tuning.outcomes import Rows, count_steps
from ..tuning.rebuild import rebuild
from ..tuning.settings import OBJECTIVES, SETTINGS, StudySettings, check_same, load_settings
from ..tuning.space import space_of
from ..tuning.summary import read_summary, write_summary
from ..worker.growing import Feed, study_folder
from ..worker.stopping import Stopping
from .arguments import Parser, drop_output, positive, say
from .options import build_parser as build_launch_parser

EXIT_COMPLETE, EXIT_INCOMPLETE, EXIT_USAGE = 0, 1, 2
_SUMMARY_EVERY = 60.0
"""Seconds between two summaries while trials end."""
_LAUNCHER_PATIENCE = 20.0
"""Seconds that a launcher gets to see that the plan grows no more."""
_NOT_PASSED_ON = {
    "grid", "plan", "list_grids", "seeds", "select", "set", "set_from_study", "retry_failed", "dry_run", "prepare_data",
    "slurm_task", "options", "parent", "wait", "scheduler",
}  # fmt: skip
"""Options of launch.py that a study has no use for, or its own meaning of."""


def build_parser() -> argparse.ArgumentParser:
    """The options of the study itself; the rest is launch.py's."""
    parser = Parser(program.title("tune"), __doc__)
    what = parser.add_argument_group("what")
    what.add_argument("--study", metavar="NAME", required=True, help="the study; continued where it is there")
    what.add_argument("--trials", metavar="N", type=positive, help="trials that are to have ended, in all")
    what.add_argument("--grid", metavar="NAME", help="the grid that cells are selected from (table1)")
    what.add_argument("--seeds", metavar="N", type=positive, help="seeds 0 to N-1 of each cell (1)")
    what.add_argument("--select", metavar="FIELD=V[,V...]", action="append", default=[], help="keep these runs only")
    what.add_argument("--set", metavar="FIELD=VALUE", action="append", default=[], help="change a field of every run")
    what.add_argument(
        "--anomaly-classes", metavar="K", type=positive,
        help="anomalies of K classes only, a fixed draw for each cell; test AUROC on the others is then told apart",
    )  # fmt: skip
    how = parser.add_argument_group("how it is searched")
    how.add_argument(
        "--range", metavar="FIELD=LOW:HIGH", action="append", default=[],
        help="search this field, instead of the four loss weights; with :linear or :log, or FIELD=VALUE,VALUE",
    )  # fmt: skip
    how.add_argument("--sampler", metavar="NAME", default="tpe", help=f"{', '.join(SAMPLERS)} (tpe)")
    how.add_argument("--sampler-seed", metavar="N", type=int, default=0, help="seed of the sampler (0)")
    how.add_argument("--pruner", metavar="NAME", default="none", help=f"{', '.join(PRUNERS)} (none)")
    how.add_argument("--objective", metavar="NAME[,NAME]", help=f"auroc, or with it {', '.join([*OBJECTIVES][1:])}")
    how.add_argument(
        "--protocol", metavar="NAME", help=f"of the validation AUROC: {', '.join(VALIDATION_PROTOCOLS)} (eval)"
    )
    how.add_argument("--storage", metavar="URL", help="a database for the study, instead of a journal in its folder")
    how.add_argument("--rebuild", action="store_true", help="make the study anew from the rows, and stop")
    how.add_argument(
        "--no-launch",
        action="store_true",
        help="start no workers: `launch.py --plan RESULTS/studies/NAME/plan.json` does",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    parser = build_parser()
    own, rest = parser.parse_known_args(arguments)
    launch_parser = build_launch_parser()
    launch_parser.prog = parser.prog
    launch = launch_parser.parse_args(rest)
    try:
        return _main(_Call(own, launch, tuple(rest)))
    except BrokenPipeError:
        drop_output()
        return EXIT_INCOMPLETE
    except AgadError as error:
        return _usage_error(" ".join(str(error).split()))
    except OSError as error:
        return _usage_error(f"{error.filename or launch.results}: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class _Call:
    """A command line.

    Attributes:
        own: options of the study.
        launch: options of launch.py.
        rest: the words of those, which are passed on.
    """

    own: argparse.Namespace
    launch: argparse.Namespace
    rest: tuple[str, ...]


def _main(call: _Call) -> int:
    own, launch = call.own, call.launch
    _check_passed_on(launch)
    folder = study_folder(launch.results, own.study)
    settings = _settings(own, folder)
    check_choice(settings, own.sampler, own.pruner)
    if own.trials is None and not own.rebuild:
        raise AgadError("--trials is missing: how many trials are to have ended, in all")
    if own.rebuild and own.storage is not None:
        raise AgadError("--rebuild is for a study's journal; a database has its own backups")
    import_optuna()
    workers = 0 if own.rebuild else _workers(launch, settings.specs)
    database = None if own.storage is None else open_storage(folder, own.storage, lambda: None)
    settings = settings.save(folder)  # the last: what was refused above has left nothing that a corrected call meets
    stopping = _stopping(launch.deadline)
    lease = Lease(folder, settings.name, launch.lease, stopping, say)
    try:
        if own.rebuild:
            return _rebuild(call, settings, lease)
        return _work(call, settings, lease, stopping, database=database, workers=workers)
    finally:
        lease.release()


# -- what is tuned ------------------------------------------------------------------------------------------------


def _settings(own: argparse.Namespace, folder: Path) -> StudySettings:
    """The study as asked for; as it is there, where only its name is given. Raises AgadError."""
    database = own.storage is not None
    asks = own.grid or own.select or own.set or own.seeds or own.range or own.objective or own.protocol
    asks = asks or own.anomaly_classes
    if not asks and (folder / SETTINGS).exists():
        there = load_settings(folder)
        if there.database != database:
            check_same(there, dataclasses.replace(there, database=database))
        return there
    if not own.select and not own.grid:
        raise AgadError("--select is missing: say which cells are tuned, as --select dataset=mnist")
    protocol = own.protocol or "eval"
    if protocol not in VALIDATION_PROTOCOLS:
        raise AgadError(f"unknown protocol {protocol!r}; choose from: {', '.join(VALIDATION_PROTOCOLS)}")
    title, specs = study_cells(
        own.grid or "table1",
        seeds=own.seeds or 1,
        select=own.select,
        overrides=own.set,
        anomaly_classes=own.anomaly_classes,
        protocol=protocol,
    )
    return StudySettings(
        name=own.study,
        title=title,
        specs=specs,
        axes=space_of(own.range, specs),
        objectives=tuple((own.objective or "auroc").split(",")),
        protocol=protocol,
        database=database,
    )


def _save_plan(settings: StudySettings, launch: argparse.Namespace) -> Plan:
    """The plan that workers are started with. Raises AgadError where agad/ has changed since it was made."""
    plan = Plan(f"study {settings.name}", (), (), settings.specs, code_digest(), settings.name)
    path = plan.save(launch.results)
    check_code(Plan.load(path), allow_change=launch.allow_code_change)
    return plan


# -- the study ----------------------------------------------------------------------------------------------------


def _work(
    call: _Call, settings: StudySettings, lease: Lease, stopping: Stopping, *, database: Any | None, workers: int
) -> int:
    own, launch = call.own, call.launch
    plan = _save_plan(settings, launch)
    folder = study_folder(launch.results, settings.name)
    storage = open_storage(folder, None, lease.check) if database is None else database
    optimiser = _optimiser(own, settings, storage)
    feed = Feed(folder, launch.lease)
    rows = Rows(ResultStore(launch.results), settings.protocol)
    launcher = Launcher(
        [*call.rest, *_launch_arguments(launch, plan, workers)], _log(launch, plan), lambda: coordinator.ended
    )
    summaries = _Summaries(folder, optimiser, feed, rows, {"sampler": own.sampler, "pruner": own.pruner})

    def idle() -> None:
        if not own.no_launch and coordinator.is_waiting:
            launcher.supervise()
        summaries.write_if_due(coordinator.ended)

    coordinator = Coordinator(
        optimiser, feed, rows, lease, stopping,
        workers=workers * launch.together, judged=own.pruner != "none", say=say, idle=idle,
    )  # fmt: skip
    if own.no_launch:
        say(f"Workers are started by: {shlex.join(_by_hand(launch, plan))}")
    try:
        is_complete = coordinator.run(own.trials)
    except BaseException:
        launcher.stop()
        raise
    finally:
        summaries.write()
    if is_complete:
        lease.release()  # the plan grows no more: workers end
        launcher.wait(_LAUNCHER_PATIENCE)
        clear(launch.results, settings.name, rows)
    else:
        say(f"Stopping: {stopping.reason}. Workers finish their update and write checkpoints.")
        launcher.stop()
    return _conclude(folder, is_complete=is_complete)


def _optimiser(own: argparse.Namespace, settings: StudySettings, storage: Any, *, begins: bool = True) -> Optimiser:
    return Optimiser(
        settings,
        storage,
        sampler=own.sampler,
        pruner=own.pruner,
        steps=count_steps(settings.specs),
        seed=own.sampler_seed,
        begins=begins,
    )


class _Summaries:
    """Writes the study's summary now and then while trials end, and at the end."""

    def __init__(self, folder: Path, optimiser: Optimiser, feed: Feed, rows: Rows, how: dict[str, str]) -> None:
        self._folder, self._optimiser, self._feed, self._rows, self._how = folder, optimiser, feed, rows, how
        self._due = time.monotonic() + _SUMMARY_EVERY
        self._ended = 0

    def write_if_due(self, ended: int) -> None:
        """Write where some time has passed, and trials have ended."""
        if time.monotonic() >= self._due and ended > self._ended:
            self._ended = ended
            self.write()
            self._due = time.monotonic() + _SUMMARY_EVERY

    def write(self) -> None:
        """Write it."""
        runs = {spec.run_id for specs in self._feed.trials() for spec in specs}
        self._rows.look(runs, self._feed.verdicts().withdrawn)
        write_summary(self._folder, self._optimiser, self._rows.known, how=self._how)


def _rebuild(call: _Call, settings: StudySettings, lease: Lease) -> int:
    """Make the study anew from the rows; what was there is set aside."""
    own, launch = call.own, call.launch
    folder = study_folder(launch.results, settings.name)
    set_aside(folder / JOURNAL)
    optimiser = _optimiser(own, settings, open_storage(folder, None, lease.check), begins=False)
    feed, rows = Feed(folder, launch.lease), Rows(ResultStore(launch.results), settings.protocol)
    number = rebuild(settings, optimiser, feed, rows)
    _Summaries(folder, optimiser, feed, rows, {"sampler": own.sampler, "pruner": own.pruner}).write()
    say(f"Study {settings.name}: {number} trials from the rows; go on with --trials N.")
    return EXIT_COMPLETE


def _conclude(folder: Path, *, is_complete: bool) -> int:
    """Say what was found; the exit status."""
    content = read_summary(folder)
    states = [trial["state"] for trial in content["trials"]]
    print(f"Study {content['name']}: {', '.join(f'{states.count(s)} {s}' for s in sorted(set(states)))}")
    if content["best"] is None:
        return EXIT_COMPLETE if is_complete else EXIT_INCOMPLETE
    best = next(trial for trial in content["trials"] if trial["number"] == content["best"])
    values = " ".join(f"{name}={value}" for name, value in best["values"].items())
    print(f"Best: trial {best['number']}, validation AUROC {best['scores'][0]:.4f}: {values}")
    print(f"Run a table with it: launch.py --grid GRID --set-from-study {content['name']}")
    return EXIT_COMPLETE if is_complete else EXIT_INCOMPLETE


# -- workers ------------------------------------------------------------------------------------------------------


def _check_passed_on(launch: argparse.Namespace) -> None:
    for name in _NOT_PASSED_ON:
        if getattr(launch, name, None):
            raise AgadError(f"--{name.replace('_', '-')} is for launch.py")


def _workers(launch: argparse.Namespace, specs: Sequence[RunSpec]) -> int:
    """How many workers there are to be."""
    if launch.workers:
        return int(launch.workers)
    if launch.executor == "slurm":
        return DEFAULT_TASKS
    if launch.address:
        raise AgadError("--workers is missing: how many runs the cluster at --address is to make at once")
    return max(1, default_workers(resolve_device(launch.device), launch.threads, worker_bytes(specs)))


def _launch_arguments(launch: argparse.Namespace, plan: Plan, workers: int) -> list[str]:
    """What launch.py is told beside what was given here."""
    arguments = ["--plan", str(plan.path(launch.results))]
    arguments += [] if launch.workers else ["--workers", str(workers)]
    return arguments + (["--wait"] if launch.executor == "slurm" else [])


def _by_hand(launch: argparse.Namespace, plan: Plan) -> list[str]:
    return [*program.command("launch"), "--results", str(launch.results), "--plan", str(plan.path(launch.results))]


def _log(launch: argparse.Namespace, plan: Plan) -> Path:
    return logs_folder(launch.results, plan) / "launch.log"


# -- small things -------------------------------------------------------------------------------------------------


def _stopping(deadline: float | None) -> Stopping:
    """Set by the first Ctrl-C or SIGTERM, and some time before the deadline; the second ends this process at once."""
    stopping = Stopping(None if deadline is None else deadline - margin(deadline))

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.stop(f"it got {signal.Signals(number).name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _usage_error(message: str) -> int:
    say(f"{program.title('tune')}: error: {message}")
    return EXIT_USAGE
