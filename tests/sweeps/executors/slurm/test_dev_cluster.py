"""The one-machine Slurm's script: what it answers before anything is started. The Slurm tests use its cluster."""

import os
import subprocess

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "slurm" / "dev_cluster.sh"


def call(*words: str, as_nobody: bool = False) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-s", "--", *words]  # read from stdin: another user may not be able to enter the checkout
    if as_nobody and os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    return subprocess.run(
        command, input=SCRIPT.read_text(), capture_output=True, text=True, timeout=600, cwd="/", check=False
    )


@pytest.mark.parametrize(
    "words", [[], ["begin"], ["slurmd"], ["slurmd", "restart"], ["start", "stop"], ["--frob"], ["start", "--dir"]]
)
def test_a_wrong_command_line_is_one_line_and_the_usage(words):
    answer = call(*words)
    assert answer.returncode == 2
    assert answer.stdout == ""
    first, second, *_ = answer.stderr.splitlines()
    assert first.startswith("dev_cluster: error: ")
    assert second.startswith("usage: ")


@pytest.mark.parametrize(
    "folder", ["relative", "/", "/var/../lib", "/with space", "/quote'", "/new\nline", "/" + "a" * 80]
)
def test_a_folder_that_slurm_could_not_use_is_refused(folder):
    answer = call("--dir", folder, "env")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "--dir must be an absolute path" in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [["install"], ["start"], ["stop"], ["restart"], ["slurmd", "stop"], ["wipe"]])
def test_whoever_is_not_root_is_told_so_in_one_line(words):
    answer = call("--dir", "/nonexistent/agad", *words, as_nobody=True)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == f"dev_cluster: error: '{words[0]}' needs root: run it as root or with sudo\n"


def test_env_is_a_line_for_eval_and_needs_no_root():
    answer = call("--dir", "/some/folder", "env", as_nobody=True)
    assert answer.returncode == 0
    assert answer.stdout == "export SLURM_CONF=/some/folder/slurm.conf\n"


def test_status_of_a_cluster_that_is_not_there_is_three():
    answer = call("--dir", "/nonexistent/agad", "status", as_nobody=True)
    assert answer.returncode == 3
    assert answer.stderr == ""
    for daemon in ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd"):
        assert f"dev_cluster: {daemon} does not run\n" in answer.stdout
