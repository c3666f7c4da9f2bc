"""The sections of the report that rest on test scores, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from agad.plan.study import Study

from .. import curves
from ..cells import Cells, since
from ..figures import reconstructions
from ..figures.boxes import box_figures, box_rows
from ..figures.curves import curve_figures
from ..figures.forest import forests
from ..figures.profiles import profile_figure
from ..figures.studies import study_figures
from ..load import Rows
from ..paper import numbers as paper
from ..paper.match import OTHER_CLASS, PRUNED
from ..studies import study_text, trials_table
from ..table_rows import ONE_KNOWN
from ..tables.agreement import agreement_table
from ..tables.contrast import contrast_table
from ..tables.layouts import comparisons
from ..tables.layouts.coverage import coverage
from ..tables.layouts.layouts import paper_sheets
from ..tables.layouts.one_known import known_part, one_known
from ..tables.layouts.ours import OurTable, our_tables
from ..tables.layouts.verdicts import verdict_table
from ..tables.leakage import leakage_table
from ..tables.networks import networks
from ..tables.sheet import Sheet
from ..tables.table import cells_table, classes
from ..tables.tuned import tuned_table
from .first import first_screen
from .page import Section
from .provenance import failures, provenance


def sections_of_cells(store: Rows, cells: Cells) -> list[Section]:
    """All sections of some cells: the first screen, the paper's tables, more figures, coverage at the end."""
    trained = cells.of_task("train")
    ours = {} if trained is None else {table: our_tables(trained, table) for table in paper.TABLES if table != "table8"}
    sections = [] if trained is None else [first_screen(store, trained)]
    sections += _paper_tables(cells, ours)
    sections += [] if trained is None else _of_training(store, trained, ours)
    sections.append(failures(cells))
    sections.append(provenance(since(cells, store)))  # of scores and curves too
    if any(ours.values()):
        sections.append(Section("coverage", "Coverage", sheets=(coverage(ours),)))
    return [section for section in sections if section != Section(section.anchor, section.title)]


def section_of_study(study: Study) -> Section:
    """A study: what was done, its best trials, its pictures."""
    return Section(
        f"study-{study.name}",
        f"Study {study.name}",
        words=(study_text(study),),
        sheets=(trials_table(study),),
        figures=tuple(study_figures(study)),
    )


def _paper_tables(cells: Cells, ours: Mapping[str, Sequence[OurTable]]) -> Iterator[Section]:
    """In the paper's order, a line for each table of which there is nothing; none where all would be such lines."""
    timed = cells.of_task("train") is None or bool(cells.runs["parameters_g"].notna().any())
    for table in paper.TABLES if timed or any(ours.values()) else ():
        if table == "table8" and timed:
            yield Section(table, paper.TITLES[table], sheets=(networks(cells),))
        elif ours.get(table):
            yield _paper_table(table, ours[table])
        elif any(ours.values()):
            yield Section(table, paper.TITLES[table], line="no runs yet.")


def _of_training(store: Rows, cells: Cells, ours: Mapping[str, Sequence[OurTable]]) -> list[Section]:
    points = curves.read(store, set(cells.runs["run_id"]))
    return [
        _one_known(store, cells),
        _others(cells, ours),
        _tuned(store, cells),
        _leakage(cells, points),
        _profiles(cells),
        Section("curves", "Learning curves (Figure 6)", figures=tuple(curve_figures(cells, points))),
        _boxes(store, cells),
        _reconstructions(store, cells),
    ]


def _paper_table(table: str, found: Sequence[OurTable]) -> Section:
    sheets: list[Sheet] = []
    folded: list[Sheet] = []
    for ours in found:
        sheets += paper_sheets(ours)
        more = comparisons.paired(ours), comparisons.uncertainty(ours.cells, f"{ours.name}-uncertainty", ours.title)
        folded += [sheet for sheet in more if sheet is not None]
        if table not in ("table1", "table9"):  # which print the classes themselves
            folded += _renamed(classes(ours.cells), ours.name)
    return Section(
        table, paper.TITLES[table], words=tuple(_not_compared(found)), sheets=tuple(sheets), folded=tuple(folded)
    )


