"""Which run a worker takes next: plan order, without a counting row, without a living claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import Claim, ClaimBoard
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore, Try
from agad.store.schema import RunRecord

from .growing import Feed
from .retry import DEATHS_UNTIL_FAILED, Deaths, RetryPolicy, check_code, count_deaths


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
    """Takes claims on the runs of one plan. One listing of claims and of rows a pick, not a stat a run."""

    def __init__(self, plan: Plan, store: ResultStore, board: ClaimBoard, policy: RetryPolicy) -> None:
        self.plan = plan
        self.store = store
        self.board = board
        self.policy = policy
        self._specs = {spec.run_id: spec for spec in plan.specs}
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
        """Claim the first run of the plan that is open and that no worker holds; None if there is none.

        Args:
            wanted: which runs may be taken; None: all.
        """
        self._grow()
        tries = self.store.tries()
        generations = self.board.generations()
        for run_id, spec in self._specs.items():
            if run_id in self._withdrawn or (wanted and not wanted(spec)):
                continue
            if self.policy.state(run_id, tries.get(run_id, ())) != "open":
                continue
            of_run = generations.get(run_id, [])
            if of_run and self.board.is_held(run_id, of_run[-1]):
                continue
            claim = self._take(spec, of_run, tries.get(run_id, ()))
            if claim is not None:
                return spec, claim
        return None

    def take(self, run_id: str, dead: int = 0) -> tuple[RunSpec, Claim] | None:
        """Claim this run of the plan; None if it is closed or another worker holds it.

        Args:
            run_id: the run.
            dead: a generation of its claims that another observer saw unchanged for a lease.
        """
        self._grow()
        tries = self.store.tries().get(run_id, ())
        of_run = self.board.generations().get(run_id, [])
        if run_id in self._withdrawn or self.policy.state(run_id, tries) != "open":
            return None
        if of_run and of_run[-1] != dead and self.board.is_held(run_id, of_run[-1]):
            return None
        claim = self._take(self._specs[run_id], of_run, tries)
        return None if claim is None else (self._specs[run_id], claim)

    def census(self) -> Census:
        """The plan's runs, counted; a withdrawn one without a row is left out."""
        self._grow()
        tries = self.store.tries()
        generations = self.board.generations()
        runs: dict[str, list[str]] = {"done": [], "failed": [], "open": [], "pruned": []}
        for run_id in self._specs:
            state = self.policy.state(run_id, tries.get(run_id, ()))
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
        self._grow()
        return bool(self._specs.keys() & (self.store.tries().keys() | self.board.generations().keys()))

    def _grow(self) -> None:
        """Read what was added to the plan, and what was withdrawn, since the last poll."""
        if self.feed is not None:
            for spec in self.feed.fresh():
                self._specs.setdefault(spec.run_id, spec)
            self._withdrawn = self.feed.verdicts().withdrawn

    def _take(self, spec: RunSpec, of_run: list[int], tries: tuple[Try, ...]) -> Claim | None:
        last_row = max((one.attempt for one in tries), default=0)
        generation = max([last_row, *of_run]) + 1
        claim = self.board.take(spec.run_id, generation)
        if claim is None:
            return None
        # The listing of rows is older than the claim: the run may have been closed, and its claims cleared, between.
        fresh = self.store.tries().get(spec.run_id, ())
        if self.policy.state(spec.run_id, fresh) != "open" or any(one.attempt >= generation for one in fresh):
            claim.withdraw()
            return None
        deaths = self._deaths(spec.run_id, [n for n in of_run if n > last_row])
        if deaths.without_progress >= DEATHS_UNTIL_FAILED:
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
        self.store.commit(RunRecord(spec=spec, attempt=claim.generation, status="failed", values=values))
        claim.release()


def settle_code(picker: Picker, *, allow_change: bool) -> None:
    """Give the plan file today's code while no run has begun; refuse to add rows of other code to one that has.

    Raises AgadError, one line.
    """
    results = picker.store.path
    if not picker.has_begun():
        replace(picker.plan, code=code_digest()).save(results, replace=True)
    check_code(Plan.load(picker.plan.path(results)), allow_change=allow_change)
