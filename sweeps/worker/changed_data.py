"""Whether the rows of a plan are of the data that are there now, where no run is left that would open them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agad.data import cache as folders
from agad.data.checks.raw import content_digest
from agad.data.find import find_source
from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.datasets import facts_of
from agad.store.rows import ResultStore

Key = tuple[str, int]
"""Data set and image size."""


def digests_of_rows(plan: Plan, results: Path) -> list[tuple[Key, str]]:
    """Of each row of the plan that has scores: its data set and size, and the digest of the images it was made with."""
    columns = ("dataset", "image_size", "status", "data_digest")
    rows = ResultStore(results).read(columns, run_ids=plan.run_ids).to_pylist()
    known = [((row["dataset"], row["image_size"]), row["data_digest"]) for row in rows if row["status"] != "failed"]
    return [(key, digest) for key, digest in known if digest]


def notes_of_changed(plan: Plan, results: Path, data: str, cache: str | None) -> list[str]:
    """A line about each data set whose raw files are other ones now than those that the plan's rows were made from.

    Nothing is prepared: raw files are read only where they have changed since they were read last. Where they are
    absent, or were never prepared as they are and the cache knows nothing of the rows' either, nothing is said.
    """
    root = folders.cache_root(cache)
    made: dict[Key, set[str]] = {}
    for key, digest in digests_of_rows(plan, results):
        made.setdefault(key, set()).add(digest)
    return [
        f"note: the data of {key[0]} below {data} have changed since these rows were made: the table is of those of "
        f"before (digest {', '.join(sorted(digest[:12] for digest in digests))})"
        for key, digests in made.items()
        if _are_others(key, digests, Path(data), root)
    ]


def _are_others(key: Key, digests: set[str], data: Path, root: Path) -> bool:
    facts = facts_of(key[0])
    if facts is None or not facts.layout:  # a library brings the images
        return False
    try:
        now = folders.folder_of(root, *key, content_digest(find_source(key[0], data).stamps, root))
    except (AgadError, OSError):
        return False
    prepared = {folder: _digest(folder) for folder in folders.prepared_folders(root, *key)}
    if now in prepared:
        return prepared[now] not in digests
    return bool(digests & set(prepared.values()))


def _digest(folder: Path) -> str:
    meta: Mapping[str, object] = folders.read_meta(folder) or {}
    return str(meta.get("digest"))
