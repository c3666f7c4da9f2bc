"""Tune the loss weights with Optuna, by a validation score that no test image has a part in.

    python sweeps/tune.py --study NAME --select dataset=fashion_mnist --select normal_class=0,3,6 --trials 60
    python sweeps/tune.py --study NAME --trials 100                    (the same study, continued)
    python sweeps/launch.py --grid table1 --select dataset=fashion_mnist --set-from-study NAME

Searches lambda_adv, lambda_con, lambda_adcon and lambda_lat (--range says otherwise) for the mean over the selected
cells and seeds. Of the training images, a tenth of the normals and as many labelled anomalies are set apart for the
score (--set validation=..., validation_anomalies=..., validation_anomaly_classes=...). All options of launch.py that
set where and how runs are made are taken as well: --executor, --workers, --data, --device, --slurm and the like.
Exit status: 0 that number of trials has ended, 1 stopped before, 2 a usage error.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agad import console
from agad.console import EXIT_INCOMPLETE, EXIT_OK
from agad.errors import AgadError
from agad.plan.study import read_study
from agad.spec.run import VALIDATION_PROTOCOLS, RunSpec
from agad.store.folder import ResultsFolder, StudyFolder

from ..executors.slurm.options import DEFAULT_TASKS
from ..executors.slurm.task import margin
from ..machine import program
from ..machine.devices import default_workers, resolve_device
from ..machine.memory import worker_bytes
from ..tuning.cells import study_cells
from ..tuning.launcher import LauncherEndedError
from ..tuning.lease import Lease
from ..tuning.optimiser import PRUNERS, SAMPLERS, check_choice, import_optuna, open_storage
from ..tuning.rebuild import rebuild_journal
from ..tuning.settings import OBJECTIVES, StudySettings, check_same, check_together, load_settings
from ..tuning.space import space_of
from ..tuning.study import Search, save_plan, say_nameless, work
from ..worker.options import data_folder
from ..worker.stopping import Stopping
from .arguments import Parser, positive, say
from .options import build_parser as build_launch_parser

_TOGETHER_AUTO = 4
"""Trials proposed at once for each worker that measures how many runs it advances at once."""
_NOT_PASSED_ON = {
    "grid", "plan", "list_grids", "seeds", "select", "set", "set_from_study", "retry_failed", "dry_run", "prepare_data",
    "slurm_task", "options", "parent", "wait", "scheduler",
}  # fmt: skip
"""Options of launch.py that a study has no use for, or its own meaning of."""


def build_parser() -> argparse.ArgumentParser:
    """The options of the study itself; the rest is launch.py's."""
    parser = Parser(program.title("tune"), __doc__)
    what = parser.add_argument_group("what")
    what.add_argument("--study", metavar="NAME", required=True, help="the study; continued where it exists")
    what.add_argument("--trials", metavar="N", type=positive, help="trials that are to have ended, in all")
    what.add_argument("--grid", metavar="NAME", help="the grid that cells are selected from, by name or file (table1)")
    what.add_argument("--seeds", metavar="N", type=positive, help="seeds 0 to N-1 of each cell (1)")
    what.add_argument("--select", metavar="FIELD=V[,V...]", action="append", default=[], help="keep these runs only")
    what.add_argument("--set", metavar="FIELD=VALUE", action="append", default=[], help="change a field of every run")
    what.add_argument(
        "--anomaly-classes", metavar="K", type=positive,
        help="anomalies of K classes only, a fixed draw for each cell; tables then show test AUROC on the others apart",
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
    how.add_argument("--rebuild", action="store_true", help="make the study again from the rows, and stop")
    how.add_argument(
        "--no-launch",
        action="store_true",
        help="start no workers: `launch.py --plan RESULTS/studies/NAME/plan.json` does",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    console.replace_unprintable()
    parser = build_parser()
    own, rest = parser.parse_known_args(arguments)
    launch_parser = build_launch_parser()
    launch_parser.prog = parser.prog
    launch = launch_parser.parse_args(rest)
    call = _Call(own, launch, tuple(rest))
    again = console.shell_line([*program.command("tune"), *sys.argv[1:]])
    return console.run(lambda: _main(call), program.title("tune"), about=launch.results, again=again)


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
    folder = ResultsFolder(launch.results).study(own.study)
    settings = _settings(own, folder, launch.results)
    check_choice(settings, own.sampler, own.pruner)
    check_together(settings, launch.together)
    if own.trials is None and not own.rebuild:
        raise AgadError("--trials is missing: how many trials are to have ended, in all")
    if own.rebuild and own.storage is not None:
        raise AgadError("--rebuild is for a study's journal; a database has its own backups")
    import_optuna()
    workers = 0 if own.rebuild else _workers(launch, settings.specs)
    database = None if own.storage is None else open_storage(folder, own.storage, lambda: None)
    settings = settings.save(folder)  # the last: what was refused above has left nothing that a corrected call meets
    search = Search(
        results=launch.results,
        settings=settings,
        sampler=own.sampler,
        pruner=own.pruner,
        seed=own.sampler_seed,
        database=database,
        lease=launch.lease,
        say=say,
    )
    stopping = _stopping(launch.deadline)
    lease = search.hold(stopping)
    try:
        if own.rebuild:
            found = rebuild_journal(search, lease)
            say(f"Study {settings.name}: {len(found.trials)} trials from the rows; go on with --trials N.")
            for line in found.lines:
                say(line)
            return EXIT_OK
        return _work(call, search, lease, stopping, workers)
    except LauncherEndedError as error:
        say(f"{program.title('tune')}: error: {error}")
        return EXIT_INCOMPLETE
    finally:
        lease.release()


def _work(call: _Call, search: Search, lease: Lease, stopping: Stopping, workers: int) -> int:
    own, launch = call.own, call.launch
    plan = save_plan(search, allow_change=launch.allow_code_change)
    if own.no_launch:
        by_hand = [*program.command("launch"), "--results", str(launch.results), "--plan", str(plan)]
        say(f"Workers are started by: {console.shell_line(by_hand)}")
    is_complete = work(
        search,
        lease,
        stopping,
        trials=own.trials,
        workers=workers * (launch.together or _TOGETHER_AUTO),
        launch=None if own.no_launch else [*call.rest, *_launch_arguments(launch, plan, workers)],
    )
    say_nameless(search)
    return _conclude(search.folder, is_complete=is_complete)


# -- what is tuned ------------------------------------------------------------------------------------------------


def _settings(own: argparse.Namespace, folder: StudyFolder, results: Path) -> StudySettings:
    """The study as the options define it; the existing one where only its name is given. Raises AgadError."""
    database = own.storage is not None
    defines = own.grid or own.select or own.set or own.seeds or own.range or own.objective or own.protocol
    defines = defines or own.anomaly_classes
    if not defines and folder.settings.exists():
        there = load_settings(folder)
        check_same(there, dataclasses.replace(there, name=folder.path.name, database=database))
        return there
    if not own.select and not own.grid:
        raise AgadError("--select is missing: choose the cells to tune, as --select dataset=mnist")
    protocol = own.protocol or "eval"
    if protocol not in VALIDATION_PROTOCOLS:
        raise AgadError(f"unknown protocol {protocol!r}; choose from: {', '.join(VALIDATION_PROTOCOLS)}")
    title, specs = study_cells(
        own.grid or "table1",
        results,
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


def _conclude(folder: StudyFolder, *, is_complete: bool) -> int:
    """Print what was found; the exit status."""
    study = read_study(folder)
    print(f"Study {study.name}: {study.states}")
    for best in (trial for trial in study.trials if trial.number == study.best):
        values = " ".join(f"{name}={value}" for name, value in best.values.items())
        print(f"Best: trial {best.number}, validation AUROC {best.scores[0]:.4f}: {values}")
        print(f"Run a table with it: launch.py --grid GRID --set-from-study {study.name}")
    return EXIT_OK if is_complete else EXIT_INCOMPLETE


# -- workers ------------------------------------------------------------------------------------------------------


def _check_passed_on(launch: argparse.Namespace) -> None:
    for name in _NOT_PASSED_ON:
        if getattr(launch, name, None):
            raise AgadError(f"--{name.replace('_', '-')} is for launch.py")


def _workers(launch: argparse.Namespace, specs: Sequence[RunSpec]) -> int:
    """The number of workers."""
    if launch.workers:
        return int(launch.workers)
    if launch.executor == "slurm":
        return DEFAULT_TASKS
    if launch.address:
        raise AgadError("--workers is missing: how many runs the cluster at --address makes at once")
    memory = worker_bytes(specs, data_folder(launch.data))
    return max(1, default_workers(resolve_device(launch.device), launch.threads, memory))


def _launch_arguments(launch: argparse.Namespace, plan: Path, workers: int) -> list[str]:
    """What launch.py is given beside what was given here."""
    arguments = ["--plan", str(plan)]
    arguments += [] if launch.workers else ["--workers", str(workers)]
    return arguments + (["--wait"] if launch.executor == "slurm" else [])


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
