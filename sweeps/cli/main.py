"""`agad COMMAND`: all command lines of an installed agad under one name."""

from __future__ import annotations

import importlib
import sys

from ..machine import program

COMMANDS = {
    "launch": "run a grid: one row of Parquet per run, a mean±SD table at the end",
    "status": "say what is done, running, failed and missing",
    "tune": "tune loss weights by a validation score",
    "report": "write every table and figure as one page",
    "tables": "print the table of a plan",
    "publish": "copy a plan and its rows, without scores, to keep beside code",
    "slurm-script": "print slurm/array.sh, by which sbatch runs a sweep",
}
"""Command -> what it does."""

_MODULES = {"report": "page.report", "tables": "tables.table", "publish": "publish"}
"""Command -> module of the analysis."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name not in COMMANDS:
        print(f"agad: error: unknown command {name!r}; choose from: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    if name == "slurm-script":
        script = program.ARRAY_SCRIPT.read_text(encoding="utf-8")
        print(script.replace("--output=slurm/logs/", "--output="), end="")  # Slurm makes no folders
        return 0
    sys.argv = [f"agad {name}", *rest]
    module = program.analysis(_MODULES[name]) if name in _MODULES else importlib.import_module(f".{name}", __package__)
    status: int = module.main(rest)
    return status


def _usage() -> str:
    lines = [f"  {name:<14} {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: agad COMMAND [options]; agad COMMAND --help lists them", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
