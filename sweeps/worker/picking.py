"""Which run a worker takes next: plan order, without a counting row, without a living claim."""

from __future__ import annotations

import contextlib
import logging
import os
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.attempts import Try
from agad.store.claims import Claim, ClaimBoard
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord

from .growing import Feed
from .retry import Deaths, RetryPolicy, count_deaths

_READ_A_PICK = 2
"""Files of the inbox, and claims of other workers, that a pick reads at most while other runs are free: reading one
takes about as long as all else; what is not read is read when no other run is free, or in bulk once compacted."""
_COMPACT_ABOVE = 500
"""Files of the inbox above which it is compacted while the sweep goes on."""
_COMPACT_MOST = 1000
"""Files of the inbox that are compacted at once: what bounds the time that a worker spends on it."""
COMPACTOR = "0"
"""Whoever compacts has this claim among those of runs; none of these is called so."""

log = logging.getLogger("agad.worker")


@dataclass(frozen=True, slots=True)
class Census:
    """The runs of a plan, counted.

    Attributes:
        done: run_ids with an ok row.
        failed: run_ids with failed rows that are not to be attempted again.
        open: run_ids that are neither.
        held: those of `open` that a worker holds, with the generation of its claim.
        left: those of `open` that a worker has left, by death or otherwise, with the generation of its claim.
        pruned: run_ids that were pruned and are to stay so.
    """

    done: tuple[str, ...]
    failed: tuple[str, ...]
    open: tuple[str, ...]
    held: dict[str, int]
    left: dict[str, int] = field(default_factory=dict)
    pruned: tuple[str, ...] = ()

    @property
    def free(self) -> int:
        """Open runs that no worker holds."""
        return len(self.open) - len(self.held)


