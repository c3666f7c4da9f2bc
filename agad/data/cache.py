"""The cache: one folder per prepared data set, complete or absent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agad import files
from agad.errors import DataError
from agad.files import sync

PREPARATION_VERSION = 2
"""Increased when the same raw files would be prepared to other bytes; part of every folder's name, and of detectors."""

RAW_DIGITS = 12
"""Of a folder's name, those that stand for the raw files and the code."""
_META = "meta.json"
_CHECKSUM = "checksum"
_ABANDONED_SECONDS = 86_400
"""Age at which a temporary folder is taken to have lost its writer: no preparation takes a day."""


def cache_root(cache: str | Path | None) -> Path:
    """`cache`, else $AGAD_CACHE, else agad in the user's cache folder ($XDG_CACHE_HOME, ~/.cache). Raises DataError."""
    if cache is not None:
        return Path(cache)
    if named := os.environ.get("AGAD_CACHE"):
        return _expanded(named)
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "agad"


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(
            f"no home folder is known for {path}: name a folder for prepared data by --cache or $AGAD_CACHE"
        ) from None


def folder_of(root: Path, dataset: str, image_size: int, content: str, code: str) -> Path:
    """The folder of the data set as some code prepares raw files of this content, whether it exists or not.

    Its name ends in RAW_DIGITS hexadecimal digits over the version, `content` (raw.content_of) and `code`
    (find.code_of): an edited reader, and that of another checkout, have folders of their own.
    """
    described = json.dumps([PREPARATION_VERSION, content, code])
    return root / f"{_stem(dataset, image_size)}{hashlib.sha256(described.encode()).hexdigest()[:RAW_DIGITS]}"


def prepared_folders(root: Path, dataset: str, image_size: int) -> list[Path]:
    """The complete folders of a data set at a size, whatever raw files they come from; sorted by name."""
    pattern = re.compile(re.escape(_stem(dataset, image_size)) + f"[0-9a-f]{{{RAW_DIGITS}}}")
    try:
        found = sorted(entry.name for entry in os.scandir(root) if pattern.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [root / name for name in found if read_meta(root / name) is not None]


def current(found: list[Path], code: str) -> list[Path]:
    """Those of the folders that this code has prepared; all of them where it has prepared none.

    Of those with the same arrays and classes the newest, which has the newest notes.
    """
    whole = sorted(((_made_at(folder), folder, read_meta(folder) or {}) for folder in found), key=lambda one: one[:2])
    own = [one for one in whole if not is_of_other_code(one[2], code)] or whole
    newest = {(meta.get("digest"), *meta.get("class_names", ())): folder for _, folder, meta in own}
    return sorted(newest.values())


def is_of_other_code(meta: dict[str, Any], code: str) -> bool:
    """Whether other code, which might prepare or note some raw files otherwise, has made the folder."""
    return _is_unsealed(meta) or meta.get("code") != code


def _made_at(folder: Path) -> int:
    try:
        return (folder / _META).stat().st_mtime_ns
    except OSError:
        return 0


def _is_unsealed(meta: dict[str, Any]) -> bool:
    """Whether the folder is of a version whose meta.json may have no checksum."""
    return meta.get("preparation_version") != PREPARATION_VERSION


def served_without(folder: Path, code: str) -> tuple[str, ...]:
    """How a folder serves where the raw data are absent, one sentence each: rows carry them, whatever the machine."""
    served = ["the images were prepared earlier: there were no raw files to compare them with"]
    if is_of_other_code(read_meta(folder) or {}, code):
        served.append("other code prepared them; that of now may prepare some images and classes otherwise")
    return tuple(served)


def read_meta(folder: Path) -> dict[str, Any] | None:
    """The folder's meta.json; None where the folder is absent, incomplete, or meta.json is damaged. Reads no array."""
    try:
        meta = dict(json.loads(files.read_file(folder / _META)))
        checksum = meta.pop(_CHECKSUM, None)
        if (checksum is not None or not _is_unsealed(meta)) and checksum != _checksum(meta):  # older ones have none
            return None
        if meta.get("folder", folder.name) != folder.name:  # another folder's content under this name
            return None
        if all((folder / name).stat().st_size == size for name, size in meta["file_sizes"].items()):
            return meta
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None


def write_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Write meta.json beside the arrays of `folder`, with their sizes, by which `read_meta` detects a cut copy."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    whole = {**meta, "file_sizes": sizes}
    text = json.dumps({**whole, _CHECKSUM: _checksum(whole)}, indent=1)
    (folder / _META).write_text(text + "\n", encoding="ascii")


def _checksum(meta: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `target` at the end of the block, and removed if the block fails.

    Several writers of one target are harmless: they write the same bytes, and the first complete folder stays. An
    incomplete one at the target is moved away first; memory maps that other processes hold of it stay valid.

    Raises DataError, one line, where the cache cannot be written or the disk is full.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        temporary.mkdir()
        yield temporary
        for path in temporary.iterdir():
            sync(path)
        sync(temporary)
        _publish(temporary, target)
        sync(target.parent)
    except OSError as error:
        raise DataError(
            f"cannot write the cache of prepared data {target.parent}: {error.strerror or error}; "
            "choose another folder by --cache or $AGAD_CACHE"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, target: Path) -> None:
    """Rename to `target`, unless another writer has put a complete folder there."""
    while read_meta(target) is None:
        discard(target)
        try:
            temporary.rename(target)
        except OSError:
            if not target.exists():  # else another writer was faster: check whether its folder is complete
                raise
        else:
            return


def discard(folder: Path) -> None:
    """Remove a folder whose content cannot be used. Memory maps that other processes hold of it stay valid."""
    # Renamed first: a folder that is being deleted must not have a name that readers open.
    doomed = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary folders of writers of this target that were killed."""
    for left in target.parent.glob(f".{target.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _stem(dataset: str, image_size: int) -> str:
    return f"{dataset.replace(':', '-')}-{image_size}px-"
