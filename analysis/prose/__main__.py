"""Write, or check, the numbers and tables of Markdown pages that come from rows.

    python -m analysis.prose README.md reproduction/README.md [--rows reproduction] [--check]

docs/extending.md says how a page marks them. Rows that contradict each other, or of which a file is damaged, are an
error; what else makes their numbers doubtful is printed to stderr. Exit status: 0; 1 where --check finds a page that
says something else than its rows; 2 an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agad import console, targets
from agad.errors import AnalysisError

from .facts import Facts
from .marks import write
from .tables import table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Write the numbers and tables of Markdown pages from rows.")
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--rows", type=Path, default=Path("reproduction"), metavar="DIR", help="holds results folders")
    parser.add_argument("--check", action="store_true", help="change nothing, say which pages would change")
    options = parser.parse_args(arguments)
    return console.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    facts, stale = Facts(options.rows), 0
    for path in options.pages:
        before = path.read_text(encoding="utf-8")
        try:
            after = write(before, facts.number, lambda question: table(facts, question))
        except AnalysisError as error:
            raise AnalysisError(f"{path}: {error}") from None
        if before == after:
            continue
        stale += 1
        print(f"{path}: {'says something else than its rows' if options.check else 'written'}")
        if not options.check:
            targets.replace_text(path, after)
    for doubt, folders in facts.doubts.items():
        print(f"note: {', '.join(folders)}: {doubt}", file=sys.stderr)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
