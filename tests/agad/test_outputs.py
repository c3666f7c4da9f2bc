"""Files of an earlier writing are removed, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agad import files, json_file
from agad.outputs import RECORD, Outputs, recorded


def write(folder: Path, *names: str, text: str = "ours") -> Outputs:
    outputs = Outputs(folder)
    for name in names:
        path = outputs.add(folder / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    outputs.close()
    return outputs


def there(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != RECORD}


def test_what_was_written_before_and_not_again_is_removed(tmp_path: Path) -> None:
    write(tmp_path, "a", "tables/b", "tables/c")
    (tmp_path / "tables" / "mine").write_text("the user's")
    write(tmp_path, "a", "tables/c", text="new")
    assert there(tmp_path) == {"a", "tables/c", "tables/mine"}
    assert (tmp_path / "a").read_text() == "new"


def test_what_somebody_has_changed_since_stays(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    (tmp_path / "b").write_text("edited by hand")
    write(tmp_path, "c")
    assert there(tmp_path) == {"b", "c"}


def test_one_file_can_go_at_once(tmp_path: Path) -> None:
    write(tmp_path, "index.html")
    outputs = Outputs(tmp_path)
    outputs.drop("index.html")
    outputs.drop("other")
    assert there(tmp_path) == set()


def test_an_interrupted_writing_removes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a")
    Outputs(tmp_path).add(tmp_path / "b").write_text("ours")
    assert there(tmp_path) == {"a", "b"}
    write(tmp_path, "c")
    assert there(tmp_path) == {"b", "c"}


@pytest.mark.parametrize(
    "name", ["../victim", "/victim", "link", "sub/victim", "sub/../sub/victim", "a/sub/victim", "a\0b"]
)
def test_a_record_of_a_stranger_s_leads_to_no_other_file(tmp_path: Path, name: str) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    folder.mkdir()
    (folder / "link").symlink_to(victim)
    (folder / "sub").symlink_to(tmp_path)
    (folder / "a").mkdir()
    (folder / "a" / "sub").symlink_to(tmp_path)
    name = str(victim) if name == "/victim" else name
    state = victim.stat()
    (folder / RECORD).write_text(json_file.dumps({name: [state.st_size, state.st_mtime_ns]}))
    write(folder, "b")
    assert victim.read_text() == "precious"
    assert (folder / "link").is_symlink()


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"a": 3}', '{"a": [1, null]}'])
def test_a_damaged_record_is_none(tmp_path: Path, damaged: str) -> None:
    write(tmp_path, "a")
    (tmp_path / RECORD).write_text(damaged)
    write(tmp_path, "b")
    assert there(tmp_path) == {"a", "b"}
    assert "b" in json.loads((tmp_path / RECORD).read_text())


def test_only_names_of_our_own_are_left_over(tmp_path: Path) -> None:
    """What is half-written is removed at a launch's end, whatever else lies in the folder begins with the mark."""
    assert files.is_temporary(files.temporary_beside(tmp_path / "a.pt").name)
    assert not files.is_temporary("_quarto.yml")


def test_what_was_recorded_is_known_whatever_has_become_of_it(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
    write(tmp_path, "a", "tables/b")
    (tmp_path / "a").write_text("edited by hand")
    assert recorded(tmp_path) == {tmp_path / "a", tmp_path / "tables" / "b"}
    (tmp_path / RECORD).write_text("damaged")
    assert recorded(tmp_path) == set()
