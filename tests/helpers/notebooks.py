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
given = json.loads(sys.stdin.read())
for results, notebook, texts in [(results, *one) for results in given["results"] for one in given["code"].items()]:
    os.environ["AGAD_RESULTS"], names = results, {}
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
    print(results, notebook)
sys.stdout.flush()
os._exit(0)  # a kernel lives on; here a library's thread may abort an interpreter that ends
"""


def code_of(path: Path) -> list[str]:
    """The text of each code cell."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_notebooks(*results: Path) -> None:
    """Each notebook's cells in turn over each results folder, the last expression displayed, from their own folder.

    One process runs them all, each with names of its own: pandas and matplotlib take longer to import than cells to
    run. AssertionError with the traceback, and with what was run before, where one fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(ROOT)],
        input=json.dumps({"results": [*map(str, results)], "code": {path.name: code_of(path) for path in NOTEBOOKS}}),
        cwd=NOTEBOOKS[0].parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = [f"{folder} {path.name}" for folder in results for path in NOTEBOOKS]
    assert [line for line in done.stdout.splitlines() if line in made] == made
