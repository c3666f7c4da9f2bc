"""The README's commands and links work as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import curves, leakage
from analysis.cells import read
from analysis.load import find_plan, load_plan
from analysis.tables import plan_table
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (python .*)$", README, re.MULTILINE)
NEEDS_DATA = "dataset=mnist"


def test_the_commands_were_found() -> None:
    assert len(COMMANDS) == 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place to run the commands in, as they stand: sweeps/ is here, results/ and data/ are its own."""
    place = tmp_path_factory.mktemp("readme")
    for name in ("sweeps", "agad", "analysis"):
        (place / name).symlink_to(ROOT / name)
    return place


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, folder: Path) -> None:
    """The demo runs whole; what needs downloaded data says in one line what to put where."""
    environment = {key: value for key, value in os.environ.items() if key != "AGAD_DATA"}
    arguments = [sys.executable, *shlex.split(command)[1:]]
    if "--prepare-data" in arguments:
        pytest.skip("downloads")
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )

    if NEEDS_DATA in command:
        assert done.returncode == 2
        assert "--prepare-data" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_python_example(folder: Path) -> None:
    block = re.search(r"In Python:\n\n((?:    .*\n|\n)+)", README)
    assert block is not None
    code = "\n".join(line[4:] for line in block[1].splitlines()) + "\nprint(rows.num_rows)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "1", done.stderr


def test_make_targets_exist() -> None:
    targets = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()

    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)


PAGES = [
    "README.md",
    "docs/design.md",
    "docs/data.md",
    "docs/benchmarks.md",
    "reproduction/README.md",
    "slurm/README.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_tree_is_true() -> None:
    """Every file that the README's tree names is there."""
    tree = README.partition("## The tree")[2].partition("## Not goals")[0]
    named = set(re.findall(r"\b(\w+\.py|\w+/)", tree))
    there = {path.name for path in ROOT.rglob("*.py") if ".venv" not in path.parts}
    folders = {f"{path.name}/" for path in ROOT.rglob("*") if path.is_dir() and ".venv" not in path.parts}

    assert named - there - folders == set()


def test_the_results_are_those_of_the_published_rows() -> None:
    """The README's table is made from the rows in reproduction/, and from nothing else."""
    results = ROOT / "reproduction" / "first-runs"
    shown = README.partition("<!-- results -->")[2].partition("<!-- end of results -->")[0]
    table = plan_table(results, find_plan(results))

    assert shown.strip() == table.sheets[0].to_markdown().strip()
    assert table.complete


def test_the_protocols_are_those_of_the_published_rows() -> None:
    results = ROOT / "reproduction" / "mnist-naive"
    shown = README.partition("<!-- protocols -->")[2].partition("<!-- end of protocols -->")[0]
    cells = read(results, load_plan(find_plan(results)))
    sheet = leakage.table(cells, curves.read(results, cells.runs["run_id"]))

    assert sheet is not None
    assert shown.strip() == sheet.to_markdown().strip()
