"""The Ray executor on a real Ray: two nodes on one machine, real training on the embedded digits, real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from tests.conftest import ROOT
from tests.helpers.cli import (
    LEAN,
    SMALL,
    claims,
    error_line,
    is_running,
    launch,
    launch_here,
    local_results,
    numbers,
    start,
    wait_for,
)
from tests.helpers.doors import command_of, family, listening_addresses, private_folders
from tests.helpers.holding import EVERY_UPDATE, HELD, checkpoints, hold, release, wait_until_held
from tests.helpers.ray_nodes import TOKEN, Nodes, ray_nodes

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (pip install 'agad[ray]')"),
]

RAY = ["--executor", "ray"]
SHORT = ["--grid", "demo", "--seeds", "1", "--set", "updates=4", "--set", "curve=2", *LEAN]
"""Six runs, of which three have anomalies."""
_PAIR = [*SMALL, *LEAN, *EVERY_UPDATE]
TWO = [*_PAIR, "--set", "updates=10"]
"""Two runs of a moment, with a checkpoint after each update, at which a test can hold them."""
ENDLESS = [*_PAIR, "--set", "updates=100000"]
"""Two runs that no machine finishes within a test."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two nodes; one declares a GPU that is not there."""
    with ray_nodes({"num_cpus": 2}, {"num_cpus": 3, "num_gpus": 1}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of TWO under the local executor, undisturbed."""
    return local_results(tmp_path_factory.mktemp("uninterrupted"), *TWO)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_demo_on_two_nodes_gives_the_rows_of_the_local_executor(tmp_path: Path, nodes: Nodes) -> None:
    local = launch_here(*SHORT, "--results", str(tmp_path / "local"))
    done = launch(
        *SHORT, *RAY, "--address", nodes.address, "--results", str(tmp_path / "ray"), "--tensorboard",
        RAY_AUTH_TOKEN=TOKEN,
    )  # fmt: skip

    assert (local.returncode, done.returncode) == (0, 0), done.stderr
    assert numbers(tmp_path / "ray") == numbers(tmp_path / "local")
    rows = ResultStore(tmp_path / "ray").read(["executor", "threads", "worker"]).to_pylist()
    assert {(row["executor"], row["threads"]) for row in rows} == {("ray", 1)}
    folders = {path.relative_to(tmp_path / "ray").parts[0] for path in files(tmp_path / "ray")}
    assert folders == {"base", "digests", "logs", "plans", "ray", "tables"}
    assert [path.name[:8] for path in files(tmp_path / "ray" / "logs")] == ["options-"], "all actors have read one file"
    assert {path.parent.name for path in files(tmp_path / "ray" / "ray")} == {
        row["run_id"] for row in numbers(tmp_path / "ray")
    }, "beside the rows there are only TensorBoard's files, a folder for each run"
    assert all(b"auroc_eval" in path.read_bytes() for path in files(tmp_path / "ray" / "ray"))


def test_again_where_all_is_done_no_trial_is_made(tmp_path: Path, nodes: Nodes) -> None:
    one_run = [*SMALL, "--select", "normal_class=0", "--set", "updates=2", *LEAN]
    first = launch_here(*one_run, "--results", str(tmp_path))
    again = launch(*one_run, *RAY, "--address", "127.0.0.1:1", "--results", str(tmp_path))

    assert (first.returncode, again.returncode) == (0, 0), "done: the cluster that is not there was not asked"


def test_shares_of_a_gpu_that_is_declared_bound_how_many_train_at_once(tmp_path: Path, nodes: Nodes) -> None:
    """The node has CPUs for three runs, and its one GPU has room for two halves."""
    options = ["--resources", "cpu=1,gpu=0.5", "--device", "cpu", *EVERY_UPDATE]
    hold(tmp_path)  # or one actor could have made all runs before the other is there
    launcher = start(
        *SHORT, *options, *RAY, "--address", nodes.address, "--results", str(tmp_path), RAY_AUTH_TOKEN=TOKEN, **HELD
    )
    wait_until_held(tmp_path, 2, launcher)
    release(tmp_path)
    _, messages = launcher.communicate(timeout=600)

    assert launcher.returncode == 0, messages
    spans = ResultStore(tmp_path).read(["started_at", "finished_at", "worker"]).to_pylist()
    at_once = max(
        sum(one["started_at"] <= other["started_at"] < one["finished_at"] for one in spans) for other in spans
    )
    assert (len(spans), at_once) == (6, 2)
    assert len({one["worker"] for one in spans}) == 2, "two actors made all runs"


def test_a_run_that_raises_is_a_failed_row_and_the_others_go_on(tmp_path: Path, nodes: Nodes) -> None:
    base = RunSpec(normal_class=0, updates=6, batch_size=16, final_protocols=("eval", "eval_recal"))
    specs = (base, base.replace(lr=1e38), base.replace(seed=1))
    plan = Plan("demo", (), (), specs, code_digest()).save(tmp_path)
    done = launch(
        "--plan", str(plan), *RAY, "--address", nodes.address, "--results", str(tmp_path), RAY_AUTH_TOKEN=TOKEN
    )

    assert done.returncode == 1
    assert "1 runs failed" in done.stderr
    rows = ResultStore(tmp_path).read(["lr", "status", "failure_kind", "log"]).to_pylist()
    assert sorted((row["status"], row["failure_kind"]) for row in rows) == [("failed", "nan"), *[("ok", None)] * 2]
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert "non-finite at update" in Path(failed["log"]).read_text()


def test_a_node_killed_in_the_middle(tmp_path: Path, uninterrupted: Path) -> None:
    """Its run goes on from its checkpoint on the other node, and gives the same bits."""
    with ray_nodes({"num_cpus": 1}, {"num_cpus": 1}) as nodes:
        hold(tmp_path)
        arguments = [*TWO, *RAY, "--address", nodes.address, "--results", str(tmp_path)]
        launcher = start(*arguments, RAY_AUTH_TOKEN=TOKEN, **HELD)
        wait_until_held(tmp_path, 2, launcher)
        nodes.kill(1)
        release(tmp_path)
        _, messages = launcher.communicate(timeout=600)

    assert launcher.returncode == 0, messages
    assert "died; its run will be taken over" in messages
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert {"attempt": 2, "resumes": 1} in ResultStore(tmp_path).read(["attempt", "resumes"]).to_pylist()


def owners(results: Path) -> list[int]:
    """Pids of the workers that hold a claim."""
    return [record.owner.pid for record in claims(results) if not record.released]


def test_the_launcher_killed_takes_its_cluster_with_it_and_goes_on_when_started_again(
    tmp_path: Path, uninterrupted: Path
) -> None:
    options = [*TWO, *RAY, "--workers", "2", "--results", str(tmp_path)]
    hold(tmp_path)
    launcher = start(*options, **HELD)
    wait_until_held(tmp_path, 2, launcher)
    workers = owners(tmp_path)
    launcher.kill()
    launcher.communicate()
    wait_for(lambda: not any(map(is_running, workers)))
    release(tmp_path)
    done = launch(*options)

    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert ResultStore(tmp_path).read_tries().num_rows == 2


def test_a_launch_whose_only_node_is_lost_before_its_actor_is_up_ends_and_goes_on_when_started_again(
    tmp_path: Path, uninterrupted: Path
) -> None:
    """Tune waits for a node to give the run to, for ever: none comes to a cluster of its own."""
    options = [*TWO, *RAY, "--workers", "1", "--results", str(tmp_path)]
    launcher = start(*options)
    raylets: list[int] = []

    def has_raylet() -> bool:
        assert launcher.poll() is None
        raylets[:] = [
            pid for pid in family(launcher.pid) if command_of(pid)[:1] and "raylet/raylet" in command_of(pid)[0]
        ]
        return bool(raylets) and next((tmp_path / "ray").glob("*/bell"), None) is not None

    wait_for(has_raylet)
    os.kill(raylets[0], signal.SIGKILL)
    launcher.communicate(timeout=600)
    assert launcher.returncode != 0
    done = launch(*options)

    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == numbers(uninterrupted)


def test_a_cluster_of_its_own_listens_on_the_loopback_address_only_and_its_folder_is_private(tmp_path: Path) -> None:
    """No process of the launch can be reached from another machine, and no other user can enter its sockets' folder."""
    hold(tmp_path)
    launcher = start(*TWO, *RAY, "--workers", "1", "--results", str(tmp_path), TMPDIR=str(tmp_path), **HELD)
    try:
        wait_until_held(tmp_path, 1, launcher)
        listening = listening_addresses(launcher.pid)
        folders = private_folders(launcher.pid)
    finally:
        release(tmp_path)
        launcher.terminate()
        launcher.communicate()

    assert {"gcs_server", "raylet"} <= listening.keys()
    assert {address for addresses in listening.values() for address in addresses} == {"127.0.0.1"}, listening
    assert folders
    assert {folder.mode for folder in folders} == {0o700}


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    """As a terminal sends it: to Ray's processes too."""
    launcher = start(*ENDLESS, *RAY, "--workers", "2", "--results", str(tmp_path))
    wait_for(lambda: checkpoints(tmp_path))
    os.killpg(launcher.pid, signal.SIGINT)
    _, messages = launcher.communicate(timeout=600)

    assert launcher.returncode == 1
    assert "Stopping: workers finish their update" in messages
    assert "Go on with:" in messages
    assert "Traceback" not in messages
    board = ClaimBoard(tmp_path, Owner.this_process("observer"))
    assert all(board.read(run_id, n[-1]).released for run_id, n in board.generations().items())  # type: ignore[union-attr]
    assert checkpoints(tmp_path)
    assert not (tmp_path / "ray").exists()


def test_near_its_deadline_a_launch_stops_and_can_go_on(tmp_path: Path, nodes: Nodes) -> None:
    arguments = [*ENDLESS, *RAY, "--address", nodes.address, "--results", str(tmp_path)]
    done = launch(*arguments, "--deadline", "11", RAY_AUTH_TOKEN=TOKEN)

    assert done.returncode == 1
    assert "Stopping, for its deadline is near" in done.stderr
    assert "Go on with:" in done.stderr
    assert "Traceback" not in done.stderr


BAD = [
    (["--resources", "cpu=two"], "'cpu=two' is not like cpu=2,gpu=0.25"),
    (["--resources", "gpu=1.5"], "above 1, Ray takes whole numbers only"),
    (["--threads", "3", "--resources", "cpu=2"], "--threads 3 is more than the 2 CPUs of a run"),
    (["--resources", "cpu=1,gpu=0.5"], "no GPU is visible here"),
    (["--address", "127.0.0.1:1", "--resources", "gpu=1", "--device", "cuda"], "nothing answers at"),
    (["--together", "2"], "on the CPU would only make runs take turns"),
    (["--together", "2", "--scheduler", "asha", "--set", "validation=0.1"], "--together is not for --scheduler"),
    (["--address", "nowhere"], "'nowhere' is neither HOST:PORT nor auto"),
    (["--address", "127.0.0.1:1"], "nothing answers at"),
    (["--address", "127.0.0.1:1", "--dashboard-host", "127.0.0.1"], "that at --address has its own"),
    (["--executor", "local", "--tensorboard"], "--tensorboard is for --executor ray"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    asks_ray = message == "nothing answers at"  # which is loaded for it, and ends with its process
    done = (launch if asks_ray else launch_here)(*SMALL, *RAY, "--results", str(tmp_path / "r"), *arguments)

    assert done.returncode == 2
    assert message in error_line(done.stderr.replace("0/2 done, 0 failed, 0 running, 2 to do", ""))


def test_a_cluster_that_does_not_take_the_token(tmp_path: Path, nodes: Nodes) -> None:
    done = launch(*SMALL, *RAY, "--address", nodes.address, "--results", str(tmp_path), RAY_AUTH_TOKEN="x" * 32)

    assert done.returncode == 2
    assert "the cluster does not take this token; set RAY_AUTH_TOKEN" in error_line(done.stderr)


def test_more_than_any_node_has(tmp_path: Path, nodes: Nodes) -> None:
    more = ["--resources", "cpu=4"]
    done = launch(*SMALL, *RAY, "--address", nodes.address, *more, "--results", str(tmp_path), RAY_AUTH_TOKEN=TOKEN)

    assert done.returncode == 2
    assert "no node of the Ray cluster has 4 CPUs for a run" in error_line(done.stderr)


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('no module named ray')")
    done = launch(*SMALL, *RAY, "--results", str(tmp_path / "r"), PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert "pip install 'agad[ray]'" in error_line(done.stderr)


def test_planning_and_the_other_executors_never_load_ray() -> None:
    code = "import sys, sweeps.cli.launch, sweeps.executors.local.executor; sys.exit('ray' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
