"""CUDA_VISIBLE_DEVICES is read as CUDA reads it."""

from __future__ import annotations

import pytest

from sweeps.machine import devices

THERE = devices._Names(("GPU-aa1", "GPU-ab2"), ("MIG-c1", "MIG-c2"))


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (None, ["0", "1"]), ("", []), ("-1", []), ("NoDevFiles", []), ("0,-1,1", ["0"]), ("1,0", ["1", "0"]),
        ("0,0", []), ("0,7,1", ["0"]), ("GPU-aa", ["GPU-aa"]), ("GPU-a", []), ("GPU-aa,GPU-aa1", []),
        ("MIG-c2,MIG-c1", ["MIG-c2", "MIG-c1"]), (" 1 , 0", ["1", "0"]),
    ],
)  # fmt: skip
def test_the_list_ends_at_the_first_name_of_no_gpu(
    monkeypatch: pytest.MonkeyPatch, listed: str | None, names: list[str]
) -> None:
    """And one that is named twice makes it void."""
    monkeypatch.setattr(devices, "_gpu_names", lambda: THERE)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)

    assert devices.visible_gpus() == names
