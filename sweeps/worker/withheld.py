"""Withheld: a failure of which it is not known yet whether it is the run's own or the environment's.

Two different runs that fail alike before their first update show that the environment is at fault, not the runs. So
the first such failure is withheld until the next run has shown which it is.
"""

from __future__ import annotations

from collections.abc import Callable

from agad.store.claims import Claim
from agad.store.schema import RunRecord

from .failures import EnvironmentFault


class Withheld:
    """At most one failed record, with the claim of its run.

    Args:
        commit: writes a record's row.
        release: releases a claim.
    """

    def __init__(self, commit: Callable[[RunRecord], None], release: Callable[[Claim], None]) -> None:
        self._commit, self._release = commit, release
        self._failure: tuple[RunRecord, Claim] | None = None

    @property
    def run_ids(self) -> set[str]:
        """The run whose failure is withheld, if any."""
        return set() if self._failure is None else {self._failure[0].run_id}

    def add(self, record: RunRecord, claim: Claim) -> None:
        """Withhold a failure; the one before was that run's own. Raises EnvironmentFault where both are alike."""
        if self._failure is not None and _are_alike(self._failure[0], record):
            message = " ".join(record.values["failure_message"].split())
            raise EnvironmentFault(f"two runs failed alike before their first update: {message}")
        self.commit()
        self._failure = (record, claim)

    def commit(self) -> None:
        """Write the row: the failure is the run's own."""
        if self._failure is not None:
            record, claim = self._failure
            self._commit(record)
            self._release(claim)
            self._failure = None

    def discard(self) -> None:
        """Release the claim and write no row: the run stays open."""
        if self._failure is not None:
            self._release(self._failure[1])
            self._failure = None


def is_suspicious(record: RunRecord, claim: Claim) -> bool:
    """Whether a record is of a run that failed before its first update, in a way that the environment may cause."""
    return record.values.get("failure_kind") in ("error", "oom") and claim.record.update == 0


def _are_alike(one: RunRecord, other: RunRecord) -> bool:
    """Out of memory names other sizes each time; everything else has the same message."""
    if one.values["failure_kind"] == other.values["failure_kind"] == "oom":
        return True
    return bool(one.values["failure_message"] == other.values["failure_message"])
