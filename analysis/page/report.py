"""The report: one page with every table and figure that a results folder has, beside the paper's.

    python analysis/report.py --results DIR [DIR ...] [--grid NAME | --plan FILE] --out DIR

Writes OUT/index.html, which opens without a network, and OUT/tables/ (Markdown, LaTeX, CSV) and OUT/figures/ (PNG,
PDF); the page alone where OUT ends in .html. Without --grid and --plan it covers all plans in DIR/plans, or all rows
where there is none; of several folders a run that is in several counts once. Exit status: 0 written, 2 an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agad import collector, console, targets
from agad.errors import AnalysisError, EmptyResultsError
from agad.outputs import Outputs
from agad.plan.plan import Plan, find_plan
from agad.plan.study import read_studies

from .. import stats
from ..cells import Cells, read, read_all
from ..load import Results, Rows, open_store
from ..tables import footnotes
from .page import Section, named_apart, render
from .sections import section_of_study, sections_of_cells

_TITLE = "AGAD beside its paper"


def write_report(
    results: Results, out: str | Path, plan: str | Path | None = None, margin: float = stats.MARGIN
) -> Path:
    """Write the report of results folders, or of one plan in them; the path of the page.

    Args:
        results: see load.Results.
        out: the folder of the report, or where it ends in .html the page, which then stands alone.
        plan: a plan file; None: everything.
        margin: within which a mean counts as the paper's, in percentage points.

    Raises:
        AnalysisError: one line, where no honest report can be made.
    """
    # Of a large report passes of the collector take a fifth of the time: what it makes, it holds until it is written.
    with collector.no_passes():
        return _write_report(open_store(results), Path(out), plan, margin)


def _write_report(store: Rows, target: Path, plan_file: str | Path | None, margin: float) -> Path:
    alone = target.suffix == ".html"
    page = target if alone else target / "index.html"
    console.check_page("--out", page, _TITLE)
    plan = None if plan_file is None else Plan.load(plan_file)
    studies, damaged = read_studies(store.paths)
    if plan is not None:  # of the studies then only the one that the plan takes values from
        studies = tuple(study for study in studies if plan.tuned is not None and study.name == plan.tuned.study)
    try:
        cells = read_all(store) if plan is None else read(store, plan)
        cells = replace(cells, damaged=(*cells.damaged, *damaged))
    except EmptyResultsError as error:
        if not studies:
            raise EmptyResultsError("; ".join((str(error), *damaged))) from None
        cells = None
    sections = [] if cells is None else sections_of_cells(store, replace(cells, margin=margin))
    sections = named_apart([*sections, *map(section_of_study, studies)])
    if not alone:
        outputs = Outputs(target)
        _write_files(sections, outputs)
    page.parent.mkdir(parents=True, exist_ok=True)
    text = render(_TITLE, _lead(cells, damaged), sections, files=not alone)
    if alone:
        targets.replace_text(page, text)
    else:
        outputs.replace_page(page, text)
        outputs.close()
    return page


def _write_files(sections: Sequence[Section], outputs: Outputs) -> None:
    target = outputs.folder
    for folder in ("tables", "figures"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for section in sections:
        for sheet in (*section.sheets, *section.folded):
            for suffix, text in (("md", sheet.to_markdown()), ("tex", sheet.to_latex()), ("csv", sheet.to_csv())):
                outputs.replace_text(target / "tables" / f"{sheet.name}.{suffix}", text)
        for drawing in section.figures:
            drawing.save(target / "figures", outputs.replace)


def _lead(cells: Cells | None, damaged: Sequence[str]) -> str:
    if cells is None:
        return " ".join(("Studies only: no run has a test score.", *(f"Passed over: {line}." for line in damaged)))
    return f"{cells.title}. {footnotes.coverage(cells, cells.summary)}"


# -- command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Write the report of a sweep.")
    parser.add_argument(
        "--results", required=True, nargs="+", action="extend", type=console.path, metavar="DIR", help="results folder"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--plan", metavar="FILE", action=console.Once, help="one plan only")
    which.add_argument("--grid", metavar="NAME", action=console.Once, help="the plan of this grid in DIR/plans only")
    parser.add_argument(
        "--out", required=True, type=console.path, metavar="DIR", help="folder of the report, or a page's file: *.html"
    )
    stats.add_margin(parser)
    options = parser.parse_args(arguments)
    return console.run(lambda: _write(options), about=options.out)


def _write(options: argparse.Namespace) -> int:
    store = open_store(options.results)
    plan = options.plan
    if options.grid:
        if len(store.paths) > 1:
            raise AnalysisError("--grid looks for the plan in one results folder; of several, name the file by --plan")
        plan = find_plan(store.paths[0], options.grid)
    print(write_report(store, options.out, plan, options.margin))
    return 0
