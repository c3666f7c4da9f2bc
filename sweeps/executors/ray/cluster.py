"""The Ray cluster of a launch: one of its own on this machine, or one that is running."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agad import json_file
from agad.errors import AgadError
from agad.store.claims import Owner

from ...machine.program import search_path

_OBJECT_STORE_BYTES = 100 * 2**20
"""Shared memory of a cluster of its own: Ray trials pass some numbers, no arrays. Ray's default: a third of memory."""
_TEMPORARY_PREFIX = "agad-ray-"
_LONGEST_TEMPORARY = 40
"""Ray's sockets lie up to 64 characters below its temporary folder, and a socket's path has 107 at most."""
_RAYS_OWN = "r"
"""Ray makes its temporary folder, and what is in it, writable for all users: it lies in one that only this user enters.
"""
_OWNER_FILE = "owner.json"
_CONNECT_SECONDS = 10.0
_LOOPBACK = "127.0.0.1"
_STAY_ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Without it Ray on Linux replaces a loopback address by the machine's own, and its processes then listen on all
interfaces; a node at the loopback address listens there alone."""


def import_ray() -> Any:
    """The ray module. Raises AgadError, one line, where it is not installed."""
    try:
        import ray
        import ray.tune
    except ImportError as error:
        raise AgadError(f"--executor ray needs Ray ({error}); install it: pip install 'agad[ray]'") from error
    return ray


@functools.cache
def _own_token() -> str:
    """The same for the whole process: Ray remembers the first."""
    return secrets.token_hex(32)


@contextlib.contextmanager
def own_cluster(*, cpus: float, gpus: int, dashboard_host: str | None, workers: dict[str, str]) -> Iterator[Any]:
    """Start a cluster on this machine that other users cannot enter, and end it; gives the ray module.

    All its processes listen on the loopback address only, and require a token that only this process and its children
    know. If this process is killed, the system kills Ray's with it.

    Args:
        cpus: how many CPUs it allocates.
        gpus: how many GPUs.
        dashboard_host: the address that the dashboard binds to; None: no dashboard.
        workers: environment variables of its workers.

    Raises AgadError, one line. Ray reads how it authenticates and where it listens when it is imported: that must not
    have happened before.
    """
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _own_token(), **_STAY_ON_LOOPBACK}
    os.environ.pop("RAY_ADDRESS", None)
    ray = import_ray()
    with _temporary_folder() as folder:
        try:
            with _one_line("Ray did not start"):
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    num_gpus=gpus,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    include_dashboard=dashboard_host is not None,
                    dashboard_host=dashboard_host or _LOOPBACK,
                    _node_ip_address=_LOOPBACK,
                    _temp_dir=str(folder),
                    **_connection(workers),
                )
            yield ray
        finally:
            ray.shutdown()


@contextlib.contextmanager
def cluster_at(address: str, *, workers: dict[str, str]) -> Iterator[Any]:
    """Connect to a running cluster, and leave it as it is; gives the ray module.

    Args:
        address: HOST:PORT or `auto`.
        workers: environment variables of this launch's workers.

    Raises AgadError, one line, where nothing answers there, or not to this user's token.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token" if _has_token() else "disabled")
    ray = import_ray()
    try:
        with _one_line(f"--address {address}"):
            found = _resolved(address)
            _check_answers(found)
            ray.init(address=found, **_connection(workers))
        yield ray
    finally:
        ray.shutdown()


def _connection(workers: dict[str, str]) -> dict[str, Any]:
    variables = {**search_path(), **workers}
    return {"runtime_env": {"env_vars": variables}, "log_to_driver": False, "logging_level": logging.ERROR}


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn whatever Ray raises into one line that says what to do."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if type(error).__name__ == "AuthenticationError" or "nauthenticated" in text:
            raise AgadError(f"{what}: the cluster does not take this token; set RAY_AUTH_TOKEN to its own") from error
        if what.startswith("--address") and any(words in text for words in ("node_ip_address", "No node", "raylet")):
            text = "no node of that cluster is on this machine; launch on one of its nodes"
        raise AgadError(f"{what}: {text[:300]}") from error


def _has_token() -> bool:
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    with contextlib.suppress(RuntimeError):  # no home folder is known
        return named or (Path.home() / ".ray" / "auth_token").exists()
    return named


def _resolved(address: str) -> str:
    """HOST:PORT as Ray will take it: what `auto` means here, and this node's own address for a loopback one.

    Raises ConnectionError where `auto` means nothing.
    """
    from ray._private.services import canonicalize_bootstrap_address

    found = canonicalize_bootstrap_address(address)
    if not found:
        raise ConnectionError("no Ray cluster is running on this machine; leave --address out to start one")
    return str(found)


def _check_answers(address: str) -> None:
    """Check that a cluster listens there and accepts this token: with a wrong one ray.init was seen never to return.

    Raises OSError, or Ray's AuthenticationError.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"nothing answers at {address} ({error}); is the cluster up?") from error
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    with _quiet():
        GcsClient(address=address)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Discard what C++ code prints about an error that is raised as well."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A private folder for Ray's sockets and logs with a short path; those of launches that are gone are removed."""
    root = Path(tempfile.gettempdir())
    if len(str(root)) > _LONGEST_TEMPORARY - len(f"/{_TEMPORARY_PREFIX}12345678/{_RAYS_OWN}"):
        root = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder of this user's alone
    _remove_abandoned(root)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=root))
    owner = dataclasses.asdict(Owner.this_process("launcher"))
    (folder / _OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")
    try:
        yield folder / _RAYS_OWN
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(root: Path) -> None:
    """Remove what killed launches of this host have left."""
    for folder in root.glob(f"{_TEMPORARY_PREFIX}*"):
        try:
            if folder.lstat().st_uid != os.getuid():
                continue  # another user's, who may have put anything there
            is_gone = Owner(**json_file.parse((folder / _OWNER_FILE).read_bytes())).is_gone()
        except (OSError, ValueError, TypeError):
            continue  # one that is being created
        if is_gone:
            shutil.rmtree(folder, ignore_errors=True)
