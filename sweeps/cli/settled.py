"""Which plan a launch works at, where an earlier launch or task of the same has settled that. It imports no torch."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

from agad import files, json_file
from agad.errors import AgadError, StoreError
from agad.plan.plan import Plan
from agad.plan.tuned import Tuned
from agad.spec.datasets import is_plain_name
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore

from ..executors.slurm.job import Job
from ..worker.picking import Picker
from ..worker.retry import RetryPolicy
from .arguments import plan_arguments, plan_of, say

_STATED = ("trials", "score", "anomalies", "classes")
"""What rows and tables state of a study, beside the trial; a plan's name does not depend on it."""


def plan_to_launch(options: argparse.Namespace, job: Job | None) -> Plan:
    """The plan that the options mean; to all tasks of an array, and to each restart of a job, that of the first task.

    Else a study that found another best trial in between, or a grid's file that was edited, would give tasks of one
    array plans of their own, and a requeued one would leave its runs half done. Raises AgadError.
    """
    if job is None or options.plan is not None or options.dry_run:
        return plan_of(options, makes_runs=not options.dry_run)
    folder = ResultsFolder(options.results)
    given = [*plan_arguments(options), os.environ.get("SLURM_CLUSTER_NAME", "")]  # a job may run several commands
    record = folder.settled_plan(job.array, hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8])
    begins = not job.is_task and not job.restarts  # a second command of one job means what is so now
    if begins or not record.exists():
        plan = plan_of(options)
        path = save_plan(plan, options.results)
        check_stated(plan, options.results)
        folder.make(record.parent)
        text = json_file.dumps({"of": record.stem, "plan": path.stem})
        if begins:
            files.replace_text(record, text)
        elif not files.create_text(record, text):  # another task was first
            plan = _settled(options, folder, record)
        options.plan = plan.path(options.results)
        return plan
    return _settled(options, folder, record)


def _settled(options: argparse.Namespace, folder: ResultsFolder, record: Path) -> Plan:
    options.plan = folder.plan(_name(record))
    say(f"The plan is {options.plan}, as the first task of this job has settled in {record}.")
    return Plan.load(options.plan)


def _name(record: Path) -> str:
    try:
        content = json_file.loads(files.read_file(record))
        name, of = str(content["plan"]), content.get("of", record.stem)  # an older agad's does not say whose it is
        if of != record.stem:
            raise ValueError(
                f"it is the record of another job ({of}); move it away, and the next task or restart of this job "
                "settles the plan again"
            )
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


def check_stated(plan: Plan, results: Path) -> None:
    """Refuse to go on with a plan whose file states other things of its study than the study does now.

    So where the study went on and its best trial stayed, or was made again under its name: rows and tables would state
    what is no longer so. A plan that no run has begun of is written again by settle_code. Raises AgadError, one line.
    """
    now, path = plan.tuned, plan.path(results)
    there = None if now is None else Plan.load(path).tuned
    if now is None or there is None:
        return
    differing = [name for name in _STATED if getattr(there, name) != getattr(now, name)]
    board = ClaimBoard(results, Owner.this_process("launcher"))
    if differing and Picker(plan, ResultStore(results), board, RetryPolicy()).has_begun():
        raise AgadError(
            f"{path} states of study {there.study}: {_stated(there, differing)}; the study has now: "
            f"{_stated(now, differing)}. Go on with what was stated by --plan {path}, or move that file away, "
            "and the same launch makes one that states what is so now"
        )


def _stated(tuned: Tuned, names: list[str]) -> str:
    """Some of what is stated, for people."""
    shown = tuned.to_dict()
    return ", ".join(f"{name} {json.dumps(shown[name])}" for name in names)
