"""The table of a plan: mean±SD as the paper forms it, the paper's number, what is missing, how it was made.

    python -m analysis.tables --results DIR [--plan FILE | --grid NAME] [--margin POINTS] [--out FILE]

Exit status: 0 complete, 1 some runs failed or are missing, 2 an error.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from agad import console
from agad.plan.plan import Plan, find_plan

from .. import stats
from ..cells import Cells, read
from ..load import Results, open_store
from ..summary import by_class
from . import footnotes, formats
from .formats import GAP, RANGE
from .keys import fewest_fields, heading, key_frame, key_texts, role
from .layouts.verdicts import verdict_table
from .networks import networks
from .sheet import KEY, NOTE, OURS, PAPER, Sheet, markdown, markdown_notes, wrapped
from .tuned import tuned_table

CLASSES_PER_SHEET = 10
"""Classes side by side; more are continued in a further sheet, as the paper does."""

_MEAN_COLUMNS = ("row", "class", "mean", "n")


@dataclass(frozen=True)
class Table:
    """The table of a plan.

    Attributes:
        title: of the grid, overrides included.
        sheets: averages first, then the classes.
        notes: about the whole: what is missing, what is assumed, how it was made.
        complete: whether every run of the plan is ok.
        opening: for who sees such a table for the first time: what was trained, and what the numbers are.
    """

    title: str
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]
    complete: bool
    opening: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """All of it, for the terminal and for a file."""
        parts = [f"{self.heading}\n", *(f"{wrapped(markdown(text))}\n" for text in self.opening)]
        parts += [sheet.to_markdown() for sheet in self.sheets]
        parts += [markdown_notes(self.notes)] if self.notes else []
        return "\n".join(parts)

    @property
    def heading(self) -> str:
        """The first line of the Markdown."""
        return f"# {markdown(self.title)}"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def plan_table(results: Results, plan: Plan | str | Path, margin: float = stats.MARGIN) -> Table:
    """The table of a plan from the rows of a results folder.

    AnalysisError, one line, where the rows cannot share a table.
    """
    store = open_store(results)
    cells = replace(read(store, plan if isinstance(plan, Plan) else Plan.load(plan)), margin=margin)
    made = cells_table(cells)
    tuned = [sheet for sheet in (tuned_table(store, tuning) for tuning in cells.tunings) if sheet is not None]
    return replace(made, sheets=(*made.sheets, *tuned))


def cells_table(cells: Cells) -> Table:
    """The table of cells that have been read: AUROCs of those that train, times of those that are timed."""
    trained, timed = cells.of_task("train"), cells.of_task("inference")
    sheets: tuple[Sheet, ...] = ()
    if trained:
        verdicts = verdict_table(trained)
        sheets = (averages(trained, trained.summary), *classes(trained), *((verdicts,) if verdicts else ()))
    return Table(
        title=cells.title,
        sheets=(*sheets, networks(timed)) if timed else sheets,
        notes=tuple(footnotes.notes(cells, cells.summary)),
        complete=cells.complete,
        opening=tuple(footnotes.opening(trained)) if trained else (),
    )


# -- sheets --------------------------------------------------------------------------------------------------------


def averages(cells: Cells, summary: pd.DataFrame) -> Sheet:
    """One line per row: mean over classes with both SDs, other protocols, n, and the paper."""
    has_paper = summary["paper_table"].notna().any()
    kinds = [KEY] * len(cells.fields) + [OURS] * 5 + ([PAPER, PAPER, NOTE] if has_paper else [])
    columns = [*map(heading, cells.fields), "avg±SD", "SD seeds", "n", "recal", "oracle"]
    columns += ["paper", "diff", "verdict"] if has_paper else []
    lines = []
    for values, row in zip(cells.rows, summary.to_dict("records"), strict=True):
        line = [*key_texts(cells.fields, values), *_own_texts(row)]
        lines.append(tuple(line + (_paper_texts(row) if has_paper else [])))
    return Sheet(
        name="averages",
        caption="AUROC in %, mean over the classes",
        columns=tuple(columns),
        kinds=tuple(kinds),
        lines=tuple(lines),
        notes=tuple(footnotes.legend(cells, summary)),
        data=_with_keys(cells, summary),
        caution=footnotes.in_short(cells),
    )


def classes(cells: Cells) -> Iterator[Sheet]:
    """The classes, CLASSES_PER_SHEET side by side, the paper's line under ours where it prints one."""
    means = by_class(cells.runs).reset_index()
    found = {(row, of): (mean, n) for row, of, mean, n in zip(*(means[c] for c in _MEAN_COLUMNS), strict=True)}
    sizes = cells.runs.groupby(["row", "class"], as_index=False).size()
    wanted = Counter(dict(zip(zip(sizes["row"], sizes["class"], strict=True), sizes["size"], strict=True)))
    targets = sorted(int(c) for c in cells.runs["class"].unique())
    fields = fewest_fields(cells)
    for start in range(0, len(targets), CLASSES_PER_SHEET):
        part = targets[start : start + CLASSES_PER_SHEET]
        which = f": classes {part[0]}{RANGE}{part[-1]}" if len(part) < len(targets) else ""
        lines, kinds = [], []
        for index, values in enumerate(cells.rows):
            if not any((index, c) in wanted for c in part):
                continue
            keys = key_texts(fields, values)
            lines.append((*keys, "ours", *(_class_text(found.get((index, c)), wanted[index, c]) for c in part)))
            kinds.append(OURS)
            match = cells.matches[index]
            if match and match.row.classes:
                lines.append((*keys, "paper", *(formats.auroc(match.row.classes[c] / 100) for c in part)))
                kinds.append(PAPER)
        yield Sheet(
            name=f"classes-{part[0]}-{part[-1]}",
            caption=f"AUROC in % by {role(cells.rows)} class, mean over seeds{which}",
            columns=(*map(heading, fields), "", *map(str, part)),
            kinds=(KEY,) * (len(fields) + 1) + (OURS,) * len(part),
            lines=tuple(lines),
            line_kinds=tuple(kinds),
            notes=tuple(footnotes.class_legend(cells, part)),
            data=_class_data(cells, means, part),
            caution=footnotes.in_short(cells),
        )


