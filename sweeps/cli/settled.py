"""Which plan a launch works at, where an earlier task of the same job has settled that. It imports no torch."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from agad import files, json_file
from agad.errors import StoreError
from agad.plan.plan import Plan
from agad.spec.datasets import is_plain_name
from agad.store.folder import ResultsFolder

from ..executors.slurm.job import Job
from .arguments import plan_arguments, plan_of


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
