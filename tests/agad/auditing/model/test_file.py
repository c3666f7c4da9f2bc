"""MODEL.py:load: what it may return, and every way in which it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.auditing.model.file import load_subject
from agad.errors import AuditError


def subject(folder: Path, text: str, name: str = "model.py"):
    path = folder / name.partition(":")[0]
    path.write_text(text)
    return load_subject(str(folder / name))


def test_a_function_or_a_dict_is_taken(tmp_path: Path):
    assert subject(tmp_path, "def load():\n    return sum")["score"] is sum
    found = subject(tmp_path, "def mine():\n    return {'score': sum, 'batch_size': None}", "model.py:mine")
    assert found == {"score": sum, "batch_size": None}


def test_the_file_finds_the_modules_beside_it(tmp_path: Path):
    (tmp_path / "beside_the_model.py").write_text("value = len")
    assert subject(tmp_path, "def load():\n    from beside_the_model import value\n    return value")["score"] is len


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("def other(): pass", "model.py", "has no function 'load'; it has: other"),
        ("def loads(): pass", "model.py", "did you mean loads"),
        ("", "model.py", "has no function 'load'; it has none"),
        ("load = 3", "model.py", "has no function 'load'"),
        ("def load(:", "model.py", "line 1: SyntaxError"),
        ("import no_such_module_at_all", "model.py", "cannot be imported: ModuleNotFoundError"),
        ("def load():\n    1 / 0", "model.py", r"load\(\) of .* raised ZeroDivisionError: .* \(.*model.py:2\)"),
        ("def load():\n    raise ValueError('a\\nb')", "model.py", "raised ValueError: a b"),
        ("import sys\ndef load():\n    sys.exit(3)", "model.py", "raised SystemExit: 3"),
        ("raise SystemExit", "model.py", "cannot be imported: SystemExit"),
        ("def load(x): pass", "model.py", "raised TypeError"),
        ("def load(): return 3", "model.py", "returned int; it must return a score function"),
        ("def load(): return {'images': 3}", "model.py", "returned no 'score'"),
        ("def load(): return {'score': sum, 'image': 3}", "model.py", "unknown key 'image'; did you mean images"),
        ("", "model.txt", "is not a Python file"),
    ],
)
def test_every_failure_is_one_line(tmp_path: Path, text: str, name: str, message: str):
    with pytest.raises(AuditError, match=message) as raised:
        subject(tmp_path, text, name)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_one_line():
    with pytest.raises(AuditError, match=r"there is no file gone\.py"):
        load_subject("gone.py:load")
