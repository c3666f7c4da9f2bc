"""This program: how its commands and modules are started as further processes.

In a checkout this package is `sweeps` and stands beside `agad`; an installed agad holds it as `agad.sweeps`. What is
started is always the code beside this file, wherever the user stands: `-P` keeps the current folder off Python's path.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = __name__.removesuffix(".machine.program")
"""`sweeps`, or `agad.sweeps` where agad is installed."""
FOLDER = Path(__file__).resolve().parents[2]
"""What holds sweeps/, analysis/ and slurm/: the checkout, or the installed package."""
ARRAY_SCRIPT = FOLDER / "slurm" / "array.sh"

_COMMAND_FOLDERS = {"report": "analysis"}


def is_checkout() -> bool:
    """Whether this is a checkout, and not an installed agad."""
    return PACKAGE == "sweeps"


def module(name: str) -> list[str]:
    """The command that runs a module of this package, as `worker.worker`."""
    return [sys.executable, "-P", "-m", f"{PACKAGE}.{name}"]


def command(name: str) -> list[str]:
    """The command line `launch`, `status`, `tune` or `report`, without its options."""
    if is_checkout():
        return [sys.executable, str(FOLDER / _COMMAND_FOLDERS.get(name, "sweeps") / f"{name}.py")]
    script = Path(sys.executable).with_name("agad")
    return [str(script), name] if script.is_file() else [*module("cli.main"), name]


def title(name: str) -> str:
    """A command's name as its messages begin: `launch.py`, or `agad launch` where agad is installed."""
    return f"{name}.py" if is_checkout() else f"agad {name}"


def search_path() -> dict[str, str]:
    """Environment variables by which a further process finds this code; none where it is installed."""
    if not is_checkout():
        return {}
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{FOLDER}{os.pathsep}{inherited}" if inherited else str(FOLDER)}


def analysis(name: str) -> ModuleType:
    """A module of the analysis, which stands beside this package. Loaded late: it brings pandas."""
    return importlib.import_module(f"{PACKAGE.removesuffix('sweeps')}analysis.{name}")
