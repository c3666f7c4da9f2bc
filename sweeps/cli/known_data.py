"""What a launch says of its data before the first run, and who prepares them."""

from __future__ import annotations

import argparse
from pathlib import Path

from agad.data.cache import cache_root, current, is_of_other_code, prepared_folders, read_meta
from agad.data.find import code_of, find_source
from agad.data.source import SourceAbsentError
from agad.data.summary import summary_lines
from agad.errors import AgadError
from agad.plan.plan import Plan

from ..executors.sweep import Sweep
from ..worker.prepare import prepare
from .arguments import say
from .options import is_submitted


def known_of_data(options: argparse.Namespace, sweep: Sweep, path: Path) -> list[str]:
    """What is to be said before the first run: of the data, which are prepared where that is to be done here."""
    plan, worker = sweep.plan, sweep.worker
    if is_submitted(options) and _are_prepared(plan, options, worker.data_folder):
        return _known_of_prepared(plan, options)
    names = ", ".join(dict.fromkeys(spec.dataset for spec in plan.specs))
    say(f"{len(plan.specs)} runs of {plan.grid} in {options.results}; checking the data of {names} ...")
    where = {"download": False, "results": options.results, "stopping": sweep.stopping}
    return prepare(path, worker.data_folder, worker.cache, **where)


def _are_prepared(plan: Plan, options: argparse.Namespace, data: str) -> bool:
    """Whether the cache holds all that runs read: no vectors, then. Jobs verify that it matches the raw files."""
    root = cache_root(options.cache)
    wanted = {(spec.dataset, spec.image_size, spec.features_file) for spec in plan.specs}
    return all(not file and _is_prepared(root, dataset, image_size, data) for dataset, image_size, file in wanted)


def _is_prepared(root: Path, dataset: str, image_size: int, data: str) -> bool:
    """Whether the code of now has prepared it: what other code has, all jobs would prepare again at once.

    Where the raw files are not on this host, the jobs may have them, and know what to take.
    """
    metas = [read_meta(folder) or {} for folder in prepared_folders(root, dataset, image_size)]
    if any(not is_of_other_code(meta, code_of(dataset)) for meta in metas):
        return True
    try:
        find_source(dataset, Path(data))
    except SourceAbsentError:
        return bool(metas)
    except (AgadError, OSError):
        pass  # preparing them says it
    return False


def _known_of_prepared(plan: Plan, options: argparse.Namespace) -> list[str]:
    """What is known of data that are prepared already, from the cache alone, without torch."""
    lines, root = [], cache_root(options.cache)
    for dataset, image_size in dict.fromkeys((spec.dataset, spec.image_size) for spec in plan.specs):
        found = current(prepared_folders(root, dataset, image_size), code_of(dataset))
        whole = [(meta, folder) for folder in found if (meta := read_meta(folder)) is not None]
        if len(whole) == 1:
            lines += summary_lines(*whole[0])
        elif whole:
            lines.append(f"{dataset}: {root} holds {len(whole)} preparations; the jobs' logs say which is used")
    return [*lines, "these are the data as they were prepared; each job compares them with the raw files first"]
