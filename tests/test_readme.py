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
from analysis import curves
from analysis.cells import read
from analysis.tables import agreement, contrast, leakage
from analysis.tables.table import plan_table
from sweeps.cli.arguments import plan_of
from sweeps.cli.options import build_parser
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (python .*)$", README, re.MULTILINE)
NEEDS_DATA = "dataset=mnist"
SMALLER = ["--seeds", "1", "--select", "normal_class=0"]
"""Two of the demo's twelve runs; `make demo` makes all. report.py takes the plan that it finds."""


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
    environment = {key: value for key, value in os.environ.items() if key != "AGAD_DATA"}
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
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
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


GAMMA0 = ROOT / "reproduction" / "gamma0"
PUBLISHED = {
    "g": GAMMA0,
    "c": ROOT / "reproduction" / "context",
    "u": ROOT / "reproduction" / "unetpp",
    "b": ROOT / "reproduction" / "bn_update",
    "s": ROOT / "reproduction" / "seeds",
}
"""The first letter of a block's name in reproduction/README.md -> where its rows are."""


def block(page: str, name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- end of name -->`."""
    _, opening, rest = page.partition(f"<!-- {name} -->")
    shown, closing, _ = rest.partition(f"<!-- end of {name} -->")
    assert opening, name
    assert closing, name
    return shown.strip()


def made_from_rows(results: Path) -> dict[str, str]:
    """The tables of a published folder, by the name of their block."""
    plan = find_plan(results)
    cells, (means, classes) = read(results, Plan.load(plan)), plan_table(results, plan).sheets[:2]
    sheets = {
        "results": means,
        "classes": classes,
        "protocols": leakage.leakage_table(cells, curves.read(results, cells.runs["run_id"])),
        "agreement": agreement.agreement_table(cells),
        "contrast": contrast.contrast_table(cells),
    }
    return {name: sheet.to_markdown().strip() for name, sheet in sheets.items() if sheet is not None}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["results", "protocols"])
def test_the_results_are_those_of_the_published_rows(name: str) -> None:
    """The README's tables are made from the rows in reproduction/, and from nothing else."""
    assert block(README, name) == made_from_rows(GAMMA0)[name]


@pytest.mark.slow
def test_every_table_of_the_reproduction_is_made_from_its_rows() -> None:
    page = (ROOT / "reproduction" / "README.md").read_text()
    names = re.findall(r"<!-- ([a-z]_\w+) -->", page)
    made = {letter: made_from_rows(results) for letter, results in PUBLISHED.items()}

    assert {"g_protocols", "g_classes", "g_agreement"} <= set(names)
    assert {"c_protocols", "c_contrast", "u_protocols", "b_contrast", "s_protocols"} <= set(names)
    for name in names:
        letter, _, kind = name.partition("_")
        assert block(page, name) == made[letter][kind], name


@pytest.mark.parametrize("results", PUBLISHED.values(), ids=PUBLISHED)
def test_published_runs_are_complete_and_of_clean_code(results: Path) -> None:
    rows = ResultStore(results).read(["run_id", "status", "git_clean", "git_commit"]).to_pylist()
    assert {row["run_id"] for row in rows} == set(Plan.load(find_plan(results)).run_ids)
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["git_clean"] and row["git_commit"] for row in rows)


REPRODUCTION = (ROOT / "reproduction" / "README.md").read_text()
LAUNCHES = re.findall(r"^    python sweeps/launch.py ((?:.*\\\n)*.*)", REPRODUCTION, re.MULTILINE)


def test_the_launches_of_the_reproduction_were_found() -> None:
    assert len(LAUNCHES) == 8


@pytest.mark.parametrize("number", range(len(LAUNCHES)))
def test_the_commands_of_the_reproduction_mean_the_published_runs(number: int) -> None:
    """Whatever defaults are now: each run that a command plans has a row in reproduction/."""
    options = build_parser("").parse_args(shlex.split(LAUNCHES[number].replace("\\\n", " ")))
    published = {
        run_id for path in (ROOT / "reproduction").glob("*/plans/*.json") for run_id in Plan.load(path).run_ids
    }

    assert set(plan_of(options).run_ids) <= published