def _not_compared(found: Iterable[OurTable]) -> Iterator[str]:
    """Why some of our tables stand beside the paper without a verdict."""
    of_reason: dict[str, list[tuple[str, ...]]] = {}
    for ours in found:
        if ours.settings:
            of_reason.setdefault(_reason(ours), []).append(ours.settings)
    for reason, several in sorted(of_reason.items()):
        yield f"Not compared with the paper here, {reason}: {'; or '.join(map(', '.join, several))}."


def _reason(ours: OurTable) -> str:
    if PRUNED in ours.settings:
        return "as their scores decided which runs were ended"
    if ours.is_second:
        return "as runs that were trained otherwise stand for the same rows of it (the table of verdicts has both)"
    if all(text.startswith(OTHER_CLASS) for text in ours.settings):
        return "as its average has not these classes"
    return "as they leave this project's settings where the paper is silent"


def _renamed(sheets: Iterable[Sheet], prefix: str) -> tuple[Sheet, ...]:
    """The sheets under names that begin with whose they are: a page has several of a kind."""
    return tuple(replace(sheet, name=f"{prefix}-{sheet.name}") for sheet in sheets)


def _one_known(store: Rows, cells: Cells) -> Section:
    part, sheet = known_part(cells), None
    if part is not None:
        known = dict(zip(part.ok["run_id"], part.ok["known"], strict=True))
        sheet = one_known(cells, curves.read_known_split(store, known))
    return Section("table2_one", "One known anomaly class", sheets=_there(sheet))


def _others(cells: Cells, ours: Mapping[str, Sequence[OurTable]]) -> Section:
    """Cells that are in no table of the paper."""
    in_paper = {index for table in ours for index, match in enumerate(cells.matches_in((table,))) if match}
    in_paper |= {rival.row for tables in ours.values() for table in tables for rival in table.rivals}
    others = cells.restrict(
        lambda index: index not in in_paper and cells.rows[index]["known_anomaly_classes"] != ONE_KNOWN,
        "Cells outside the paper",
    )
    sheets = () if others is None else _renamed(cells_table(others).sheets, "others")
    return Section("others", "Runs that are in no table of the paper", sheets=sheets)


def _tuned(store: Rows, cells: Cells) -> Section:
    """Default and tuned values side by side."""
    sheets = _there(*(tuned_table(store, tuning) for tuning in cells.tunings))
    return Section("tuned", "Tuned with labels, beside the defaults", sheets=sheets)


def _leakage(cells: Cells, points: pd.DataFrame) -> Section:
    anchor, title = "leakage", "Leakage: the order of the test set"
    sheet = leakage_table(cells, points)
    if sheet is None:
        return Section(anchor, title)
    words = (
        "The same trained weights, the same test images. Only where batch norm takes its statistics from, and the "
        "order of the test set, differ. A gain that appears when the test set is ordered by label was not learnt.",
    )
    folded = _there(contrast_table(cells))
    sheets = (sheet, *_there(verdict_table(cells), agreement_table(cells)))
    return Section(anchor, title, words, sheets, tuple(forests(cells)), folded)


def _profiles(cells: Cells) -> Section:
    drawing = profile_figure(cells)
    return Section("profiles", "Performance profiles", figures=() if drawing is None else (drawing,))


def _boxes(store: Rows, cells: Cells) -> Section:
    rows = {row for pair in box_rows(cells).values() for row in pair}
    run_ids = set(cells.ok.loc[cells.ok["row"].isin(rows), "run_id"])
    drawn = tuple(box_figures(cells, curves.read_scores(store, run_ids))) if run_ids else ()
    return Section("boxes", "Scores by class (Figure 4)", figures=drawn)


def _reconstructions(store: Rows, cells: Cells) -> Section:
    run_ids = {run_id for group in reconstructions.groups(cells) for run_id in group.run_ids.values()}
    drawn = tuple(reconstructions.drawings(cells, reconstructions.read(store, run_ids))) if run_ids else ()
    return Section("reconstructions", "Reconstructions (Figures 2 and 3)", figures=drawn)


def _there(*sheets: Sheet | None) -> tuple[Sheet, ...]:
    """The sheets that there are."""
    return tuple(sheet for sheet in sheets if sheet is not None)
