"""Which failed runs a launch attempts again, and the file by which its workers learn it, in jobs too."""

from __future__ import annotations

import argparse
import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from agad import files
from agad.plan.plan import Plan
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore

from ..executors.slurm.task import Task
from ..worker.retry import RetryPolicy
from .options import is_submitted


@contextlib.contextmanager
def retry_file(options: argparse.Namespace, plan: Plan, task: Task | None) -> Iterator[tuple[RetryPolicy, Path | None]]:
    """The retry policy, and the file from which workers read which failed runs to attempt again."""
    if options.retry_until is not None:
        yield RetryPolicy.load(options.retry_until), options.retry_until
        return
    if not options.retry_failed:
        yield RetryPolicy(), None
        return
    policy = RetryPolicy.retrying(ResultStore(options.results).tries())
    text = policy.to_json()
    if task is not None:  # what had failed when the array began: not once more at every requeue
        path = task.once("retry.json", text)
        yield RetryPolicy.load(path), path
        return
    if is_submitted(options):  # jobs outlive this process
        path = ResultsFolder(options.results.absolute()).jobs(plan.name) / f"retry-{uuid.uuid4().hex[:12]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_atomically(path, lambda temporary: temporary.write_text(text))
        yield policy, path
        return
    name = f"{files.TEMPORARY_PREFIX}retry-{plan.name}-{os.uname().nodename}-{os.getpid()}"
    path = ResultsFolder(options.results).plan(name)
    path.write_text(text)
    try:
        yield policy, path
    finally:
        path.unlink(missing_ok=True)
