"""`agad audit`: from a file of anybody's to a page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sweeps.cli.audit import main
from tests.conftest import ROOT
from tests.helpers.detectors import LABELS, images
from tests.helpers.raw_data import fill

MODEL = """
from tests.helpers.detectors import Net, LABELS, CLASSES, images

def load():
    return Net()

def whole():
    return {"score": Net().eval(), "images": images(), "labels": LABELS, "classes": CLASSES, "reported": 0.5,
            "curve": [0.5, 0.4]}

def raises():
    raise OSError("no weights here")
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "model.py").write_text(MODEL)
    return str(tmp_path / "model.py")


@pytest.fixture
def data(tmp_path: Path) -> str:
    np.savez(tmp_path / "data.npz", images=images().numpy(), labels=LABELS)
    return str(tmp_path / "data.npz")


@pytest.mark.slow
def test_a_model_with_data_becomes_a_page_and_numbers(model, data, tmp_path, capsys):
    quick = ["--batch-size", "16", "--sizes", "8", "--shuffles", "2"]
    assert main([model, "--data", data, "--out", str(tmp_path / "out"), *quick]) == 0
    shown = capsys.readouterr()

    assert shown.out.startswith("An image's score depends on which other test images are in its batch; ")
    assert "wrong: 2 of 2 batch norms" in shown.out
    assert str(tmp_path / "out" / "index.html") in shown.out
    assert "running statistics, batches of 16: AUROC" in shown.err
    numbers = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {line["batch"] for line in numbers["lines"]} == {1, 8, 16}


