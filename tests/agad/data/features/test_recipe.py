"""The recipe of docs/data.md, as it stands there, but for the data set and the weights, which need a network."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agad.data.prepared import open_prepared
from agad.errors import DataError
from agad.spec.run import RunOptions, RunSpec
from agad.train.run import train
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def test_the_recipe_makes_a_file_that_a_run_takes(tmp_path: Path) -> None:
    """Of an untrained net: nearest neighbours in its vectors still tell digits apart."""
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(import os\n.*?)^```$", page, re.DOTALL | re.MULTILINE)
    for old, new in (("cifar10", "digits"), ('weights="DEFAULT"', "weights=None")):
        assert old in code
        code = code.replace(old, new)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    spec = RunSpec(dataset="digits", normal_class=3, method="knn", updates=0, features="file:resnet18")
    record = train(spec, RunOptions(threads=1, data_root=str(tmp_path / "data")))
    assert record.status == "ok"
    assert record.values["auroc"] > 0.8
    assert record.values["data_notes"] == list(open_prepared("digits", 32).notes)
    with pytest.raises(DataError, match="vectors are of other images, or of another image size"):
        train(replace(spec, image_size=16), RunOptions(threads=1, data_root=str(tmp_path / "data")))
