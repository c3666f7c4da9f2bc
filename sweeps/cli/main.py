"""`agad COMMAND`: all command lines of an installed agad under one name."""

from __future__ import annotations

import importlib
import sys

from agad import __version__

from ..machine import program

COMMANDS = {
    "launch": "run a grid: one row of Parquet per run, a mean±SD table at the end",
    "status": "show what is done, running, failed and missing",
    "tune": "tune loss weights by a validation score",
    "report": "write every table and figure as one page",
    "tables": "print the table of a plan",
    "audit": "say what of any detector's AUROC rests on the order of its test set",
    "publish": "copy a plan and its rows, without scores, to store beside code",
    "fit": "train a detector on a folder of images",
    "score": "score images by a detector, with heat maps",
    "export": "write a detector as ONNX",
    "slurm-script": "print the batch script with which sbatch runs a sweep",
}
"""Command -> what it does."""

_DETECTOR = {"fit": "fitting", "score": "scoring", "export": "exporting"}
"""Command -> module of ..detector."""
_MODULES = {"report": "page.report", "tables": "tables.table", "publish": "publish"}
"""Command -> module of the analysis."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status: that of the command, 2 for a usage error."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name == "--version":
        print(f"agad {__version__}")
        return 0
    if name not in COMMANDS:
        print(f"agad: error: unknown command {name!r}; choose from: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    if name == "slurm-script":
        return _slurm_script(rest)
    sys.argv = [f"agad {name}", *rest]
    if name in _MODULES:
        module = program.analysis(_MODULES[name])
    else:
        where = f"..detector.{_DETECTOR[name]}" if name in _DETECTOR else f".{name}"
        module = importlib.import_module(where, __package__)
    status: int = module.main(rest)
    return status


def _slurm_script(options: list[str]) -> int:
    """Print slurm/array.sh; a job's output then goes to the folder that it is submitted from."""
    if options:
        print(f"usage: agad slurm-script > array.sh\n\n{COMMANDS['slurm-script']}")
        return 0 if options[0] in ("-h", "--help") else 2
    print(program.ARRAY_SCRIPT.read_text(encoding="utf-8").replace("--output=slurm/logs/", "--output="), end="")
    return 0


def _usage() -> str:
    lines = [f"  {name:<14} {what}" for name, what in COMMANDS.items()]
    head = "usage: agad COMMAND [options]; agad COMMAND --help lists them, agad --version the version"
    return "\n".join([head, "", *lines])


if __name__ == "__main__":
    sys.exit(main())
