"""What makes numbers of rows doubtful: ended runs, files that could not be read, rows that are mixed or contradict."""

from __future__ import annotations

from collections.abc import Iterator

from agad.store import repeats

from ...cells import Cells
from .provenance import mixed


def pruned(cells: Cells) -> Iterator[str]:
    """A sentence where runs were ended for their scores."""
    if count := _pruned(cells):
        what = "1 run was" if count == 1 else f"{count} runs were"
        yield (
            f"{what} pruned, which their scores decided: means of the others are too high, their intervals are of no "
            "drawn sample, and neither is compared with the paper."
        )


def files(cells: Cells) -> Iterator[str]:
    """What the files of the rows are short of."""
    if cells.unchecked:
        what = "file" if cells.unchecked == 1 else "files"
        why = "of rows without checksums (of an older agad): most damage to their numbers cannot be seen."
        yield f"{cells.unchecked} {what} {why}"
    if cells.differing:
        yield repeats.sentence(cells.differing)
    if cells.unplanned:
        what = "1 row is of a run" if cells.unplanned == 1 else f"{cells.unplanned} rows are of runs"
        yield f"Not shown: {what} that no plan in its folder has; put the plan into its plans/."
    if cells.set_aside:
        lie = "1 damaged file lies" if cells.set_aside == 1 else f"{cells.set_aside} damaged files lie"
        yield f"{lie} in set_aside/ of the results folder: rows in it that were not whole are not shown."
    yield from map(passed_over, cells.damaged)


def passed_over(damaged: str) -> str:
    """The sentence of a file that could not be read."""
    return f"Not readable and passed over: {damaged}."


def in_short(cells: Cells) -> str:
    """The same in one sentence, for the words beside a figure, where notes have no place; empty: there is no doubt."""
    there, wanted = len(cells.ok), len(cells.runs)
    torn, differing = len(cells.damaged) + cells.set_aside, len(cells.differing)
    parts = [
        f"{there} of {wanted} are ok" if there < wanted else "",
        f"{_pruned(cells)} pruned for their scores" if _pruned(cells) else "",
        f"{differing} {'has' if differing == 1 else 'have'} finished rows that differ" if differing else "",
        f"made with more than one {' and '.join(words)}" if (words := [*mixed(cells)]) else "",
        f"{nameless} of code that no row names" if (nameless := int(cells.ok["code_digest"].isna().sum())) else "",
        f"{torn} damaged {'file' if torn == 1 else 'files'} passed over" if torn else "",
        f"{cells.unchecked} {'file' if cells.unchecked == 1 else 'files'} without checksums" if cells.unchecked else "",
        f"{cells.unplanned} of no plan left out" if cells.unplanned else "",
    ]
    said = "; ".join(part for part in parts if part)
    return f"Of these runs: {said}." if said else ""


def _pruned(cells: Cells) -> int:
    return int((cells.runs["status"] == "pruned").sum())
