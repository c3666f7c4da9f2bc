"""The wheel: what is in it, and that its commands work where no checkout is in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import agad
from agad.store.rows import ResultStore
from sweeps.cli import main as main_module
from tests.conftest import ROOT
from tests.helpers.cli import LEAN, SMALL

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGED = {"agad": "agad", "sweeps": "agad/sweeps", "analysis": "agad/analysis"}
"""Folder of the tree -> where it is in the wheel."""
SHIPPED_ENDINGS = (".py", ".html", ".css", ".js", ".typed")
TINY = [*SMALL, *LEAN, "--set", "updates=4"]
"""Two runs."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build/ is left in the checkout."""
    pytest.importorskip("setuptools", reason="building the wheel without a network needs setuptools")
    tree = tmp_path_factory.mktemp("tree")
    for name in ("agad", "sweeps", "analysis", "slurm"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*command, "-w", "dist", "."], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = (tree / "dist").glob("*.whl")
    return built


class Installed:
    """A fresh environment with the wheel in it, and an empty folder to run commands in.

    It sees the packages of the environment that runs the tests, but none of its .pth files, so no editable install.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        environment, self.folder = folder / "environment", folder / "empty"
        self.folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        self.python = environment / "bin" / "python"
        self.command = environment / "bin" / "agad"
        self.site = environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install"]
        done = subprocess.run([*pip, "--no-deps", "--no-index", wheel], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        dependencies = [path for path in sys.path if path.endswith("-packages")]
        (self.site / "dependencies.pth").write_text("\n".join(dependencies))
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in the empty folder."""
        words = [str(word) for word in command]
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def agad(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the console script."""
        return self.run(self.command, *arguments)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture(scope="module")
def results(installed: Installed) -> Path:
    """The results of two runs that `agad launch` made with worker processes."""
    done = installed.agad("launch", *TINY, "--results", "r", "--workers", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    return installed.folder / "r"


# -- the wheel -----------------------------------------------------------------------------------------------------


def test_the_wheel_holds_agad_alone(wheel: Path) -> None:
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert top == {"agad", f"agad-{agad.__version__}.dist-info"}


def test_every_package_of_the_tree_is_in_the_wheel(wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    files = {
        f"{place}/{path.relative_to(ROOT / folder)}"
        for folder, place in PACKAGED.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SHIPPED_ENDINGS
    }

    assert {"agad/py.typed", "agad/slurm/array.sh"} <= shipped
    assert files - shipped == set()


def test_the_metadata_agree_with_the_code() -> None:
    assert PROJECT["project"]["version"] == agad.__version__
    assert f"version: {agad.__version__}\n" in (ROOT / "CITATION.cff").read_text()


# -- installed -----------------------------------------------------------------------------------------------------


def test_the_checkout_is_not_in_sight(installed: Installed) -> None:
    code = (
        "import agad.sweeps, importlib.util as u; print(agad.__file__, u.find_spec('sweeps'), u.find_spec('analysis'))"
    )

    assert installed.run(installed.python, "-c", code).stdout.split() == [
        str(installed.site / "agad" / "__init__.py"), "None", "None",
    ]  # fmt: skip


def test_workers_of_an_installed_agad_commit_rows(results: Path) -> None:
    rows = ResultStore(results).read(["status", "updates_done", "executor", "git_commit"]).to_pylist()

    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert {row["updates_done"] for row in rows} == {4}
    assert {row["executor"] for row in rows} == {"local"}
    assert {row["git_commit"] for row in rows} == {None}  # the code that ran is no checkout


def test_status_counts_the_runs(installed: Installed, results: Path) -> None:
    done = installed.agad("status", *TINY, "--results", results.name)

    assert done.returncode == 0, done.stderr
    assert "2" in done.stdout


def test_tables_prints_the_table(installed: Installed, results: Path) -> None:
    done = installed.agad("tables", "--results", results.name)

    assert done.returncode == 0, done.stderr
    assert "| Digits" in done.stdout


def test_report_writes_a_page(installed: Installed, results: Path) -> None:
    done = installed.agad("report", "--results", results.name, "--out", "page")

    assert done.returncode == 0, done.stderr
    assert "Digits" in (installed.folder / "page" / "index.html").read_text()


def test_what_to_go_on_with_names_the_installed_command(installed: Installed) -> None:
    done = installed.agad("status", *TINY, "--set", "lr=0.1", "--results", "nothing")

    assert f"{installed.command} launch" in done.stdout
    assert "launch.py" not in done.stdout


@pytest.mark.parametrize("name", ["launch", "status", "tune", "report", "tables", "publish"])
def test_messages_name_the_command(name: str, installed: Installed) -> None:
    assert installed.agad(name, "--help").stdout.startswith(f"usage: agad {name} ")
    wrong = installed.agad(name, "--no-such-option")
    assert wrong.returncode == 2
    assert f"agad {name}: error: " in wrong.stderr


def test_the_batch_script_starts_the_installed_agad(installed: Installed) -> None:
    script = installed.folder / "array.sh"
    script.write_text(installed.agad("slurm-script").stdout)
    installed.environment["AGAD_PYTHON"] = str(installed.python)
    done = installed.run("bash", script, "--help")

    assert "\n#SBATCH --output=%x-%A_%a.out\n" in script.read_text()
    assert done.stdout.startswith("usage: agad launch "), done.stderr


# -- the command itself --------------------------------------------------------------------------------------------


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_module.main([]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in main_module.COMMANDS)


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_module.main(["nonsense"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("agad: error: unknown command 'nonsense'; choose from: launch, ")
    assert error.count("\n") == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_module.main(["--version"]) == 0
    assert capsys.readouterr().out == f"agad {agad.__version__}\n"


def test_slurm_script_takes_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_module.main(["slurm-script", "--grid"]) == 2
    assert capsys.readouterr().out.startswith("usage: agad slurm-script")
