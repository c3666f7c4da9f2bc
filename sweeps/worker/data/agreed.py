"""AgreedData: the data that all runs in a results folder are made of, whichever plan, launch or host makes them.

Rows of different data can neither share a table nor be compared, and plans of one folder share runs. So the first that
opens a data set, or a file of vectors, writes its version (the digest; class names in a file of all image sizes) into
the results folder, exclusively; whoever opens one of another version makes no run. Folders of older versions have
no such files: there the rows say of which data they are, and may be of several: a plan whose own rows are all of one
goes on with that.
"""

from __future__ import annotations

import functools
import hashlib
import json
import socket
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files, json_file
from agad.errors import DataError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.store.schema import DIGEST_COLUMNS, DataKey
from agad.store.versions import Version, versions_of

from ..failures import LastingFault
from ..growing import all_specs
from ..picking import COMPACTOR
from .changed import versions_of_rows
from .versions import apart, back, name_of, other

_BY_ROWS = "the rows that are there"


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What was agreed on: the version, and who had these data first."""

    version: Version
    by: str


class AgreedData:
    """The versions that the runs of a results folder have agreed on, as the workers of one plan see them.

    Args:
        plan: the plan.
        results: the results folder.
        data: folder of this process's raw data, for messages.
    """

    def __init__(self, plan: Plan, results: Path, data: str) -> None:
        self._plan = plan
        self._results = ResultsFolder(results)
        self._here = f"{socket.gethostname()}:{Path(data).absolute()}"

    def check(self, key: DataKey, version: Version) -> None:
        """Agree on these data where none were agreed on yet. Raises LastingFault, one line, where others were.

        Likewise where the study whose values the plan has was tuned on others.
        """
        self._check_tuned(key, version)
        agreed = self._read(key)
        if agreed is None:
            agreed = self._settle(key, version)
        if agreed.version != version and not self._is_of_own_rows(key, version):
            what, (first, here) = apart(key, agreed.version, version)
            raise LastingFault(
                f"the runs in {self._results.path} are made of {other(key)}: {what} {first}, first of {agreed.by}; "
                f"{self._here} has {here}. Rows of both can neither share a table nor be compared: {back(key)}, or "
                "take another --results folder"
            )

    def check_row(self, spec: RunSpec, values: Mapping[str, Any]) -> None:
        """As `check`, of the data that a finished run states: others may have been agreed on while it trained."""
        known = {"dataset": spec.dataset, **{of: getattr(spec, of) for of in DIGEST_COLUMNS.values()}}
        for key, version in versions_of({**dict.fromkeys(DIGEST_COLUMNS), **values, **known}):
            self.check(key, version)

    def renew(self, versions: Mapping[DataKey, Version]) -> None:
        """Agree on a launch's data, which its plan's rows are of, where no row or worker needs those agreed on before.

        Else data that were mended before the first run has ended would be refused for ever. Raises DataError, and
        LastingFault as `check`.
        """
        for key, version in versions.items():
            self._check_tuned(key, version)
        for key, version in versions.items():
            agreed = self._read(key)
            if agreed is not None and agreed.version != version and not self._is_of_own_rows(key, version):
                self._check_replaceable(key, version, agreed)
                self._write(key, _Agreed(version, self._here))
            self.check(key, version)

    def _check_tuned(self, key: DataKey, version: Version) -> None:
        """Raise LastingFault where a study found the plan's values on other data of this name.

        Tables would call classes seen that its labels never were of, and say that no test image had a part in it.
        """
        tuned = self._plan.tuned
        if tuned is not None and tuned.is_of_other_data([(key, version)]):
            what, (first, here) = apart(key, tuned.data[key], version)
            raise LastingFault(
                f"study {tuned.study}, whose values these runs have, was tuned on {other(key)}: {what} {first}; "
                f"{self._here} has {here}. What it states of its labels is not so of these: tune again on these, in "
                f"another study (tune.py --study), or {back(key)}"
            )

    def _check_replaceable(self, key: DataKey, version: Version, agreed: _Agreed) -> None:
        """Raise DataError where a worker may make runs of what was agreed on, or rows are of other data than these."""
        if self._is_held():  # asked before the rows are read: a worker gives its run back when the row is there
            what, (first, here) = apart(key, agreed.version, version)
            raise DataError(
                f"workers are making runs in {self._results.path}, where {other(key)} were agreed on "
                f"({what} {first}, of {agreed.by}; {self._here} has {here}): take another --results folder, or end "
                f"those workers first; if there are none, remove {self._path(key)}"
            )
        others = _of(key, self._versions_of_rows())
        del others[version]
        if others:
            ((made, count), *_) = others.most_common()
            what, (theirs, here) = apart(key, made, version)
            raise DataError(
                f"other plans' rows in {self._results.path} are of {other(key)} ({what} {theirs}, {count} runs; "
                f"{self._here} has {here}): a results folder holds one version of each data set. Either {back(key)}, "
                "or take another --results folder"
            )

    def _settle(self, key: DataKey, version: Version) -> _Agreed:
        """What the rows or, without any, these data say; what another process has written first, where one has."""
        of_rows = _of(key, self.of_own_rows) or _of(key, self._versions_of_rows())
        wanted = _Agreed(of_rows.most_common(1)[0][0], _BY_ROWS) if of_rows else _Agreed(version, self._here)
        self._write(key, wanted, replace=False)
        agreed = self._read(key)
        if agreed is None:  # there is a damaged one
            self._write(key, wanted)
        return agreed or wanted

    def _is_of_own_rows(self, key: DataKey, version: Version) -> bool:
        """Whether the plan's rows are all of these data, though other plans' rows have settled on others.

        Only in a folder of an older version, or a merged one. The rows are read once, not at each pick.
        """
        return set(_of(key, self.of_own_rows)) == {version}

    @functools.cached_property
    def of_own_rows(self) -> list[tuple[DataKey, Version]]:
        """Of the plan's rows with scores, those of runs that its study has added among them: see `versions_of_rows`."""
        return self._versions_of_rows([spec.run_id for spec in all_specs(self._plan, self._results)])

    def _versions_of_rows(self, run_ids: Collection[str] | None = None) -> list[tuple[DataKey, Version]]:
        return versions_of_rows(run_ids, ResultStore(self._results.path))

    def _is_held(self) -> bool:
        """Whether a worker is at a run of the folder, whatever its plan, as far as this host can know."""
        board = ClaimBoard(self._results.path, Owner.this_process("launcher"))
        tries = ResultStore(self._results.path).tries()
        return any(
            board.is_held(run_id, of_run[-1])
            for run_id, of_run in board.generations().items()
            if run_id != COMPACTOR and all(one.attempt < of_run[-1] for one in tries.get(run_id, ()))
        )

    def _path(self, key: DataKey) -> Path:
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]
        return self._results.digests / f"{name}.json"

    def _read(self, key: DataKey) -> _Agreed | None:
        """None where nothing was agreed on, or where the file is damaged or of other data. Raises OSError."""
        try:
            content = json_file.loads(files.read_file(self._path(key)))
            if [content.get(name, own) for name, own in _identity(key).items()] != list(_identity(key).values()):
                return None
            return _Agreed(str(content["digest"]), str(content["by"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _write(self, key: DataKey, agreed: _Agreed, *, replace: bool = True) -> None:
        path = self._path(key)
        self._results.make(path.parent)
        content = {**_identity(key), "digest": agreed.version, "by": agreed.by}
        put = files.replace_text if replace else files.create_text
        put(path, json_file.dumps(content, indent=1))


def _identity(key: DataKey) -> dict[str, int | str]:
    """What a file says of whose data it is, of which its name is a digest."""
    return {"data": name_of(key), "of": key[1]}


def _of(key: DataKey, found: Collection[tuple[DataKey, Version]]) -> Counter[Version]:
    """The versions that rows have of this data set, counted."""
    return Counter(version for of, version in found if of == key)