class Picker:
    """Takes claims on the runs of one plan. What a pick costs does not grow with the plan.

    One listing of claims and two of rows, and some files at most: of the rows that came since the last pick only a few
    are read, and a run with a row that was not read counts as closed as long as others are free.
    """

    def __init__(self, plan: Plan, store: ResultStore, board: ClaimBoard, policy: RetryPolicy) -> None:
        self.plan, self.store, self.board, self.policy = plan, store, board, policy
        self._specs = {spec.run_id: spec for spec in plan.specs}
        self._closed: dict[str, str] = {}
        self._open = dict.fromkeys(self._specs)
        self._changes_read = 0
        self._turn = 0
        self._draw = random.Random(f"{board.owner.worker} {board.owner.host} {os.getpid()}")
        self.feed = None if plan.study is None else Feed(store.folder.study(plan.study), board.lease)
        self._withdrawn: Collection[str] = ()
        self._grow()

    @property
    def specs(self) -> Mapping[str, RunSpec]:
        """run_id -> spec of the plan's runs, with those added by the last poll."""
        return self._specs

    def is_growing(self) -> bool:
        """Whether further runs may be added: until then no worker has reached the end of the plan."""
        return self.feed is not None and self.feed.is_open()

    def next(self, wanted: Callable[[RunSpec], bool] | None = None) -> tuple[RunSpec, Claim] | None:
        """Claim an open run that no worker holds; None if there is none.

        It is the plan's first such run where few workers are about. Where many are, it is one of the first, drawn, for
        as many workers would meet at the first one.

        Args:
            wanted: which runs may be taken; None: all.
        """
        for most in (_READ_A_PICK, None):
            self._refresh(most)
            picked = self._pick(wanted, most)
            if picked is not None:
                return picked
        return None

    def _pick(self, wanted: Callable[[RunSpec], bool] | None, most: int | None) -> tuple[RunSpec, Claim] | None:
        generations = self.board.generations()
        claimed = [run_id for run_id in generations if run_id in self._open]
        read = set(self._some(claimed, most))
        lost: set[str] = set()
        while True:
            spread = max(1, len(claimed) // 2, 2 ** len(lost) // 2)  # where some are lost, others are picking as well
            free = self._free(generations, read, lost, wanted)
            first = [run_id for _, run_id in zip(range(spread), free, strict=False)]
            if not first:
                return None
            run_id = self._draw.choice(first)
            claim = self._take(self._specs[run_id], generations.get(run_id, []), self.store.attempts.of(run_id))
            if claim is not None:
                return self._specs[run_id], claim
            lost.add(run_id)

    def _some(self, claimed: list[str], most: int | None) -> list[str]:
        """At most so many of the claimed runs, others at each call."""
        if most is None or len(claimed) <= most:
            return claimed
        start = self._turn % len(claimed)
        self._turn += most
        return (claimed[start:] + claimed[:start])[:most]

    def _free(
        self,
        generations: Mapping[str, list[int]],
        read: Collection[str],
        lost: Collection[str],
        wanted: Callable[[RunSpec], bool] | None,
    ) -> Iterator[str]:
        """The open runs that no worker holds, in the order of the plan; of the claimed ones only those to be read."""
        unread = self.store.attempts.unread
        for run_id in list(self._open) if self.feed is not None else self._open:
            if run_id in lost or run_id in unread or run_id in self._withdrawn:
                continue
            if wanted and not wanted(self._specs[run_id]):
                continue
            of_run = generations.get(run_id)
            if not of_run or (run_id in read and not self.board.is_held(run_id, of_run[-1])):
                yield run_id

    def take(self, run_id: str, dead: int = 0) -> tuple[RunSpec, Claim] | None:
        """Claim this run of the plan; None if it is closed or another worker holds it.

        Args:
            run_id: the run.
            dead: a generation of its claims that another observer saw unchanged for a lease.
        """
        self._grow()
        tries = self._newest(run_id)
        of_run = self.board.generations().get(run_id, [])
        if run_id in self._withdrawn or self.policy.state(run_id, tries) != "open":
            return None
        if of_run and of_run[-1] != dead and self.board.is_held(run_id, of_run[-1]):
            return None
        claim = self._take(self._specs[run_id], of_run, tries)
        return None if claim is None else (self._specs[run_id], claim)

    def census(self) -> Census:
        """The plan's runs, counted; a withdrawn one without a row is left out."""
        self._refresh()
        generations = self.board.generations()
        runs: dict[str, list[str]] = {"done": [], "failed": [], "open": [], "pruned": []}
        for run_id in self._specs:
            state = self._closed.get(run_id, "open")
            if state != "open" or run_id not in self._withdrawn:
                runs[state].append(run_id)
        claimed = {run_id: generations[run_id][-1] for run_id in runs["open"] if run_id in generations}
        held = {run_id: newest for run_id, newest in claimed.items() if self.board.is_held(run_id, newest)}
        left = {run_id: newest for run_id, newest in claimed.items() if run_id not in held}
        ended = {state: tuple(runs[state]) for state in ("done", "failed", "pruned")}
        return Census(open=tuple(runs["open"]), held=held, left=left, **ended)

    def saved(self) -> tuple[int, int]:
        """What the sweep has saved: runs that ended, and attempts that left the open ones a checkpoint. It rises."""
        census, attempts = self.census(), self.store.folder.saved_attempts()
        ended = len(census.done) + len(census.failed) + len(census.pruned)
        return ended, sum(attempts[run_id][-1] for run_id in census.open if run_id in attempts)

    def has_begun(self) -> bool:
        """Whether any run of the plan has a row or a claim."""
        self._refresh()
        return bool(self._specs.keys() & (self.store.attempts.known().keys() | self.board.generations().keys()))

    def nameless(self, done: Iterable[str]) -> int:
        """How many of the runs that a census has found done have a row that names no code."""
        tries = map(self.store.attempts.of, done)
        counting = (next((one for one in of_run if one.status == "ok"), None) for of_run in tries)
        return sum(one is not None and not one.named for one in counting)

    def compact_if_many(self) -> None:
        """Compact the inbox where it is full and nobody else does, and unlink the claims of runs that are done.

        Raises nothing: rows are as good where they are.
        """
        if self.store.attempts.waiting <= _COMPACT_ABOVE:
            return
        try:
            last = max(self.board.generations().get(COMPACTOR, [0]))
            if (last and self.board.is_held(COMPACTOR, last)) or not self.board.take(COMPACTOR, last + 1):
                return
            self.store.compact(_COMPACT_MOST)
            self.store.attempts.poll(0)
            self.board.clear({COMPACTOR, *filter(self._is_done, self.board.generations())})
        except Exception as error:  # noqa: BLE001 - a worker goes on whatever became of this
            log.warning("rows were not compacted: %s", error)

    def _is_done(self, run_id: str) -> bool:
        return any(one.status == "ok" for one in self.store.attempts.of(run_id))

    def _newest(self, run_id: str) -> tuple[Try, ...]:
        """The run's attempts at this moment; rows of other runs are left for later."""
        self.store.attempts.poll(0)
        self.store.attempts.settle(run_id)
        return self.store.attempts.of(run_id)

    def _refresh(self, most: int | None = None) -> None:
        """Read what was added to the plan, and which runs were closed, since the last poll; `most`: Attempts.poll."""
        self._grow()
        attempts = self.store.attempts
        attempts.poll(most)
        self._judge(set(attempts.changes[self._changes_read :]))
        self._changes_read = len(attempts.changes)

    def _judge(self, run_ids: Iterable[str]) -> None:
        reopened = False
        for run_id in self._specs.keys() & run_ids:
            state = self.policy.state(run_id, self.store.attempts.of(run_id))
            if state != "open":
                self._closed[run_id] = state
                self._open.pop(run_id, None)
            elif self._closed.pop(run_id, None):
                reopened = True
        if reopened:  # its place is in the middle
            self._open = {run_id: None for run_id in self._specs if run_id not in self._closed}

    def _grow(self) -> None:
        """Read what was added to the plan, and what was withdrawn, since the last poll."""
        if self.feed is not None:
            fresh = {spec.run_id: spec for spec in self.feed.fresh() if spec.run_id not in self._specs}
            self._specs |= fresh
            self._open |= dict.fromkeys(fresh)
            self._judge(fresh)
            self._withdrawn = self.feed.verdicts().withdrawn

    def _take(self, spec: RunSpec, of_run: list[int], tries: tuple[Try, ...]) -> Claim | None:
        last_row = max((one.attempt for one in tries), default=0)
        generation = max([last_row, *of_run]) + 1
        claim = self.board.take(spec.run_id, generation)
        if claim is None:
            return None
        try:
            return self._confirmed(spec, claim, of_run, tries, last_row)
        except (OSError, AgadError):  # not known to be free: the claim must not count as a worker that died
            with contextlib.suppress(OSError):
                claim.withdraw()
            raise

    def _confirmed(
        self, spec: RunSpec, claim: Claim, of_run: list[int], tries: tuple[Try, ...], last_row: int
    ) -> Claim | None:
        """The claim that was just taken, with the deaths before it; None where the run turns out to be closed."""
        generation = claim.generation
        # The listing of rows is older than the claim: the run may have been closed, and its claims cleared, between.
        fresh = self._newest(spec.run_id)
        if self.policy.state(spec.run_id, fresh) != "open" or any(one.attempt >= generation for one in fresh):
            claim.withdraw()
            return None
        deaths = self._deaths(spec.run_id, [n for n in of_run if n > last_row])
        if deaths.are_too_many:
            self._commit_died(spec, claim, deaths.without_progress)
            return None
        claim.deaths = deaths.in_a_row + sum(one.failure_kind == "died" for one in tries)
        return claim

    def _deaths(self, run_id: str, generations: list[int]) -> Deaths:
        """How those that held the run before have ended; of a run that nobody held, nothing is read."""
        saved = self.store.folder.saved_attempts().get(run_id, []) if generations else []
        return count_deaths({one: self.board.read(run_id, one) for one in generations}, saved)

    def _commit_died(self, spec: RunSpec, claim: Claim, deaths: int) -> None:
        message = f"{deaths} workers died on this run without a new checkpoint (out of memory? a crash in a library?)"
        values = {"failure_kind": "died", "failure_message": message, "worker": self.board.owner.worker}
        self.store.add(RunRecord(spec=spec, attempt=claim.generation, status="failed", values=values))
        claim.release()
