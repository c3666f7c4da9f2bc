"""slurm/ray_cluster.sh on a real Slurm: what its Ray leaves open to others while a sweep runs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from tests.conftest import ROOT
from tests.helpers.cli import LEAN, SMALL, wait_for
from tests.helpers.doors import Folder, listening_addresses, private_folders
from tests.helpers.holding import EVERY_UPDATE, HELD, hold, release, wait_until_held
from tests.sweeps.executors.slurm.test_cluster import slurm_is_up

pytestmark = [pytest.mark.slurm, pytest.mark.ray, pytest.mark.slow]

SLURMS_OWN = {"srun", "slurmstepd"}
ASKED = ["--nodes=1", "--cpus-per-task=1", "--mem=3G", "--time=10", "--export=ALL"]
ONE = [*SMALL, *LEAN, "--select", "normal_class=0", "--set", "updates=4", *EVERY_UPDATE, "--device", "cpu"]


def processes_of(job: str) -> Iterator[int]:
    """The processes of a job that run on this machine."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"SLURM_JOB_ID={job}".encode() in words:
            yield int(path.parent.name)


def test_on_one_node_ray_listens_on_the_loopback_address_only_and_its_folder_is_private(tmp_path: Path) -> None:
    """Nobody on another machine or another account can reach the cluster; when the job ends, the folder is gone."""
    pytest.importorskip("ray")
    reason = slurm_is_up()
    if reason is not None:
        pytest.skip(reason)
    hold(tmp_path)
    job = subprocess.run(
        ["sbatch", "--parsable", *ASKED, f"--output={tmp_path}/log", "slurm/ray_cluster.sh", *ONE,
         "--results", str(tmp_path), "--resources", "cpu=1"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, **HELD, "AGAD_PYTHON": sys.executable},
    ).stdout.strip()  # fmt: skip
    listening: dict[str, set[str]] = {}
    folders: set[Folder] = set()
    try:
        wait_until_held(tmp_path, 1)
        for pid in processes_of(job):
            for name, addresses in listening_addresses(pid).items():
                listening.setdefault(name, set()).update(addresses)
            folders.update(private_folders(pid))
        release(tmp_path)
        wait_for(lambda: ResultStore(tmp_path).read(["status"]).num_rows == 1)
        wait_for(lambda: not any(folder.path.exists() for folder in folders))
    finally:
        subprocess.run(["scancel", job], check=False)

    assert {"gcs_server", "raylet"} <= listening.keys()
    others = {name: addresses for name, addresses in listening.items() if name not in SLURMS_OWN}
    assert {address for addresses in others.values() for address in addresses} == {"127.0.0.1"}, others
    assert {folder.mode for folder in folders} == {0o700}
