"""A score function as it was before it saw any image: loaded again, or a copy that was made in time."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import nn

from agad.auditing.model.scorer import Scorer, Scores, described
from agad.auditing.model.watch import Watch
from agad.auditing.probes import Moved, moved
from agad.errors import FAULTS, AuditError

Score = Callable[[Any], Any]
Batches = Sequence[Any]


class Fresh:
    """Score functions in the state of before the first call, whatever the one that is audited keeps.

    Args:
        scorer: the score function on the test images; not called yet.
        watch: entered; what it has seen is put back before and after, and it sees no module of a fresh function.
        load: makes such a function; None: copies of the scorer's own serve.
    """

    def __init__(self, scorer: Scorer, watch: Watch, load: Callable[[], Score] | None) -> None:
        self._scorer, self._watch, self._load = scorer, watch, load
        self.name = "copy" if load is None else "load"
        self._first: Score | None = None
        self._fault = ""
        if load is None:
            try:
                self._first = copied(scorer.score, watch.modules)
            except FAULTS as error:
                self._fault = f"it cannot be copied, {described(error)}"

    def all(self, order: Any, batch: int | None) -> Scores:
        """As of Scorer, by a function that has seen nothing; AuditError where there is none."""
        with self._watch.aside():
            return self._one().all(order, batch)

    def batches(self, batches: Batches) -> list[Scores]:
        """Scores of batches that are scored one after another, by a function that has seen nothing."""
        with self._watch.aside():
            scorer = self._one()
            return [scorer.one_batch(batch) for batch in batches]

    def kept(self, batches: Batches, given: Batches, tolerance: float) -> Moved:
        """How scores of the same batches differ between the function that has seen the test set and one that has not.

        Args:
            batches: some that the test set does not begin with, so that what is kept of its beginning shows.
            given: the beginning itself: a fresh function must score it as the other did, else it is another one.
            tolerance: what counts as a difference.

        Where that cannot be told, `failed` of the result says why.
        """
        try:
            self._watch.restore()
            seen = [self._scorer.one_batch(batch) for batch in batches]
            found = _compared(seen, self.batches(batches), tolerance)
            if found and _compared(self._scorer.first[: len(given)], self.batches(given), tolerance):
                return Moved(0, 0, 0.0, failed=f"a fresh {self.name} of it gives the first images other scores")
        except AuditError as error:
            return Moved(0, 0, 0.0, failed=str(error))
        return found

    def _one(self) -> Scorer:
        score = self._made()
        self._watch.restore()  # to make one may have drawn random numbers
        return self._scorer.by(score)

    def _made(self) -> Score:
        if self._fault:
            raise AuditError(self._fault)
        try:
            if self._load is not None:
                return self._load()
            assert self._first is not None, "else there is a fault"
            return copied(self._first, self._watch.modules)
        except AuditError:
            raise
        except FAULTS as error:
            raise AuditError(f"a fresh {self.name} of it cannot be had, {described(error)}") from error


def _compared(a: Sequence[Scores], b: Sequence[Scores], tolerance: float) -> Moved:
    return Moved.together([moved(*pair, tolerance) for pair in zip(a, b, strict=True)])


def copied(score: Score, modules: Sequence[nn.Module]) -> Score:
    """A copy of a score function and of all that it keeps: attributes, variables of its closure, global ones.

    Parameters are shared, for no score function changes them and they may be large. Where a module cannot be copied,
    all modules are shared: their own state is put back otherwise.
    """
    parameters = {id(one): one for module in modules for one in vars(module).get("_parameters", {}).values()}
    parameters.pop(id(None), None)
    try:
        return _Copier(parameters, score).copied(score)  # type: ignore[no-any-return]
    except FAULTS:
        shared = {id(module): module for module in modules}
        return _Copier(shared, score).copied(score)  # type: ignore[no-any-return]


class _Copier:
    """Copies like copy.deepcopy, and functions too, which that leaves as they are."""

    def __init__(self, shared: dict[int, Any], score: Score) -> None:
        self._memo: dict[int, Any] = dict(shared)
        inner = inspect.unwrap(score)
        self._own: dict[str, Any] | None = getattr(inner, "__globals__", None)
        self._globals = dict(self._own or {})

    def copied(self, value: Any) -> Any:
        if isinstance(value, ModuleType | type):
            return value
        if isinstance(value, MethodType):
            return MethodType(value.__func__, self.copied(value.__self__))
        if isinstance(value, FunctionType):
            return self._function(value)
        return copy.deepcopy(value, self._memo)

    def _function(self, function: FunctionType) -> Any:
        """With its closure and defaults; with its global variables where they are those of the score function."""
        if id(function) in self._memo:
            return self._memo[id(function)]
        is_own = function.__globals__ is self._own
        cells = [CellType() for _ in function.__closure__ or ()]
        where = self._globals if is_own else function.__globals__
        found = FunctionType(function.__code__, where, function.__name__, None, tuple(cells) or None)
        self._memo[id(function)] = found  # before what it holds, which may be itself
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            if not _is_empty(old):
                cell.cell_contents = self.copied(old.cell_contents)
        found.__defaults__ = self.copied(function.__defaults__)
        found.__kwdefaults__ = self.copied(function.__kwdefaults__)
        for name in _names(function.__code__) if is_own else ():
            if name in self._globals and self._globals[name] is function.__globals__[name]:
                self._globals[name] = self.copied(self._globals[name])
        for name, value in vars(function).items():
            setattr(found, name, self.copied(value))
        return found


def _is_empty(cell: CellType) -> bool:
    """Whether the variable has no value yet."""
    try:
        cell.cell_contents  # noqa: B018 - to look is to be told
    except ValueError:
        return True
    return False


def _names(code: CodeType) -> Iterator[str]:
    """Names that code, and code within it, may look up among the global variables."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
