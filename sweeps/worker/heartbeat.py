"""The thread by which a worker shows that it is alive, and notices that it should stop."""

from __future__ import annotations

import logging
import os
import threading
import time

from agad.store.claims import Claim

from .stopping import Bell, Stopping

log = logging.getLogger("agad.worker")


class Heartbeat(threading.Thread):
    """Beats the claims that a worker holds; checks whether they were stolen and whether the launcher is gone.

    Args:
        stopping: set when the launcher is gone.
        period: seconds between two beats.
        parent: pid of the launcher; None: the worker lives on its own.
        bell: by which a launcher on another host stops its workers; None: it has none.
    """

    def __init__(self, stopping: Stopping, period: float, parent: int | None, bell: Bell | None = None) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._stopping = stopping
        self._period = period
        self._parent = parent
        self._bell = bell
        self._claims: dict[str, Claim] = {}
        self._stolen: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def hold(self, claim: Claim) -> None:
        """Beat this claim from now on."""
        with self._lock:
            self._claims[claim.run_id] = claim
            self._stolen.discard(claim.run_id)

    def drop(self, claim: Claim) -> None:
        """Beat it no more."""
        with self._lock:
            self._claims.pop(claim.run_id, None)

    def end(self) -> None:
        """End the thread."""
        self._ended.set()

    def is_stolen(self, claim: Claim) -> bool:
        """Whether a higher generation of the claim has been seen."""
        return claim.run_id in self._stolen

    def run(self) -> None:
        """Check the launcher every second, beat every period."""
        due = time.monotonic()
        while not self._ended.is_set():
            if self._parent is not None and os.getppid() != self._parent:
                self._stopping.stop("its launcher is gone")
            if self._bell is not None and self._bell.is_rung():
                self._stopping.stop("its launcher stops")
            if time.monotonic() >= due:
                self._beat()
                due = time.monotonic() + self._period
            self._ended.wait(min(1.0, self._period))

    def _beat(self) -> None:
        with self._lock:
            claims = list(self._claims.values())
        for claim in claims:
            try:
                if claim.is_superseded():
                    self._stolen.add(claim.run_id)
                claim.beat()
            except FileNotFoundError:
                self._stolen.add(claim.run_id)  # another attempt closed the run, and its claims were cleared
            except OSError as error:
                log.warning("no sign of life could be written to %s: %s", claim.path, error)