@pytest.mark.slow
def test_a_function_may_bring_everything(model, tmp_path, capsys):
    assert main([f"{model}:whole", "--whole", "--limit", "30", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out

    assert shown.startswith("No image's score depends on the other test images")
    assert "best of 2 epochs" in shown
    facts = json.loads((tmp_path / "out" / "audit.json").read_text())["facts"]
    assert (facts["images"], facts["batch"]) == (30, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there are no images: give --data"),
        (["--normal", "3"], "--normal needs --data"),
        (["--image-size", "32"], "--image-size needs --data"),
        (["--data", "gone.npz"], "there is no file gone.npz"),
        (["--data", "DATA", "--image-size", "32"], "--image-size has no effect on"),
        (["--data", "DATA", "--whole", "--batch-size", "8"], "--batch-size has no effect beside --whole"),
        (["--data", "DATA", "--whole", "--sizes", "8"], "--sizes has no effect beside --whole"),
        (["--data", "DATA", "--shuffles", "0"], "shuffles must be a whole number, at least 1, not 0"),
    ],
)
def test_what_cannot_be_audited_is_one_line(model, data, arguments, message, capsys):
    words = [data if word == "DATA" else word for word in arguments]
    assert main([model, *words]) == 2
    error = capsys.readouterr().err

    assert error.startswith("agad audit: error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_test_set_of_ones_own_gives_way_whole(model, data, tmp_path, capsys):
    """Else its classes would sort the other test set, and its reported AUROC would be compared with that one's."""
    assert main([f"{model}:whole", "--data", data, "--whole", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out

    assert "the test set is that of --data; the model's own images, labels, classes, curve, reported" in shown.lower()
    assert "epochs" not in shown
    found = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert found["facts"]["reported"] is None
    assert not any("class" in line["protocol"] for line in found["lines"])


def test_sizes_of_batches_beside_a_score_function_of_the_whole_set_are_refused(model, data, tmp_path, capsys):
    (tmp_path / "all.py").write_text(
        "from tests.helpers.detectors import Net\n\ndef load():\n    return {'score': Net(), 'batch_size': None}\n"
    )
    assert main([str(tmp_path / "all.py"), "--data", data, "--sizes", "8"]) == 2
    assert "takes the whole test set at once" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "content"), [("index.html", "my own page"), ("audit.json", '{"mine": 1}')])
def test_files_of_somebody_else_s_are_not_written_over(model, name, content, tmp_path, capsys):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / name).write_text(content)
    assert main([f"{model}:whole", "--out", str(tmp_path / "site")]) == 2
    assert "what is there is none of this command's" in capsys.readouterr().err
    assert (tmp_path / "site" / name).read_text() == content


@pytest.mark.slow
def test_an_audit_may_be_repeated_in_its_folder(model, tmp_path):
    for _ in range(2):
        assert main([f"{model}:whole", "--whole", "--limit", "30", "--out", str(tmp_path / "out")]) == 0


def test_a_load_that_raises_is_one_line(model, tmp_path, capsys):
    assert main([f"{model}:raises", "--out", str(tmp_path / "out")]) == 2
    assert "raises() of" in (error := capsys.readouterr().err)
    assert "OSError: no weights here" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_agad_audit_is_a_command(model, data, tmp_path):
    command = [sys.executable, "-m", "sweeps.cli.main", "audit", model, "--data", data, "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.slow
def test_what_is_known_of_the_data_is_said_with_the_answer(model, tmp_path, monkeypatch, capsys):
    """An AUROC over images that contradict their labels, or without damaged ones, must not stand alone."""
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    for kind, start in (("good", 0), ("bad", 100)):
        fill(tmp_path / "own" / kind, 20, start)
    (tmp_path / "own" / "bad" / "torn.png").touch()
    shutil.copy(tmp_path / "own" / "good" / "00000.png", tmp_path / "own" / "bad" / "copied.png")
    arguments = [model, "--data", str(tmp_path / "own"), "--normal", "good", "--image-size", "16"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--shuffles", "1"]) == 0
    shown, page = capsys.readouterr().out, (tmp_path / "out" / "index.html").read_text()

    for text in (shown, page):
        assert "1 damaged images left out" in text
        assert "LABELS CONTRADICT: 2 images" in text


@pytest.mark.slow
def test_what_was_taken_for_normal_is_said(model, tmp_path, monkeypatch, capsys):
    """On the terminal, on the page and in the numbers, with a note where a name is an index too."""
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    for number in (1, 2, 3):
        fill(tmp_path / "shots" / str(number), 12, 20 * number)
    out = tmp_path / "out"
    arguments = [model, "--data", str(tmp_path / "shots"), "--normal", "1", "--image-size", "16", "--out", str(out)]
    assert main([*arguments, "--shuffles", "1"]) == 0
    shown, page = capsys.readouterr().out, (out / "index.html").read_text()

    assert "normal: 1 (class 0)" in shown.splitlines()
    assert "Normal: 1 (class 0)." in page
    assert json.loads((out / "audit.json").read_text())["facts"]["normal"] == "1 (class 0)"
    for text in (shown, page):
        assert "--normal 1 is the class of that name; the class of that index is 2." in text


@pytest.mark.slow
def test_a_reported_auroc_is_compared_with_that_of_the_weights(model, data, tmp_path, capsys):
    """Without a curve the option changed nothing at all."""
    numbers = {}
    for reported in (None, "0.123", "OWN"):
        out = tmp_path / f"out-{reported}"
        own = numbers[None]["auroc"]["value"] if reported == "OWN" else None
        option = [] if reported is None else ["--reported", f"{own:.4f}" if own is not None else reported]
        assert main([model, "--data", data, "--out", str(out), "--batch-size", "16", "--shuffles", "1", *option]) == 0
        shown, page = capsys.readouterr().out, (out / "index.html").read_text()
        numbers[reported] = json.loads((out / "audit.json").read_text())
        found = [one for one in numbers[reported]["findings"] if one["kind"] == "reported"]
        if reported is None:
            assert not found
            continue
        severity, words = ("wrong", "is not that of") if own is None else ("fine", "agrees with that of")
        assert [one["severity"] for one in found] == [severity]
        assert numbers[reported]["facts"]["reported"] == float(option[1])
        for text in (shown, page):
            assert f"The AUROC that was reported, {100 * float(option[1]):.1f}, {words} these weights" in text
    assert numbers[None]["lines"] == numbers["0.123"]["lines"]


KEEPS = """
import torch

KEPT = []

def score(x):
    if not KEPT:
        KEPT.append(x.mean(0))
    return (x - KEPT[0]).square().flatten(1).mean(1)

class Det:
    __call__ = staticmethod(score)

def load():
    return Det()

def once():
    if (path := __import__("pathlib").Path(__file__).with_suffix(".seen")).exists():
        raise OSError("loaded already")
    path.touch()
    return {"score": score, "batch_size": 16}
"""


@pytest.mark.slow
def test_what_a_file_keeps_of_the_first_images_shows_when_it_is_loaded_again(data, tmp_path, monkeypatch, capsys):
    """Also in its own variables, which no copy of the score function reaches."""
    (tmp_path / "keeps.py").write_text(KEEPS)
    arguments = ["--data", data, "--batch-size", "16", "--shuffles", "1", "--out", str(tmp_path / "out")]
    assert main([str(tmp_path / "keeps.py"), *arguments]) == 0
    assert "wrong: Your code keeps something from the first images" in capsys.readouterr().out

    assert main([f"{tmp_path / 'keeps.py'}:once", *arguments]) == 0
    assert "unknown: Whether your code keeps something" in (shown := capsys.readouterr().out)
    assert "OSError: loaded already" in shown

    (tmp_path / "keeps.seen").unlink()
    monkeypatch.setattr("sweeps.cli.audit._LONGEST_LOAD", 0.0)  # then a copy serves
    assert main([f"{tmp_path / 'keeps.py'}:once", *arguments]) == 0
    assert "wrong: Your code keeps something from the first images" in capsys.readouterr().out
