"""How many runs a worker takes at once: said, or measured once for each kind of run and device and remembered."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
from pathlib import Path
from typing import Any

from agad.files import replace_atomically
from agad.spec import RunSpec

AUTO = 0
"""The size that means: measure."""

log = logging.getLogger("agad.worker")


def pack_size(asked: int, spec: RunSpec, data: Any, device: str, results: Path) -> int:
    """How many runs like this go together: `asked`, or on AUTO what was found best on this model of device.

    On the CPU AUTO is one: runs alone were measured fastest there (docs/benchmarks.md). What is found on a GPU stands
    in `results`/packs, so that it is measured once.
    """
    if asked != AUTO or device == "cpu":
        return max(1, asked)
    opened = importlib.import_module("agad.device").open_device(device)
    name = importlib.import_module("agad.device").device_name(opened)
    path = _path(results, spec, name)
    try:
        return int(json.loads(path.read_text())["size"])
    except (OSError, ValueError, KeyError):  # not measured yet, or torn
        size: int = importlib.import_module("agad.packsize").measured_size(spec, data, opened)
    remember(path, spec, name, size)
    log.info("%d runs go together for %s at %d pixels on %s", size, spec.backbone, spec.image_size, name)
    return size


def lower(spec: RunSpec, device: str, results: Path, size: int) -> None:
    """Remember that memory held no more than `size` of them."""
    opened = importlib.import_module("agad.device").open_device(device)
    name = importlib.import_module("agad.device").device_name(opened)
    remember(_path(results, spec, name), spec, name, size)


def remember(path: Path, spec: RunSpec, device_name: str, size: int) -> None:
    """Write a size down, with what it is of for those who look."""
    path.parent.mkdir(parents=True, exist_ok=True)
    of = {"backbone": spec.backbone, "image_size": spec.image_size, "batch_size": spec.batch_size}
    content = json.dumps({"size": size, "device": device_name, **of}, indent=1)
    replace_atomically(path, lambda temporary: temporary.write_text(content))


def _path(results: Path, spec: RunSpec, device_name: str) -> Path:
    key = importlib.import_module("agad.pack").pack_key(spec)
    digest = hashlib.sha256(repr((key, spec.batch_size, device_name)).encode()).hexdigest()
    return results / "packs" / f"{digest[:16]}.json"
