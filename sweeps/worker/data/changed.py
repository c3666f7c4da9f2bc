"""Whether the rows of a plan are of the data that are there now, where no run is left that would open them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from agad.data import cache as folders
from agad.data.checks.raw import content_of
from agad.data.features.file import digest_at, path_of
from agad.data.find import code_of, find_source
from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.datasets import facts_of
from agad.store.rows import ResultStore
from agad.store.schema import DIGEST_COLUMNS, DataKey
from agad.store.versions import Version, classes_version, versions_of

from .versions import apart, is_of_classes, name_of


def versions_of_rows(run_ids: Collection[str] | None, store: ResultStore) -> list[tuple[DataKey, Version]]:
    """Of each of these runs' rows with scores, see `versions_of`. Of all rows where run_ids is None."""
    columns = ("dataset", "status", "class_names", *DIGEST_COLUMNS, *DIGEST_COLUMNS.values())
    rows = store.read_counting(columns, run_ids=run_ids).to_pylist()
    return [found for row in rows if row["status"] != "failed" for found in versions_of(row)]


def notes_of_different(versions: Iterable[tuple[DataKey, Version]]) -> list[str]:
    """A line about each data set of which rows are of several versions: there will be no table of these rows."""
    made: dict[DataKey, Counter[Version]] = {}
    for key, version in versions:
        made.setdefault(key, Counter())[version] += 1
    return [_different(key, found) for key, found in made.items() if len(found) > 1]


def _different(key: DataKey, found: Counter[Version]) -> str:
    what, texts = apart(key, *(version for version, _ in found.most_common()))
    counted = ", ".join(f"{text} ({count} runs)" for text, (_, count) in zip(texts, found.most_common(), strict=True))
    data = f"{name_of(key)} data with different class names" if is_of_classes(key) else f"different {name_of(key)} data"
    return (
        f"rows of {data}, which cannot share a table: {what} {counted}; make all runs of one data folder, in another "
        "--results folder"
    )


def notes_of_changed(plan: Plan, results: Path, data: str, cache: str | None) -> list[str]:
    """A line about each data set whose raw files are other ones now than those that the plan's rows were made from.

    Files of vectors likewise. Nothing is prepared: raw files are read only where they have changed since they were
    read last. Where they are absent, or were never prepared as they are and the cache knows nothing of the rows'
    either, nothing is said.
    """
    root = folders.cache_root(cache)
    made: dict[DataKey, set[Version]] = {}
    for key, version in versions_of_rows(plan.run_ids, ResultStore(results)):
        made.setdefault(key, set()).add(version)
    return [
        f"note: the data of {name_of(key)} below {data} have changed since these rows were made, or are others: "
        f"the table is of those with digest {', '.join(sorted(digest[:12] for digest in digests))}"
        for key, digests in made.items()
        if not is_of_classes(key) and _are_others(key, made, Path(data), root)
    ]


def _are_others(key: DataKey, made: Mapping[DataKey, set[Version]], data: Path, root: Path) -> bool:
    (dataset, of), digests = key, made[key]
    try:
        if isinstance(of, str):
            return digest_at(path_of(data, dataset, of)) not in digests
        facts = facts_of(dataset)
        if facts is None or not facts.layout:  # a library brings the images
            return False
        raw = content_of(find_source(dataset, data), root)
    except (AgadError, OSError):
        return False
    found = {folder: folders.read_meta(folder) or {} for folder in folders.prepared_folders(root, dataset, of)}
    now = found.get(folders.folder_of(root, dataset, of, raw.whole, code_of(dataset)))
    if now is not None:
        of_classes, named = classes_version(dataset, now.get("class_names") or ())
        return str(now.get("digest")) not in digests or named not in made.get(of_classes, {named})
    before = {
        str(meta["raw_files"]) for meta in found.values() if "raw_files" in meta and meta.get("digest") in digests
    }
    # Of the same files there may be other notes or code since: then what was prepared of them has another name. Older
    # folders do not say what files they are of: where there are only such, nobody knows.
    return bool(before) and raw.files not in before
