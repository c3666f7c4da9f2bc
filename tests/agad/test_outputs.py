"""Files of an earlier writing are removed, and no others."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from agad import files, json_file
from agad.outputs import JOURNAL, RECORD, Outputs, recorded


def begin(folder: Path, *names: str, text: str = "ours") -> Outputs:
    """A writing that has not ended."""
    outputs = Outputs(folder)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        outputs.replace_text(folder / name, text)
    return outputs


def write(folder: Path, *names: str, text: str = "ours") -> None:
    begin(folder, *names, text=text).close()


def there(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (RECORD, JOURNAL)
    }


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


def test_an_interrupted_writing_removes_nothing_and_its_files_are_removed_as_all_are(tmp_path: Path) -> None:
    """81 files of heat maps lay beside a page of 3 images."""
    write(tmp_path, "a", "index.html")
    begin(tmp_path, "b", "index.html", text="of another scoring")
    begin(tmp_path, "mine", "c/d")
    assert there(tmp_path) == {"a", "b", "mine", "c/d", "index.html"}
    assert recorded(tmp_path) == {tmp_path / name for name in there(tmp_path)}

    (tmp_path / "mine").write_text("edited by hand")
    Outputs(tmp_path).drop("index.html")
    assert there(tmp_path) == {"a", "b", "mine", "c/d"}
    write(tmp_path, "e")
    assert there(tmp_path) == {"mine", "e"}
    assert recorded(tmp_path) == {tmp_path / "e"}
    assert not (tmp_path / JOURNAL).exists()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_is_known_whenever_its_writing_is_killed(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just before it is put there, over an earlier one, or just after."""
    write(tmp_path, "a", text="earlier")
    rename = Path.replace

    def killed(path: Path, target: Path) -> None:
        if when == "after":
            rename(path, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path, "a")
    assert (tmp_path / "a").read_text() == ("earlier" if when == "before" else "ours")
    write(tmp_path, "b")
    assert there(tmp_path) == {"b"}


def test_a_line_that_a_crash_has_cut_off_costs_that_line_alone(tmp_path: Path) -> None:
    begin(tmp_path, "a")
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('\n["b", 3')
    begin(tmp_path, "c")
    assert recorded(tmp_path) == {tmp_path / "a", tmp_path / "c"}


@pytest.mark.parametrize("line", ["[]", "3", "null", '["a", 1]', '["a", NaN, 1]', '["a", Infinity, 1]', "[[[", "\xff"])
def test_lines_of_a_stranger_s_are_passed_over(line: str, tmp_path: Path) -> None:
    begin(tmp_path, "b")
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(f"\n{line}".encode("latin-1"))
    assert recorded(tmp_path) == {tmp_path / "b"}


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_the_journal_leads_to_no_other_file(kind: str, tmp_path: Path) -> None:
    """Lines would be added to it, or waited for."""
    (tmp_path / "victim").write_text("precious")
    if kind == "link":
        (tmp_path / JOURNAL).symlink_to("victim")
    else:
        os.mkfifo(tmp_path / JOURNAL)
    with pytest.raises(OSError, match=JOURNAL):
        begin(tmp_path, "a")
    assert there(tmp_path) - {JOURNAL} == {"victim"}
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_link_at_a_name_of_agad_s_choice_is_replaced_and_one_to_a_page_stays(tmp_path: Path) -> None:
    """Of the page check_page has seen what it leads to; of the others nobody has looked."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "page").write_text("an earlier page")
    (tmp_path / "a").symlink_to("precious")
    (tmp_path / "index.html").symlink_to("page")
    outputs = begin(tmp_path, "a")
    outputs.replace_page(tmp_path / "index.html", "the page")
    outputs.close()
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "a").read_text() == "ours"
    assert (tmp_path / "index.html").is_symlink()
    assert (tmp_path / "page").read_text() == "the page"


def test_each_file_costs_a_line_of_the_journal(tmp_path: Path) -> None:
    """Of thousands, a record that was written again for each would take longer than they do."""
    outputs, sizes = Outputs(tmp_path), []
    for number in range(100):
        outputs.replace_text(tmp_path / str(number), "")
        sizes.append((tmp_path / JOURNAL).stat().st_size)
    assert max(after - before for before, after in itertools.pairwise(sizes)) < 50


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


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"a": [1, Infinity]}', '{"a": 3}', '{"a": [1, null]}'])
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