def _own_texts(row: Mapping[Hashable, Any]) -> list[str]:
    if row["classes_wanted"] == 1 and not formats.is_missing(row["avg"]):
        average = f"{formats.auroc(row['avg'])} [{formats.auroc(row['low'])}{RANGE}{formats.auroc(row['high'])}]"
    else:
        average = formats.mean_and_spread(row["avg"], row["sd_classes"])
    if 0 < row["classes"] < row["classes_wanted"]:
        average += "*"
    return [
        average,
        formats.spread_and_range(row["sd_seeds"], row["sd_seeds_low"], row["sd_seeds_high"]),
        f"{row['ok']}/{row['wanted']}",
        formats.auroc(row["avg_eval_recal"]),
        formats.auroc(row["avg_oracle"]),
    ]


def _paper_texts(row: Mapping[Hashable, Any]) -> list[str]:
    if formats.is_missing(row["paper_avg"]):
        return [GAP, GAP, formats.text(row["verdict"])]
    printed_sd = row["paper_sd"] / 100 if row["paper_sd"] is not None else None
    printed = formats.mean_and_spread(row["paper_avg"] / 100, printed_sd)
    if row["paper_differences"]:
        return [f"({printed})", GAP, formats.uncompared(row["paper_differences"])]
    if row["paper_part"]:
        return [f"({printed})", GAP, formats.text(row["verdict"])]
    return [printed, formats.difference(row["difference"]), formats.text(row["verdict"])]


def _class_text(found: tuple[float, int] | None, wanted: int) -> str:
    """`98.3`; `98.3₂` where only 2 of the runs wanted are ok; nothing where the plan does not want the class."""
    if not wanted:
        return ""
    if found is None:
        return GAP
    mean, runs = found
    return formats.auroc(mean) if runs == wanted else formats.auroc(mean) + formats.subscript(runs)


def _with_keys(cells: Cells, summary: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([key_frame(cells), summary.reset_index(drop=True)], axis="columns")


def _class_data(cells: Cells, means: pd.DataFrame, part: Sequence[int]) -> pd.DataFrame:
    return key_frame(cells).join(means[means["class"].isin(part)].set_index("row"), how="inner").reset_index(drop=True)


# -- command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Print the table of a plan.")
    parser.add_argument("--results", required=True, action=console.Once, metavar="DIR", help="results folder")
    which = parser.add_mutually_exclusive_group()
    default = "plan file; default: the only one in DIR/plans"
    which.add_argument("--plan", metavar="FILE", action=console.Once, help=default)
    which.add_argument("--grid", metavar="NAME", action=console.Once, help="grid whose plan in DIR/plans is meant")
    parser.add_argument("--out", metavar="FILE", type=console.path, help="write the Markdown here too")
    stats.add_margin(parser)
    options = parser.parse_args(arguments)
    return console.run(lambda: _print(options), about=options.out)


def _print(options: argparse.Namespace) -> int:
    plan = Plan.load(options.plan or find_plan(options.results, options.grid))
    made = plan_table(options.results, plan, options.margin)
    if options.out:
        console.check_target("--out", options.out, made.heading.encode(), takes_streams=True)
        console.write_target(options.out, made.to_markdown())
    print(made.to_markdown())
    return 0 if made.complete else 1


if __name__ == "__main__":
    sys.exit(main())
