"""The C library's allocator in workers on the CPU."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.executors.local import processes
from sweeps.executors.local.processes import LocalWorkers
from sweeps.machine import allocator
from sweeps.worker.options import WorkerOptions

LOADER = Path(f"/lib64/ld-linux-{platform.machine().replace('_', '-')}.so.2")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name == "GLIBC_TUNABLES" or name.startswith("MALLOC_"):
            monkeypatch.delenv(name)


@pytest.mark.skipif(not LOADER.exists(), reason="this C library tells nothing of its allocator's settings")
def test_glibc_knows_the_settings_and_takes_their_values() -> None:
    """It says nothing of a name that it does not know, nor of a value out of its bounds."""
    wanted = dict(part.split("=") for part in allocator.variables("cpu")["GLIBC_TUNABLES"].split(":"))
    done = subprocess.run(
        [LOADER, "--list-tunables"],
        check=False,
        env=os.environ | allocator.variables("cpu"),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip("this glibc cannot list its settings")
    listed = dict(re.findall(r"^(\S+): (\S+)", done.stdout, re.MULTILINE))
    assert {name: int(listed[name], 0) for name in wanted} == {name: int(value) for name, value in wanted.items()}


@pytest.mark.parametrize(("device", "name"), [("cuda", None), ("cpu", "GLIBC_TUNABLES"), ("cpu", "MALLOC_ARENA_MAX")])
def test_gpus_and_what_somebody_has_set_are_left_alone(
    device: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert allocator.variables("cpu")
    if name is not None:
        monkeypatch.setenv(name, "2")
    assert allocator.variables(device) == {}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_worker_processes_start_with_it(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import os; print(os.environ.get('GLIBC_TUNABLES', 'none'))"]
    popen = subprocess.Popen
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **options: popen(command, **options))
    options = WorkerOptions(plan="", results="", name="", log="", cache="", device=device)
    workers = LocalWorkers(options, tmp_path, ["0"] if device == "cuda" else [])
    workers.start(1)
    while workers.running:
        workers.poll()
    (log,) = tmp_path.glob("*.log")
    assert log.read_text().strip() == allocator.variables(device).get("GLIBC_TUNABLES", "none")
