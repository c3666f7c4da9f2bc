"""A Ray cluster of several nodes on this machine, for tests: a process that starts them, and kills one on request.

    python -m tests.helpers.ray_nodes '[{"num_cpus": 1}, {"num_cpus": 1, "num_gpus": 1}]'

Prints the address, then reads lines: `kill N` ends node N as a power failure would. Ends, and all nodes with it, at
the end of its input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.conftest import ROOT
from tests.helpers.doors import family
from tests.helpers.holding import HELD

TOKEN = "a-token-of-the-tests-alone-0123456789"  # noqa: S105 - a secret of nobody
OBJECT_STORE = 80 * 2**20


@dataclass(frozen=True)
class Nodes:
    """The cluster as a test sees it."""

    address: str
    lines: IO[str]
    answers: IO[str]

    def kill(self, node: int) -> None:
        """End a node at once."""
        self.lines.write(f"kill {node}\n")
        self.lines.flush()
        assert self.answers.readline().strip() == "killed"


@contextmanager
def ray_nodes(*nodes: dict[str, float]) -> Iterator[Nodes]:
    """Start a cluster of such nodes, whose runs can be held, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.ray_nodes", json.dumps(nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, **HELD, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "no Ray cluster came up"
        yield Nodes(address, process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait(timeout=300)
        process.stdout.close()


def _cut_off(node: Any) -> None:
    """Kill a node's processes together: a worker would outlive its raylet for long enough to end its run."""
    (raylet,) = node.all_processes["raylet"]
    for pid in family(raylet.process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rn-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # GPUs are declared, none is there
        os.environ |= {"RAY_worker_niceness": "0"}
        os.environ["RAY_TMPDIR"] = folder  # or the address would be left in /tmp/ray, for others to find
        Path(folder, "ray").mkdir()
        from ray.cluster_utils import Cluster

        cluster: Any = Cluster()
        common = {"object_store_memory": OBJECT_STORE, "include_dashboard": False}
        started = [cluster.add_node(**common, **node) for node in json.loads(sys.argv[1])]
        print(cluster.address, flush=True)  # noqa: T201 - its caller reads it
        for line in sys.stdin:
            _cut_off(started[int(line.split()[1])])
            cluster.remove_node(started[int(line.split()[1])], allow_graceful=False)
            print("killed", flush=True)  # noqa: T201
        cluster.shutdown()


if __name__ == "__main__":
    main()
