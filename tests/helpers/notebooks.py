"""The notebooks, run as a notebook would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "analysis" / "notebooks").glob("*.ipynb"))

_RUN = """
import ast, json, os, sys
import agad
agad.__path__.append(sys.argv[1])  # agad.analysis is this checkout's analysis/, wherever agad is installed from
for notebook, texts in json.loads(sys.stdin.read()).items():
    names = {}
    for text in texts:
        body = ast.parse(text).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), notebook, "exec"), names)
        if last:
            value = eval(compile(ast.Expression(last.value), notebook, "eval"), names)
            assert value is not None, text
            for form in ("_repr_html_", "_repr_markdown_"):
                if hasattr(value, form):
                    assert getattr(value, form)()
    print(notebook)
sys.stdout.flush()
os._exit(0)  # a kernel lives on; here a library's thread may abort an interpreter that ends
"""


def code_of(path: Path) -> list[str]:
    """The text of each code cell."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_notebooks(results: Path) -> None:
    """Each notebook's cells in turn over a results folder, the last expression displayed, from the notebooks' folder.

    One process runs them all, each with names of its own: pandas and matplotlib take longer to import than cells to
    run. AssertionError with the traceback, in which a notebook's name stands, where one fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(ROOT)],
        input=json.dumps({path.name: code_of(path) for path in NOTEBOOKS}),
        cwd=NOTEBOOKS[0].parent,
        env={**os.environ, "AGAD_RESULTS": str(results), "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    names = [path.name for path in NOTEBOOKS]
    assert [line for line in done.stdout.splitlines() if line in names] == names
