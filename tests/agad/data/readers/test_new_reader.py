"""A new data set is one new file: kmnist.py, put into a copy of the package, is planned, prepared and trained on.

What it prepares is known by its code too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT

_PLAN = """
import sys
from agad.errors import SpecError
from agad.spec import datasets
from agad.spec.counts import check_counts
from agad.spec.run import RunSpec
spec = RunSpec(
    dataset="kmnist", normal_class=3, gamma=.2, image_size=16, backbone="naive", updates=2, batch_size=8,
    min_anomalies=2, curve=(), final_protocols=("eval", "eval_recal"),
)
spec = RunSpec.from_dict(spec.to_dict())
check_counts(spec)
try: check_counts(spec.replace(gamma=.95, batch_size=64))
except SpecError as error: print(error)
try: RunSpec(dataset="kmnist", normal_class=10)
except SpecError as error: print(error)
assert not {"numpy", "torch", "PIL", "agad.data"} & {*sys.modules} - LOADED
print(list(datasets.DATASETS)[-1], datasets.title("kmnist"))
"""
_TRAIN = """
from agad.data.prepared import open_prepared, prepare_all
from agad.errors import DataError
from agad.spec.run import RunOptions
from agad.train.run import train
try: open_prepared("kmnist", 16, data_root="absent", cache="cache")
except DataError as error: print(error)
prepare_all([("kmnist", 16)], data_root="data", cache="cache", download=False)
record = train(spec, RunOptions(threads=1, cache="cache"))
print(record.status, record.values["n_train_normal"], record.values["n_train_anomaly"])
"""


@pytest.fixture
def copy(tmp_path):
    """A folder with a copy of the package, to which kmnist.py is added, and a small data set in data/."""
    shutil.copytree(ROOT / "agad", tmp_path / "agad", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("kmnist.py"), tmp_path / "agad" / "data" / "readers")
    folder = tmp_path / "data" / "kmnist"
    folder.mkdir(parents=True)
    for part, count in (("train", 200), ("test", 40)):
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        np.savez(folder / f"kmnist-{part}-imgs.npz", images)
        np.savez(folder / f"kmnist-{part}-labels.npz", np.arange(count, dtype=np.uint8) % 10)
    return tmp_path


def run(folder, code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.slow
def test_one_new_file_is_a_new_data_set(copy):
    # `import agad` has its own imports; planning with the new data set must not add to them.
    before = "import sys, agad\nLOADED = {*sys.modules}\n"
    result = run(copy, before + _PLAN + _TRAIN)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "kmnist: gamma=0.95 of 6000 normals asks for 114000 anomalies; "
        "class 0, 1, 2, 4, 5, 6, 7, 8, 9 has 54000 training images",
        "normal_class=10 does not exist in kmnist; the classes are 0..9",
        "kmnist Kuzushiji-MNIST",
        "kmnist is not there (absent/kmnist/kmnist-train-imgs.npz: No such file or directory); "
        "put kmnist/kmnist-{train,test}-{imgs,labels}.npz (codh.rois.ac.jp/kmnist) below absent (--data)",
        "ok 20 5",
    ]


@pytest.mark.slow
def test_a_damaged_file_of_the_new_reader_is_refused(copy):
    (copy / "data" / "kmnist" / "kmnist-test-imgs.npz").write_text("no zip")
    code = 'from agad.data.prepared import open_prepared\nopen_prepared("kmnist", 16, data_root="data", cache="cache")'
    assert "kmnist-test-imgs.npz and kmnist-test-labels.npz cannot be read" in run(copy, code).stderr


_OPEN = """
from agad.data.prepared import open_facts
found = open_facts("kmnist", 16, data_root="data", cache="cache")
print(found.folder.name, found.digest, *found.served)
"""
_DIM = "from agad.data.readers._dim import dim"
READ = 'image_file["arr_0"]'


def opened(copy: Path, code: str = _OPEN) -> list[str]:
    """Folder and digest of what is opened in a process of its own, and how it serves."""
    result = run(copy, code)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().split(" ", 2)


@pytest.mark.slow
def test_an_edited_reader_gets_its_own_arrays(copy):
    """It was given those of the reader before, in silence, until somebody deleted the folder in the cache."""
    reader = copy / "agad" / "data" / "readers" / "kmnist.py"
    helper, code = reader.with_name("_dim.py"), reader.read_text()
    assert code.count(READ) == 1
    before = opened(copy)

    reader.write_text(code.replace("import zipfile", "import zipfile  # a comment"))
    assert opened(copy) == before

    helper.write_text("def dim(images):\n    return images // 2\n")
    reader.write_text(code.replace(READ, f"dim({READ})").replace("import zipfile", f"import zipfile\n{_DIM}"))
    dimmed = opened(copy)
    assert dimmed[0] != before[0]
    assert dimmed[1] != before[1]

    other = "def dim(images):\n    return images // 40\n"  # longer: Python knows its bytecode by time and size
    edit = f"import agad.data.prepared, pathlib\npathlib.Path({str(helper)!r}).write_text({other!r})\n"
    in_an_empty_one = run(copy, edit + _OPEN.replace('cache="cache"', 'cache="empty"'))
    assert "kmnist has changed since this process began; start it again" in in_an_empty_one.stderr
    assert opened(copy)[1] not in {before[1], dimmed[1]}

    reader.write_text(code)
    helper.unlink()
    assert opened(copy) == before, "the cache has what this reader has prepared"


@pytest.mark.slow
def test_what_another_reader_has_prepared_serves_without_raw_data_with_a_word(copy):
    reader = copy / "agad" / "data" / "readers" / "kmnist.py"
    before = opened(copy)
    shutil.rmtree(copy / "data")
    reader.write_text(reader.read_text() + "\nANOTHER = 1\n")
    folder, digest, served = opened(copy)
    assert [folder, digest] == before[:2]
    assert "other code prepared them" in served
