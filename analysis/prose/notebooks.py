"""Write, or check, notebooks with their outputs over published rows.

    python -m analysis.prose.notebooks reproduction/gamma0 --out docs/notebooks [--check]

Runs analysis/notebooks in this process, so that no Jupyter is needed; tables are outputs as HTML and text, figures as
PNG. A notebook is written where its words differ, or what its figures draw (drawn.digest): not where pixels alone do,
as after a change of colours; remove it to have it written then. Exit status: 0; 1 where --check finds one that says
something else than its rows; 2 an error.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import html
import importlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agad import console, targets
from agad.errors import AnalysisError

from .drawn import digest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
_DEFAULT = "../../results/demo"
"""The results folder that a notebook reads, as its first cell has it."""
_RESULTS = "AGAD_RESULTS"
"""The variable of the environment by which whoever runs a notebook has it read another folder."""
_INSTALLED = "agad.analysis"
"""This package where agad is installed, and what notebooks import."""
_DPI = 110


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Write notebooks with their outputs over published rows.")
    parser.add_argument("results", type=Path, metavar="DIR", help="results folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the notebooks")
    parser.add_argument("--check", action="store_true", help="change nothing, say which notebooks would change")
    options = parser.parse_args(arguments)
    return console.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if not options.results.is_dir():
        raise AnalysisError(f"{options.results} is no folder; give a results folder")
    if options.check and not options.out.is_dir():
        raise AnalysisError(f"{options.out} is no folder; without --check it is made, with the notebooks")
    stale = 0
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        target = options.out / path.name
        notebook = executed(json.loads(path.read_text(encoding="utf-8")), options.results, options.out)
        if target.exists() and said(notebook) == said(json.loads(target.read_text(encoding="utf-8"))):
            continue
        stale += 1
        print(f"{target}: {'says something else than its rows' if options.check else 'written'}")
        if not options.check:
            options.out.mkdir(parents=True, exist_ok=True)
            targets.replace_text(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return 1 if options.check and stale else 0


def executed(notebook: dict[str, Any], results: Path, out: Path) -> dict[str, Any]:
    """A notebook with its outputs, over `results` whatever AGAD_RESULTS says.

    Args:
        notebook: as nbformat 4 has it, without outputs.
        results: the folder that its cells read.
        out: the folder where it will lie, and from which its cells read `results`.
    """
    folder = os.path.relpath(results, out)
    names: dict[str, Any] = {}
    cells, count = [], 0
    with contextlib.chdir(_made(out)), _without(_RESULTS):
        for cell in notebook["cells"]:
            source = "".join(cell["source"]).replace(_DEFAULT, folder)
            cells.append({**cell, "source": source.splitlines(keepends=True)})
            if cell["cell_type"] == "code":
                count += 1
                cells[-1] |= {"execution_count": count, "outputs": list(_outputs(source, names, count))}
    return {**notebook, "cells": cells}


def said(notebook: dict[str, Any]) -> list[Any]:
    """What a notebook says: its cells without the pixels of its figures, which differ between versions of libraries.

    What a figure draws is in its output's metadata.
    """
    cells = json.loads(json.dumps(notebook["cells"]))
    for output in (output for cell in cells for output in cell.get("outputs", ())):
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = ""
    return list(cells)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """Unset a variable of the environment, and set it again."""
    before = os.environ.pop(name, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[name] = before


def _outputs(source: str, names: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """What a cell prints, and what its last expression shows."""
    body, value, printed = ast.parse(source).body, None, io.StringIO()
    _take_this_package(body)
    with contextlib.redirect_stdout(printed):
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102 - our own notebooks
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307 - likewise
    if printed.getvalue():
        yield {"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(keepends=True)}
    for part in getattr(value, "parts", () if value is None else (value,)):
        result = {"output_type": "execute_result", "execution_count": count}
        metadata = {"drawn": digest(part.figure)} if hasattr(part, "figure") else {}
        yield {**result, "metadata": metadata, "data": dict(_forms(part))}
        if hasattr(part, "figure"):  # a picture alone would be shown, as there is one
            forms = {"text/html": f"<p>{html.escape(part.words)}</p>", "text/plain": part.words}
            yield {"output_type": "display_data", "metadata": {}, "data": forms}


def _take_this_package(body: list[ast.stmt]) -> None:
    """Let agad.analysis be this package in the imports of a cell, in a checkout without an installed agad too."""
    package = str(__package__).rpartition(".")[0]
    for node in body:
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{_INSTALLED}."):
            name = str(node.module)
            sys.modules[name] = importlib.import_module(package + name.removeprefix(_INSTALLED))


def _forms(value: Any) -> Iterator[tuple[str, Any]]:
    """MIME type -> a value in it, whatever shows itself in the way that a notebook knows."""
    if hasattr(value, "figure"):
        buffer = io.BytesIO()
        value.figure.savefig(buffer, format="png", dpi=_DPI)
        yield "image/png", base64.b64encode(buffer.getvalue()).decode()
        text = f"{value.caption}\n{value.alt}"
    elif hasattr(value, "to_markdown") and hasattr(value, "notes"):
        text = value.to_markdown()
        yield ("text/html", value._repr_html_()) if hasattr(value, "_repr_html_") else ("text/markdown", text)
    else:
        text = repr(value)
        if hasattr(value, "_repr_html_"):
            yield "text/html", value._repr_html_()
    yield "text/plain", text


if __name__ == "__main__":
    sys.exit(main())
