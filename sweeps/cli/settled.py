"""Which plan a launch works at, where an earlier launch or task of the same has settled that. It imports no torch."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from agad import files, json_file
from agad.errors import AgadError, StoreError
from agad.plan.plan import Plan
from agad.plan.tuned import Tuned
from agad.spec.datasets import is_plain_name
from agad.store.folder import ResultsFolder

from ..executors.slurm.job import Job
from ..executors.sweep import Sweep
from .arguments import plan_arguments, plan_of

_STATED = ("trials", "score", "anomalies", "classes")
"""What rows and tables state of a study, beside the trial; a plan's name does not depend on it."""


def plan_to_launch(options: argparse.Namespace, job: Job | None) -> Plan:
    """The plan that the options mean; to all tasks of a job, and to each of their restarts, that of the first task.

    Else a study that found another best trial in between, or a grid's file that was edited, would give tasks of one
    array plans of their own, and a requeued one would leave its runs half done. Raises AgadError.
    """
    if job is None or options.plan is not None or options.dry_run:
        return plan_of(options)
    folder = ResultsFolder(options.results)
    arguments = hashlib.sha256(json.dumps(plan_arguments(options)).encode()).hexdigest()[:8]  # a job may run several
    record = folder.settled_plan(job.array, arguments)
    if not record.exists():
        path = save_plan(plan_of(options), options.results)
        folder.make(record.parent)
        files.create_text(record, json_file.dumps({"plan": path.stem}))
    options.plan = folder.plan(_name(record))
    return Plan.load(options.plan)


def _name(record: Path) -> str:
    try:
        name = str(json_file.loads(files.read_file(record))["plan"])
        if not is_plain_name(name):
            raise ValueError(f"{name!r} is no name of a plan")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"cannot read which plan the tasks of this job work at: {record}: {error}") from error
    return name


def save_plan(plan: Plan, results: Path) -> Path:
    """Write the plan file where there is none; its path. Raises StoreError, one line."""
    try:
        return plan.save(results)
    except OSError as error:
        raise StoreError(
            f"--results {results} is not writable ({files.error_line(error)}); choose a folder that is"
        ) from error


def check_stated(sweep: Sweep) -> None:
    """Refuse to go on with a plan whose file states other things of its study than the study does now.

    So where the study went on and its best trial stayed, or was made again under its name: rows and tables would state
    what is no longer so. A plan that no run has begun of is written again by settle_code. Raises AgadError, one line.
    """
    now, path = sweep.plan.tuned, sweep.plan.path(sweep.results)
    there = None if now is None else Plan.load(path).tuned
    if now is None or there is None:
        return
    differing = [name for name in _STATED if getattr(there, name) != getattr(now, name)]
    if differing and sweep.picker().has_begun():
        raise AgadError(
            f"{path} states of study {there.study}: {_stated(there, differing)}; the study has now: "
            f"{_stated(now, differing)}. Go on with what was stated by --plan {path}, or move that file away, "
            "and the same launch makes one that states what is so now"
        )


def _stated(tuned: Tuned, names: list[str]) -> str:
    """Some of what is stated, for people."""
    shown = tuned.to_dict()
    return ", ".join(f"{name} {json.dumps(shown[name])}" for name in names)
