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
names = {}
for text in json.loads(sys.stdin.read()):
    body = ast.parse(text).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    if last:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        assert value is not None, text
        for form in ("_repr_html_", "_repr_markdown_"):
            if hasattr(value, form):
                assert getattr(value, form)()
sys.stdout.flush()
os._exit(0)  # a kernel lives on; here a library's thread may abort an interpreter that ends
"""


def code_of(path: Path) -> list[str]:
    """The text of each code cell."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_notebook(path: Path, results: Path) -> subprocess.CompletedProcess[str]:
    """Each cell in turn over a results folder, its last expression displayed, from the notebook's own folder."""
    return subprocess.run(
        [sys.executable, "-c", _RUN, str(ROOT)],
        input=json.dumps(code_of(path)),
        cwd=path.parent,
        env={**os.environ, "AGAD_RESULTS": str(results), "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
        capture_output=True,
    )
