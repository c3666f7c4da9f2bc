"""Which failed runs a launch tries again, and how its workers are told: they are other processes, jobs among them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from agad import files
from agad.errors import StoreError
from agad.store.rows import ResultStore

from ..executors.slurm.task import Task
from ..executors.sweep import jobs_folder
from ..plan import Plan, RetryPolicy
from .options import is_submitted


@contextlib.contextmanager
def retry_file(options: argparse.Namespace, plan: Plan, task: Task | None) -> Iterator[tuple[RetryPolicy, Path | None]]:
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
    if is_submitted(options):  # jobs outlive this process
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
