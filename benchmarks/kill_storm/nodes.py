"""A Ray cluster of several nodes on this machine, of which one that is killed is replaced some seconds later.

    python -m benchmarks.kill_storm.nodes 2

Prints a line of JSON, its address and the process of the node that only leads it. Ends, with all nodes, at the end of
its input.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AWAY = 5.0
"""Seconds until a node that was killed is replaced."""
_COMMON = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
_WORKER = {**_COMMON, "num_cpus": 1}


@dataclass(frozen=True, slots=True)
class Nodes:
    """A running cluster.

    Attributes:
        pid: the process below which its nodes are.
        leader: the raylet of the node that takes no work, whose end would be the cluster's.
        address: for `launch.py --address`; the token is in the environment.
    """

    pid: int
    leader: int
    address: str


@contextlib.contextmanager
def running(count: int, log: Path) -> Iterator[Nodes]:
    """A cluster of so many nodes with one CPU each and a token of its own; what it says is appended to the log."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "benchmarks.kill_storm.nodes", str(count)]
    with log.open("ab") as said:
        process = subprocess.Popen(  # noqa: S603 - this module itself
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, encoding="utf-8"
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Nodes(process.pid, **json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=300)
        process.stdout.close()


def main() -> None:
    """The cluster itself."""
    with tempfile.TemporaryDirectory(prefix="rn-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.environ |= {"RAY_TMPDIR": folder, "RAY_worker_niceness": "0", "RAY_raylet_start_wait_time_s": "120"}
        Path(folder, "ray").mkdir()
        from ray.cluster_utils import Cluster

        cluster: Any = Cluster(initialize_head=True, head_node_args={**_COMMON, "num_cpus": 0})
        nodes = [cluster.add_node(**_WORKER) for _ in range(int(sys.argv[1]))]
        leader = cluster.head_node.all_processes["raylet"][0].process.pid
        print(json.dumps({"leader": leader, "address": cluster.address}), flush=True)
        while not select.select([sys.stdin], [], [], _AWAY)[0]:
            for number, node in enumerate(nodes):
                if not _is_alive(node):
                    nodes[number] = _replaced(cluster, node)
        cluster.shutdown()


def _replaced(cluster: Any, node: Any) -> Any:
    """A new node, or that which is gone where none comes up: it is tried again."""
    try:
        if node in cluster.worker_nodes:
            cluster.remove_node(node, allow_graceful=False)
        return cluster.add_node(**_WORKER)
    except Exception:  # noqa: BLE001 - of Ray's own, whatever it is
        traceback.print_exc()
        return node


def _is_alive(node: Any) -> bool:
    return any(raylet.process.poll() is None for raylet in node.all_processes.get("raylet", ()))


if __name__ == "__main__":
    main()
