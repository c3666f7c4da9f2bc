"""The report: one page with every table and figure that a results folder has, beside the paper's.

    python analysis/report.py --results DIR [--grid NAME | --plan FILE] --out DIR

Writes OUT/index.html, which opens without a network, and OUT/tables/ (Markdown, LaTeX, CSV) and OUT/figures/ (PNG,
PDF). Without --grid and --plan it covers all plans in DIR/plans, or all rows where there is none. Exit status: 0
written, 2 an error.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from agad import console
from agad.errors import EmptyResultsError
from agad.plan.plan import Plan, find_plan
from agad.plan.study import Study, read_studies
from agad.spec import datasets
from agad.spec.fields import json_defaults
from agad.store.rows import ResultStore

from .. import curves
from ..cells import Cells, read, read_all
from ..figures import reconstructions
from ..figures.boxes import box_figures, box_rows
from ..figures.curves import curve_figures
from ..figures.leakage import leakage_figure
from ..figures.studies import study_figures
from ..load import open_store
from ..paper import numbers as paper
from ..studies import trials_table, words
from ..table_rows import ONE_KNOWN
from ..tables import footnotes
from ..tables import table as tables
from ..tables.agreement import agreement_table
from ..tables.contrast import contrast_table
from ..tables.formats import GAP
from ..tables.keys import fewest_fields, heading, key_text
from ..tables.layouts import comparisons
from ..tables.layouts.coverage import coverage
from ..tables.layouts.layouts import paper_sheets
from ..tables.layouts.one_known import known_part, one_known
from ..tables.layouts.ours import OurTable, matches, our_tables
from ..tables.leakage import leakage_table
from ..tables.networks import networks
from ..tables.sheet import KEY, NOTE, OURS, Sheet
from ..tables.tuned import tuned_table
from .page import Section, render

PAGE = "index.html"

MOST_OPEN_LINES = 20
"""Failures above which the table of them is folded."""


def write_report(results: str | Path, out: str | Path, plan: str | Path | None = None) -> Path:
    """Write the report of a results folder, or of one plan in it; the path of the page.

    AnalysisError, one line, where no honest report can be made.
    """
    with _no_collector():
        return _write_report(open_store(results), Path(out), plan)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Without passes of the garbage collector: a fifth of a large report's time, and what it finds is not worth it.

    Everything is kept to the end anyway: the figures and tables that the page is made of.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _write_report(store: ResultStore, target: Path, plan: str | Path | None) -> Path:
    cells, studies = _cells(store, plan), _studies(store, plan)
    if cells is None and not studies:
        raise EmptyResultsError(f"{store.path}: no plan, no row and no study")
    sections = ([] if cells is None else _sections(store, cells)) + [_study(study) for study in studies]
    for folder in ("tables", "figures"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for section in sections:
        for sheet in (*section.sheets, *section.folded):
            for suffix, text in (("md", sheet.to_markdown()), ("tex", sheet.to_latex()), ("csv", sheet.to_csv())):
                (target / "tables" / f"{sheet.name}.{suffix}").write_text(text, encoding="utf-8")
        for drawing in section.figures:
            drawing.save(target / "figures")
    page = target / PAGE
    lead = "Studies only: no run has a test score." if cells is None else _lead(cells)
    page.write_text(render("AGAD beside its paper", lead, sections), encoding="utf-8")
    return page


def _cells(store: ResultStore, plan: str | Path | None) -> Cells | None:
    """The runs of a plan, or all; None where the folder holds nothing but studies."""
    if plan is not None:
        return read(store, Plan.load(plan))
    try:
        return read_all(store)
    except EmptyResultsError:
        if read_studies(store.path):
            return None
        raise


def _studies(store: ResultStore, plan: str | Path | None) -> tuple[Study, ...]:
    """All studies, or that of a plan."""
    found = read_studies(store.path)
    if plan is None:
        return found
    tuned = Plan.load(plan).tuned
    return tuple(study for study in found if tuned is not None and study.name == tuned.study)


def _lead(cells: Cells) -> str:
    return f"{cells.title}. {footnotes.coverage(cells, cells.summary)}"


def _sections(store: ResultStore, cells: Cells) -> list[Section]:
    trained = cells.of_task("train")
    sections = _of_training(store, trained) if trained else []
    if trained is None or cells.runs["parameters_g"].notna().any():
        # Where the paper has it: behind Tables 1 to 5, before Table 9 and the figures.
        before = [number for number, section in enumerate(sections) if section.anchor in _BEFORE_TABLE8]
        sections.insert(max(before, default=-1) + 1, _table8(cells))
    return [*sections, _failures(cells), _provenance(cells)]


_BEFORE_TABLE8 = ("coverage", "table1", "table2", "table3", "table4", "table5")


def _of_training(store: ResultStore, cells: Cells) -> list[Section]:
    ours = {table: our_tables(cells, table) for table in paper.TABLES if table != "table8"}
    points = curves.read(store, set(cells.runs["run_id"]))
    sections = [_coverage(ours)] if any(ours.values()) else []
    sections += [_paper_table(table, found) for table, found in ours.items() if found]
    sections += [*_one_known(store, cells), *_others(cells, ours), *_tuned(store, cells)]
    sections += [*_leakage(cells, points), *_curves(cells, points), *_boxes(store, cells)]
    return [*sections, *_reconstructions(store, cells)]


# -- sections ------------------------------------------------------------------------------------------------------


def _coverage(ours: Mapping[str, Sequence[OurTable]]) -> Section:
    return Section("coverage", "What there is", sheets=(coverage(ours),))


def _paper_table(table: str, found: Sequence[OurTable]) -> Section:
    sheets, folded = [], []
    for one in found:
        sheets += paper_sheets(one)
        pairs = comparisons.paired(one)
        folded += [pairs] if pairs else []
        sure = comparisons.uncertainty(one.cells, f"{one.name}-uncertainty", one.title)
        folded += [sure] if sure else []
        folded += _by_class(one.cells, one.name) if table not in ("table1", "table9") else []
    other = [
        f"Not compared with the paper, as they leave this project's settings where the paper is silent: the runs with "
        f"{', '.join(one.settings)}."
        for one in found
        if one.settings
    ]
    return Section(table, paper.TITLES[table], words=tuple(other), sheets=tuple(sheets), folded=tuple(folded))


def _by_class(cells: Cells, name: str) -> list[Sheet]:
    return [tables.renamed(sheet, f"{name}-{sheet.name}") for sheet in tables.classes(cells)]


def _table8(cells: Cells) -> Section:
    return Section("table8", paper.TITLES["table8"], sheets=(networks(cells),))


def _one_known(store: ResultStore, cells: Cells) -> list[Section]:
    part = known_part(cells)
    if part is None:
        return []
    ok = part.runs[part.runs["status"] == "ok"]
    split = curves.read_known_split(store, dict(zip(ok["run_id"], ok["known"], strict=True)))
    sheet = one_known(cells, split)
    return [Section("table2_one", "One known anomaly class", sheets=(sheet,))] if sheet else []


def _tuned(store: ResultStore, cells: Cells) -> list[Section]:
    """Default and tuned values side by side."""
    sheets = [sheet for sheet in (tuned_table(store, tuning) for tuning in cells.tunings) if sheet is not None]
    return [Section("tuned", "Tuned with labels, beside the defaults", sheets=tuple(sheets))] if sheets else []


def _study(study: Study) -> Section:
    return Section(
        f"study-{study.name}",
        f"Study {study.name}",
        words=(words(study),),
        sheets=(trials_table(study),),
        figures=tuple(study_figures(study)),
    )


def _others(cells: Cells, ours: Mapping[str, Sequence[OurTable]]) -> list[Section]:
    """Cells that are in no table of the paper."""
    in_paper = {index for table in ours for index, match in enumerate(matches(cells, table)) if match}
    others = cells.restrict(
        lambda index: index not in in_paper and cells.rows[index]["known_anomaly_classes"] != ONE_KNOWN,
        "Cells outside the paper",
    )
    if others is None:
        return []
    table = tables.cells_table(others)
    return [
        Section(
            "others",
            "Runs that are in no table of the paper",
            sheets=tuple(tables.renamed(sheet, f"others-{sheet.name}") for sheet in table.sheets),
        )
    ]


def _leakage(cells: Cells, points: pd.DataFrame) -> list[Section]:
    sheet, figure = leakage_table(cells, points), leakage_figure(cells)
    if sheet is None or figure is None:
        return []
    words = (
        "The same trained weights, the same test images. Only where batch norm takes its statistics from, and the "
        "order of the test set, differ. A gain that appears when the test set is ordered by label was not learnt.",
    )
    followed = agreement_table(cells)
    changed = contrast_table(cells)
    sheets = () if followed is None else (followed,)
    folded = (sheet,) if changed is None else (sheet, changed)
    return [Section("leakage", "Leakage: the order of the test set", words, sheets, (figure,), folded=folded)]


def _curves(cells: Cells, points: pd.DataFrame) -> list[Section]:
    drawn = tuple(curve_figures(cells, points))
    return [Section("curves", "Learning curves (Figure 6)", figures=drawn)] if drawn else []


def _boxes(store: ResultStore, cells: Cells) -> list[Section]:
    rows = {row for pair in box_rows(cells).values() for row in pair}
    run_ids = set(cells.runs.loc[cells.runs["row"].isin(rows) & (cells.runs["status"] == "ok"), "run_id"])
    drawn = tuple(box_figures(cells, curves.read_scores(store, run_ids))) if run_ids else ()
    return [Section("boxes", "Scores by class (Figure 4)", figures=drawn)] if drawn else []


def _reconstructions(store: ResultStore, cells: Cells) -> list[Section]:
    run_ids = {run_id for group in reconstructions.groups(cells) for run_id in group.run_ids.values()}
    drawn = tuple(reconstructions.drawings(cells, reconstructions.read(store, run_ids))) if run_ids else ()
    return [Section("reconstructions", "Reconstructions (Figures 2 and 3)", figures=drawn)] if drawn else []


def _failures(cells: Cells) -> Section:
    failed = cells.runs[cells.runs["status"] == "failed"]
    if failed.empty:
        return Section("failures", "Failures", words=("No run has failed.",))
    columns = ("run_id", "attempt", "failure_kind", "failure_update", "failure_message")
    fields = fewest_fields(cells)
    lines, data = [], []
    for run in failed.sort_values(["row", "class", "seed"]).to_dict("records"):
        values = cells.rows[run["row"]]
        key = [key_text(name, values[name]) for name in fields]
        texts = [_text(run[name]) for name in columns]
        lines.append((*key, str(run["class"]), str(run["seed"]), *texts))
        data.append({**dict(zip(fields, key, strict=True)), **{n: run[n] for n in ("class", "seed", *columns)}})
    sheet = Sheet(
        name="failures",
        caption=f"Runs that failed: {len(failed)}",
        columns=(*map(heading, fields), "class", "seed", "run", "try", "kind", "update", "message"),
        kinds=(KEY,) * len(fields) + (OURS, OURS, NOTE, OURS, NOTE, OURS, NOTE),
        lines=tuple(lines),
        notes=("A failed run is in no mean; it counts as missing in every n.",),
        data=pd.DataFrame(data),
    )
    many = len(lines) > MOST_OPEN_LINES
    return Section("failures", "Failures", sheets=() if many else (sheet,), folded=(sheet,) if many else ())


def _provenance(cells: Cells) -> Section:
    """How the numbers were made: code, machines, data, and every setting that all runs share."""
    words = tuple(note for note in footnotes.notes(cells, cells.summary))
    ok = cells.runs[cells.runs["status"] == "ok"]
    seconds = ok["train_seconds"].sum()
    if seconds > 0:
        long = f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"
        words += (f"Training took {long} of processes in all.",)
    return Section("provenance", "How it was made", words, folded=(_settings(cells), _data(cells)))


def _settings(cells: Cells) -> Sheet:
    defaults, fields = json_defaults(), [name for name in cells.rows[0] if name not in cells.fields]
    lines, data = [], []
    for name in fields:
        value = key_text(name, cells.rows[0][name])
        stated = name in paper.STATED_DEFAULTS
        default = key_text(name, defaults[name])
        lines.append(
            (name, value, "the paper states it" if stated else "the paper is silent", _changed(value, default))
        )
        data.append({"field": name, "value": value, "stated": stated, "default": default})
    return Sheet(
        name="settings",
        caption="Settings that all runs share",
        columns=("field", "value", "source", ""),
        kinds=(KEY, NOTE, NOTE, NOTE),
        lines=tuple(lines),
        notes=(f"What differs among the runs: {', '.join((*cells.fields, 'class', 'seed'))}.",),
        data=pd.DataFrame(data),
    )


def _changed(value: str, default: str) -> str:
    return "" if value == default else f"default: {default}"


def _data(cells: Cells) -> Sheet:
    known = cells.runs.dropna(subset=["data_digest"])
    found: dict[tuple[str, int, str], int] = {}
    for row, digest in zip(known["row"], known["data_digest"], strict=True):
        key = (cells.rows[row]["dataset"], cells.rows[row]["image_size"], digest)
        found[key] = found.get(key, 0) + 1
    return Sheet(
        name="data",
        caption="Data",
        columns=("dataset", "size", "runs", "digest"),
        kinds=(KEY, OURS, OURS, NOTE),
        lines=tuple((datasets.title(d), str(size), str(runs), digest) for (d, size, digest), runs in found.items()),
        data=pd.DataFrame([{"dataset": d, "size": s, "digest": g, "runs": n} for (d, s, g), n in found.items()]),
    )


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is what a null becomes in a frame
        return GAP
    return str(int(value)) if isinstance(value, float) else str(value)


# -- command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Write the report of a sweep.")
    parser.add_argument("--results", required=True, metavar="DIR", help="results folder")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--plan", metavar="FILE", help="one plan only")
    which.add_argument("--grid", metavar="NAME", help="the plan of this grid in DIR/plans only")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the report is written")
    options = parser.parse_args(arguments)
    return console.run(lambda: _write(options))


def _write(options: argparse.Namespace) -> int:
    plan = find_plan(options.results, options.grid) if options.grid else options.plan
    print(write_report(options.results, options.out, plan))
    return 0
