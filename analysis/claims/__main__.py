"""Print the paper's claims and what rows say of them.

    python -m analysis.claims reproduction/* [--out FILE]

Files among the folders are passed over, so that a folder's README does no harm. Exit status: 0, 2 an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agad import console

from .table import claims_table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Print the paper's claims and what rows say of them.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="results folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers here too, as CSV")
    options = parser.parse_args(arguments)
    return console.run(lambda: _print(options))


def _print(options: argparse.Namespace) -> int:
    sheet = claims_table([folder for folder in options.folders if not folder.is_file()])
    if options.out:
        options.out.write_text(sheet.to_csv(), encoding="utf-8")
    print(sheet.to_markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
