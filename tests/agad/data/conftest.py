"""What the tests of data share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Empty folders for raw and prepared data, as keyword arguments of open_prepared."""
    (tmp_path / "data").mkdir()
    return {"data_root": tmp_path / "data", "cache": tmp_path / "cache"}
