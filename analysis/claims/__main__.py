"""Print the paper's claims and what rows say of them.

    python -m analysis.claims reproduction/* [--short] [--out FILE]

Files among the folders are passed over, so that a folder's README does no harm. Exit status: 0, 2 an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agad import console

from ..tables.footnotes import cautions
from .short import short_claims
from .table import CSV_BEGINS, claims_table, findings_and_cells


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Print the paper's claims and what rows say of them.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="results folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers here too, as CSV")
    parser.add_argument("--short", action="store_true", help="only what rows decide, and how much they do not")
    options = parser.parse_args(arguments)
    return console.run(lambda: _print(options), about=options.out)


def _print(options: argparse.Namespace) -> int:
    if options.out:
        console.check_target("--out", options.out, CSV_BEGINS, takes_streams=True)
    found, cells = findings_and_cells(options.folders)
    sheet = short_claims(found) if options.short else claims_table(found)
    sheet = replace(sheet, notes=(*sheet.notes, *cautions(cells)))
    if options.out:
        console.write_target(options.out, sheet.to_csv())
    print(sheet.to_markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
