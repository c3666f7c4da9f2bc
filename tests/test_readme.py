"""The README's commands and links work as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agad.plan.plan import Plan, find_plan
from agad.store.rows import ResultStore
from analysis.prose.__main__ import main as prose
from analysis.prose.marks import marks
from analysis.prose.sources import folders
from sweeps.cli.arguments import plan_of
from sweeps.cli.options import build_parser
from tests.conftest import ROOT
from tests.helpers.holding import NARROW

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (python .*)$", README, re.MULTILINE)
NEEDS_DATA = "dataset=mnist"
SMALLER = ["--seeds", "1", "--select", "normal_class=0", "--set", "updates=20", "--set", "curve=10"]
"""Two of the demo's twelve runs, a fifth as long; `make demo` makes all. report.py takes the plan that it finds."""


def test_the_commands_were_found() -> None:
    assert len(COMMANDS) == 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to run the commands in, as they stand: sweeps/ is the checkout's, results/ and data/ are its own."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("sweeps", "agad", "analysis"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, folder: Path) -> None:
    """Each command works; one that needs downloaded data says in one line what to put where."""
    environment = {key: value for key, value in os.environ.items() if key != "AGAD_DATA"} | NARROW
    words = shlex.split(command)[1:]
    if "--prepare-data" in words:
        pytest.skip("downloads")
    is_smaller = "demo" in words and "report.py" not in words[0]
    arguments = [sys.executable, *words, *(SMALLER if is_smaller else [])]
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )

    if NEEDS_DATA in command:
        assert done.returncode == 2
        assert "--prepare-data" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_python_example(folder: Path) -> None:
    block = re.search(r"In Python:\n\n((?:    .*\n|\n)+)", README)
    assert block is not None
    code = "\n".join(line[4:] for line in block[1].splitlines()) + "\nprint(rows.num_rows)"
    environment = os.environ | NARROW | {"PYTHONPATH": os.pathsep.join((str(ROOT), NARROW["PYTHONPATH"]))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )

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
    "docs/slurm.md",
    "docs/tuning.md",
    "reproduction/README.md",
    "slurm/README.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


TREE = README.partition("## The tree")[2].partition("\n## ")[0]


def names_in(text: str) -> set[str]:
    """The modules and folders that a part of the tree names, as `run.py` and `spec/`."""
    return set(re.findall(r"[\w.-]+\.py\b|[\w.-]+/", text))


def test_everything_in_the_tree_exists() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("no git repository: what belongs to the project is unknown")
    paths = [Path(name) for name in tracked]
    assert names_in(TREE) - {path.name for path in paths} - {f"{one}/" for path in paths for one in path.parts} == set()


@pytest.mark.parametrize("package", ["agad", "sweeps", "analysis", "benchmarks"])
def test_the_tree_names_each_folder_and_each_module_beside_them(package: str) -> None:
    """Those directly in a package; what is in its folders is said there."""
    (part,) = re.findall(rf"^    {package}/.*\n(?:     .*\n)*", TREE, re.MULTILINE)
    there = (ROOT / package).iterdir()
    folders = {f"{path.parent.name}/" for path in (ROOT / package).glob("*/*.py")}
    modules = {path.name for path in there if path.suffix == ".py" and not path.name.startswith("_")}

    assert folders - names_in(part) == set()
    assert package == "benchmarks" or modules - names_in(part) == set()


FROM_ROWS = ["README.md", "reproduction/README.md", "docs/note.md"]
"""Pages whose tables and numbers are marked as coming from rows (docs/extending.md)."""
PUBLISHED = folders(ROOT / "reproduction")


@pytest.mark.slow
def test_numbers_and_tables_are_those_of_the_published_rows(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [str(ROOT / page) for page in FROM_ROWS]

    assert prose([*pages, "--rows", str(ROOT / "reproduction"), "--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("page", FROM_ROWS)
def test_pages_mark_what_comes_from_rows(page: str) -> None:
    assert len([mark for mark in marks((ROOT / page).read_text()) if mark.kind == "number"]) > 3


@pytest.mark.parametrize("results", PUBLISHED, ids=lambda path: path.name)
def test_published_runs_are_complete_and_of_clean_code(results: Path) -> None:
    rows = ResultStore(results).read(["run_id", "status", "git_clean", "git_commit"]).to_pylist()
    assert {row["run_id"] for row in rows} == set(Plan.load(find_plan(results)).run_ids)
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["git_clean"] and row["git_commit"] for row in rows)


REPRODUCTION = (ROOT / "reproduction" / "README.md").read_text()
LAUNCHES = re.findall(r"^    python sweeps/launch.py ((?:.*\\\n)*.*)", REPRODUCTION, re.MULTILINE)


def test_the_launches_of_the_reproduction_were_found() -> None:
    assert len(LAUNCHES) == 47


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(LAUNCHES)))
def test_the_commands_of_the_reproduction_mean_the_published_runs(number: int) -> None:
    """Whatever defaults are now: each run that a command plans has a row in reproduction/."""
    options = build_parser("").parse_args(shlex.split(LAUNCHES[number].replace("\\\n", " ")))
    published = {
        run_id for path in (ROOT / "reproduction").glob("*/plans/*.json") for run_id in Plan.load(path).run_ids
    }

    assert set(plan_of(options).run_ids) <= published
