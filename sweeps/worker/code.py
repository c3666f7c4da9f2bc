"""Whether rows of today's code may join those of a plan."""

from __future__ import annotations

from dataclasses import replace

from agad.plan.plan import Plan
from agad.store.attempts import nameless
from agad.store.provenance import code_digest

from .failures import LastingFault
from .picking import Picker


def settle_code(picker: Picker, *, allow_change: bool) -> list[str]:
    """Give the plan file today's code while no run has begun; refuse to add rows of other code to one that has.

    A plan that is made now may have rows all the same, of another plan of the folder that shares runs with it.

    Returns what is to be said of rows that are there and name no code. Raises LastingFault, one line.
    """
    results = picker.store.path
    if not picker.has_begun():
        replace(picker.plan, code=code_digest()).save(results, replace=True)
    check_code(Plan.load(picker.plan.path(results)).code, allow_change=allow_change)
    if not allow_change:
        rows = picker.store.read_counting(columns=("code_digest", "status"), run_ids=set(picker.specs)).to_pylist()
        for code in sorted({row["code_digest"] for row in rows if row["status"] == "ok"} - {None}):
            check_code(code, allow_change=False)
    return code_notes(picker)


def code_notes(picker: Picker) -> list[str]:
    """What is to be said of rows that name no code."""
    count = picker.nameless(picker.census().done)
    return [f"note: {nameless(count)}"] if count else []


def check_code(code: str, *, allow_change: bool) -> None:
    """Refuse to add rows of today's code to a plan, or to rows, of that code, unless it is allowed.

    Raises LastingFault: of no worker of a launch is the code another.
    """
    if code != code_digest() and not allow_change:
        raise LastingFault(
            f"agad/ has changed since this plan or some of its rows were made (code {code or 'unknown'}, now "
            f"{code_digest()}): the numbers might not be comparable; use another --results folder, or go on with "
            "--allow-code-change if the change cannot change numbers"
        )
