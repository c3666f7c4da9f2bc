"""AgreedData: the data that all runs of a plan are made of, whichever launch or host makes them.

Rows of different data cannot share a table. So the first that opens a data set of a plan, or a file of vectors, writes
its digest into a file of the results folder, exclusively; whoever opens one with another digest makes no run. Plans of
older versions have no such files: there the rows say of which data they are.
"""

from __future__ import annotations

import functools
import hashlib
import json
import socket
from collections import Counter
from collections.abc import Mapping
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

from ..growing import all_specs
from ..picking import Picker
from ..retry import RetryPolicy
from .changed import digests_of_rows, name_of

_BY_ROWS = "the rows that are there"


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What was agreed on: the digest, and who had these data first."""

    digest: str
    by: str


class AgreedData:
    """The digests that the runs of one plan have agreed on.

    Args:
        plan: the plan.
        results: the results folder.
        data: folder of this process's raw data, for messages.
    """

    def __init__(self, plan: Plan, results: Path, data: str) -> None:
        self._plan = plan
        self._results = ResultsFolder(results)
        self._here = f"{socket.gethostname()}:{Path(data).absolute()}"

    def check(self, key: DataKey, digest: str) -> None:
        """Agree on these data where none were agreed on yet. Raises DataError, one line, where others were."""
        agreed = self._read(key)
        if agreed is None:
            agreed = self._settle(key, digest)
        if agreed.digest != digest:
            raise DataError(
                f"these runs are made of other {name_of(key)} data: digest {agreed.digest[:12]}, first of {agreed.by}; "
                f"{self._here} has {digest[:12]}. Rows of both could not share a table: put the same data here, or "
                "take another --results folder"
            )

    def check_row(self, spec: RunSpec, values: Mapping[str, Any]) -> None:
        """As `check`, of the data that a finished run states: they may have been agreed on anew while it trained."""
        for column, of in DIGEST_COLUMNS.items():
            if digest := values.get(column):
                self.check((spec.dataset, getattr(spec, of)), digest)

    def renew(self, digests: Mapping[DataKey, str]) -> None:
        """Agree on a launch's data, which its plan's rows are of, where no row or worker needs those agreed on before.

        Else data that were mended before the first run has ended would be refused for ever. Raises DataError.
        """
        for key, digest in digests.items():
            agreed = self._read(key)
            if agreed is not None and agreed.digest != digest:
                if self._is_held():
                    raise DataError(
                        f"workers are making these runs of other {name_of(key)} data (digest {agreed.digest[:12]}, "
                        f"of {agreed.by}; {self._here} has {digest[:12]}): take another --results folder, or end those "
                        f"workers first; if there are none, remove {self._path(key)}"
                    )
                self._write(key, _Agreed(digest, self._here))
            self.check(key, digest)

    def _settle(self, key: DataKey, digest: str) -> _Agreed:
        """What the rows or, without any, these data say; what another process has written first, where one has."""
        found = digests_of_rows([spec.run_id for spec in self._specs], ResultStore(self._results.path))
        of_rows = Counter(known for of, known in found if of == key).most_common(1)
        wanted = _Agreed(of_rows[0][0], _BY_ROWS) if of_rows else _Agreed(digest, self._here)
        self._write(key, wanted, replace=False)
        agreed = self._read(key)
        if agreed is None:  # there is a damaged one
            self._write(key, wanted)
        return agreed or wanted

    @functools.cached_property
    def _specs(self) -> list[RunSpec]:
        return all_specs(self._plan, self._results)

    def _is_held(self) -> bool:
        """Whether a worker is at a run of the plan, as far as this host can know."""
        board = ClaimBoard(self._results.path, Owner.this_process("launcher"))
        return bool(Picker(self._plan, ResultStore(self._results.path), board, RetryPolicy()).census().held)

    def _path(self, key: DataKey) -> Path:
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]
        return self._results.digests(self._plan.name) / f"{name}.json"

    def _read(self, key: DataKey) -> _Agreed | None:
        """None where nothing was agreed on, or where the file is damaged. Raises OSError."""
        try:
            content = json_file.loads(self._path(key).read_bytes())
            return _Agreed(str(content["digest"]), str(content["by"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _write(self, key: DataKey, agreed: _Agreed, *, replace: bool = True) -> None:
        path = self._path(key)
        self._results.make(path.parent)
        content = {"data": name_of(key), "of": key[1], "digest": agreed.digest, "by": agreed.by}
        put = files.replace_text if replace else files.create_text
        put(path, json_file.dumps(content, indent=1))
