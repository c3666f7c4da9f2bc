"""Which failed runs a launch gives another attempt. Its workers read it with their other options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from agad import files, json_file
from agad.errors import StoreError
from agad.store.rows import ResultStore

from ..executors.slurm.task import Task
from ..worker.retry import RetryPolicy


def runs_to_retry(options: argparse.Namespace, task: Task | None) -> Mapping[str, int]:
    """run_id -> attempt, up to which failed rows get another attempt. Raises StoreError."""
    if options.options is not None:  # a task of a launch that has settled it
        retry: Mapping[str, int] = options.retry
        return retry
    if not options.retry_failed:
        return {}
    failed = dict(RetryPolicy.retrying(ResultStore(options.results).tries()).until_attempt)
    if task is None:
        return failed
    path = task.once("retry.json", json_file.dumps(failed))  # settled by an array's first task, not again at a requeue
    try:
        settled: dict[str, int] = json_file.loads(files.read_file(path))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read which failed runs get another attempt: {path}: {error}") from error
    return settled
