"""agad fit, score and export from their command lines."""

from __future__ import annotations

import csv
import dataclasses
import errno
import itertools
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import agad
from agad.detector.content import load_content, save_content
from agad.detector.files import Scored, scored
from agad.methods.floor.knn import Knn
from agad.store import provenance
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from sweeps.cli.main import main
from tests.helpers.raw_data import fill

LEAN = ["--image-size", "16", "--updates", "2", "--set", "batch_size=8", "--device", "cpu"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MVTec AD's layout, and the detector of a fit."""
    top = tmp_path_factory.mktemp("own")
    fill(top / "bottle" / "train" / "good", 40, 0)
    fill(top / "bottle" / "test" / "good", 6, 100)
    fill(top / "bottle" / "test" / "cut", 4, 200)
    fill(top / "bottle" / "ground_truth" / "cut", 0, 0)
    for number in range(200, 204):
        mask = np.zeros((7, 9), np.uint8)
        mask[2:4, 2:6] = 255
        Image.fromarray(mask).save(top / "bottle" / "ground_truth" / "cut" / f"{number:05d}_mask.png")
    assert fit(top) == 0
    return top


def fit(top: Path, *more: str) -> int:
    arguments = ["fit", str(top / "bottle"), "--results", str(top / "results"), "--out", str(top / "bottle.agad")]
    return main([*arguments, *LEAN, *more])


@pytest.mark.slow
def test_fit_says_what_it_read_and_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Again: the weights that are there are used, the row stays one, and the numbers are the same."""
    assert fit(place) == 0
    said = capsys.readouterr()

    assert "classes (training+test): 0 cut 0+4, 1 good 40+6" in said.err
    assert "left out: by its name it holds masks" in said.err
    assert "normal: good (class 1)" in said.err
    assert "trained already" in said.err
    for words in ("AUROC 0.", "95% interval", "threshold", "nominal", "agad score"):
        assert words in said.out
    rows = ResultStore(place / "results").read().to_pylist()
    assert [(row["status"], row["normal_class"], row["dataset"]) for row in rows] == [("ok", 1, "folder:bottle")]
    assert rows[0]["git_commit"] == agad.load_detector(place / "bottle.agad").content.provenance["git_commit"]


def knn_of(top: Path, *more: str) -> int:
    """A fit by nearest neighbours in a folder of its own."""
    where = ["--results", str(top / "results"), "--out", str(top / "x.agad"), "--device", "cpu"]
    return main(["fit", str(top / "set"), "--method", "knn", "--image-size", "16", *where, *more])


@pytest.fixture
def by_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run, and its detector, that code of another digest has made."""
    fill(tmp_path / "set" / "train" / "good", 20, 0)
    fill(tmp_path / "set" / "test" / "good", 6, 100)
    fill(tmp_path / "set" / "test" / "cut", 4, 200)
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "code_digest", lambda: "c0de" * 4)
        assert knn_of(tmp_path) == 0
    return tmp_path


@pytest.mark.slow
def test_a_run_of_other_code_is_scored_by_todays_only_if_that_is_allowed(
    by_other_code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The detector then states both: the code that scores, and that which trained."""
    before = (by_other_code / "x.agad").read_bytes()
    assert knn_of(by_other_code) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"agad/ has changed since this run was trained (code {'c0de' * 4}, now {code_digest()})" in said
    assert "go on with --allow-code-change" in said
    assert (by_other_code / "x.agad").read_bytes() == before

    assert knn_of(by_other_code, "--allow-code-change") == 0
    assert f"(digest {code_digest()}, trained by {'c0de' * 4})" in capsys.readouterr().out
    known = agad.load_detector(by_other_code / "x.agad").content.provenance
    assert (known["code_digest"], known["trained_code_digest"]) == (code_digest(), "c0de" * 4)


@pytest.mark.slow
def test_an_auroc_that_is_not_the_row_s_makes_no_detector(
    by_other_code: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (by_other_code / "x.agad").read_bytes()
    scores = Knn.scores
    monkeypatch.setattr(Knn, "scores", lambda *given: -scores(*given))

    assert knn_of(by_other_code, "--allow-code-change") == 2
    assert re.search(r"the run's row has AUROC 0\.\d+, its weights have 0\.\d+ now", capsys.readouterr().err)
    assert (by_other_code / "x.agad").read_bytes() == before


@pytest.mark.slow
def test_score_says_that_other_code_made_a_detector(by_other_code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal, before the rows; it is a note, and no obstacle."""
    file, note = (
        str(by_other_code / "x.agad"),
        f"note: threshold and percentiles are of other code (made by {'c0de' * 4}",
    )
    capsys.readouterr()
    assert main(["score", file, str(by_other_code / "set" / "test" / "cut"), "--device", "cpu"]) == 0
    assert capsys.readouterr().err.count(note) == 1


@pytest.mark.slow
def test_the_page_says_that_other_code_made_a_detector(place: Path, tmp_path: Path) -> None:
    content = load_content(place / "bottle.agad")
    made_by = {**content.provenance, "code_digest": "0lder"}
    save_content(tmp_path / "o.agad", dataclasses.replace(content, provenance=made_by))
    arguments = ["score", str(tmp_path / "o.agad"), str(place / "bottle" / "test" / "cut"), "--device", "cpu"]

    assert main([*arguments, "--heatmaps", str(tmp_path / "maps")]) == 0
    assert "<p>note: threshold and percentiles are of other code" in (tmp_path / "maps" / "index.html").read_text()


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
@pytest.mark.slow
def test_score_writes_rows_maps_and_a_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = place / "bottle" / "test"
    (test / "cut" / "broken.png").touch()
    arguments = ["score", str(place / "bottle.agad"), str(test), "--csv", str(place / "s.csv"), "--device", "cpu"]
    assert main([*arguments, "--heatmaps", str(place / "maps"), "--threshold", "q=0.8"]) == 0
    said = capsys.readouterr()
    (test / "cut" / "broken.png").unlink()
    rows = list(csv.DictReader((place / "s.csv").read_text().splitlines()))
    page = (place / "maps" / "index.html").read_text()

    assert len(rows) == 11
    assert "pixel AUROC" in said.out
    assert "10 images with masks, 4 regions" in said.out
    assert "damaged, not scored" in said.err
    assert len(list((place / "maps").glob("*.png"))) == len(list((place / "maps").glob("*.npy"))) == 10
    assert "http" not in page
    assert page.count("<figure>") == 20
    assert "broken.png" in page
    one = agad.load_detector(place / "bottle.agad")
    sound = [row for row in rows if row["score"]]
    assert [float(row["score"]) for row in sound] == one.score([row["path"] for row in sound]).tolist()
    heat = np.load(sorted((place / "maps").glob("*.npy"))[0])
    assert np.array_equal(heat, one.heatmap(sound[0]["path"])[0])

    few = ["score", str(place / "bottle.agad"), *(row["path"] for row in sound[:2])]
    assert main([*few, "--device", "cpu", "--heatmaps", str(place / "maps")]) == 0
    assert len(list((place / "maps").glob("*.png"))) == len(list((place / "maps").glob("*.npy"))) == 2


@pytest.mark.slow
def test_masks_with_noise_are_said(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal and on the page; the numbers are those of the same masks without noise."""
    found = []
    for name, suffix in (("sharp", ".png"), ("noisy", ".jpg")):
        shutil.copytree(place / "bottle", tmp_path / name)
        for mask in (tmp_path / name / "ground_truth" / "cut").glob("*_mask.png"):
            sharp = Image.open(mask).resize((63, 49), Image.Resampling.NEAREST)
            mask.unlink()
            sharp.save(mask.with_suffix(suffix))
        images = [str(place / "bottle.agad"), str(tmp_path / name / "test"), "--csv", str(tmp_path / f"{name}.csv")]
        assert main(["score", *images, "--heatmaps", str(tmp_path / f"maps-{name}"), "--device", "cpu"]) == 0
        found.append(capsys.readouterr())
    note, page = "4 masks have noise or soft edges", (tmp_path / "maps-noisy" / "index.html").read_text()

    assert found[0].out.splitlines()[0] == found[1].out.splitlines()[0]
    assert (note in found[0].err, note in found[1].err, note in page) == (False, True, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["{top}/nothing"], "there is no such file or folder"),
        (["{top}/bottle"], "is split into test and train"),
        (["{top}/bottle/test", "--threshold", "q=0.999"], "needs 999 held-out normals, the detector has 8"),
        (["{top}/bottle/test", "--threshold", "high"], "no number"),
        (["{top}/bottle/test", "--heatmaps", "{top}/bottle/test/maps"], "bottle/test, whose images are scored: heat"),
        (["{top}/bottle/test", "--heatmaps", "{top}/bottle/test"], "name a folder outside of it, such as "),
        (
            ["{top}/bottle/test/cut/00200.png", "--heatmaps", "{top}/bottle/test/cut/../cut"],
            "bottle/test/cut, whose images are scored: heat",
        ),
        (["{top}/bottle/test/cut/..", "--heatmaps", "{top}/bottle/test/a/b"], "bottle/test-maps"),
        (["{top}/bottle/test", "--threshold", "nan"], "no number"),
        (["{top}/bottle/test", "--csv", "{top}/no/where.csv"], "give the name of a file in a folder that exists"),
        (["{top}/bottle/test", "--csv", "{top}/bottle"], "give the name of a file in a folder that exists"),
        (["{top}/bottle/test", "--csv", "{top}/bottle.agad"], "what is there is none of this command's"),
        (["{top}/bottle/test", "--csv", "{top}/bottle/test/cut/00200.png"], "what is there is none of this command's"),
    ],
)
def test_score_refuses_in_one_line(
    more: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(place / "bottle.agad"), *(one.format(top=place) for one in more), "--device", "cpu"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.slow
def test_only_damaged_images_are_an_error_and_the_csv_is_kept(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").touch()
    arguments = ["score", str(place / "bottle.agad"), str(tmp_path), "--csv", str(tmp_path / "s.csv")]

    assert main([*arguments, "--device", "cpu"]) == 2
    assert "none of the images can be read" in capsys.readouterr().err
    assert "a.png,,,damaged" in (tmp_path / "s.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--normal", "fine"], "has no class 'fine'"),
        (["--normal", "cut"], "class cut has no training images"),
        (["--set", "lr"], "is not FIELD=VALUE"),
        (["--set", "normal_class=1"], "give it as --normal"),
        (["--set", "lrr=1"], "unknown field 'lrr'"),
        (["--method", "ocsv"], "method='ocsv' is not legal"),
        (["--image-size", "17"], "image_size=17 is not a multiple of 16"),
        (["--set", "gamma=0.1"], "anomalies"),
        (["--set", "protocol=leave_one_out"], "trained on one normal class; give that by --normal"),
    ],
)
def test_fit_refuses_in_one_line(
    more: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(place, *more) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.slow
def test_a_training_that_diverges_is_one_line_and_a_failed_row(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "x.agad")]
    arguments = ["fit", str(place / "bottle"), *LEAN, *results, "--set", "lambda_con=1e38", "--set", "lr=1e30"]

    assert main(arguments) == 2
    assert "the training failed: NonFiniteLoss" in capsys.readouterr().err.splitlines()[-1]
    assert [row["status"] for row in ResultStore(tmp_path / "results").read().to_pylist()] == ["failed"]
    assert not (tmp_path / "x.agad").exists()


@pytest.mark.slow
def test_a_mask_that_cannot_be_read_is_named_and_left_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place / "bottle", place / "other")
    (place / "other" / "ground_truth" / "cut" / "00201_mask.png").write_bytes(b"x")
    arguments = ["score", str(place / "bottle.agad"), str(place / "other" / "test" / "cut"), "--device", "cpu"]
    assert main([*arguments, "--csv", str(place / "b.csv"), "--heatmaps", str(place / "b")]) == 0
    said = capsys.readouterr()

    assert "3 images with masks, 3 regions; 1 masks that cannot be read" in said.out
    assert "note: left out of the pixel AUROC: the mask " in said.err
    with (place / "b.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 4


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full", "maps/1.png")])
def test_a_scoring_that_ends_early_leaves_what_was_there(
    error: BaseException,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And names the file of the rows that it has."""
    target = tmp_path / "kept.csv"
    arguments = ["score", str(place / "bottle.agad"), str(place / "bottle" / "test" / "good"), "--csv", str(target)]
    assert main(arguments) == 0
    before = target.read_text()

    def failing(*arguments: Any) -> Iterator[Scored]:
        yield from itertools.islice(scored(*arguments), 3)
        raise error

    monkeypatch.setattr("agad.detector.files.scored", failing)
    capsys.readouterr()
    assert main(arguments) == (1 if isinstance(error, KeyboardInterrupt) else 2)
    assert target.read_text() == before
    assert (tmp_path / "kept.csv.part").read_text() == "".join(before.splitlines(keepends=True)[:4])
    said, ended = capsys.readouterr().err.splitlines()[-2:]
    assert said == f"{target} is not written: the rows so far, 3, are in {target}.part"
    assert ended.startswith(("Interrupted.", "agad score: error: maps/1.png: No space left"))


@pytest.mark.slow
def test_export_from_the_command_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="pip install 'agad[onnx]'")
    assert main(["export", str(place / "bottle.agad"), "--onnx", str(place / "bottle.onnx")]) == 0
    assert "input pixels, uint8 (N, 1, 16, 16)" in capsys.readouterr().out
    assert (place / "bottle.onnx").is_file()
    assert main(["export", str(place / "bottle.agad"), "--onnx", str(place / "bottle.onnx")]) == 0


@pytest.mark.slow
def test_export_writes_over_no_model_of_others(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.onnx"
    target.write_bytes(b"\x08\x08\x12\x07pytorch")
    assert main(["export", str(place / "bottle.agad"), "--onnx", str(target)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("is no export of agad's; give another name, or move that file away")
    assert target.read_bytes() == b"\x08\x08\x12\x07pytorch"


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """It interrupts, also where whoever started the tests ignores it, as a shell does in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_ends_what_follows_the_training(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In training it lets the worker write a checkpoint; the scoring of held-out images after it just ends."""

    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("agad.detector.training.detector_of", interrupted)
    results = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "x.agad")]

    assert main(["fit", str(place / "bottle"), *LEAN, *results]) == 1
    assert "Interrupted. Go on with:" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npz", "png", "weights"])
def test_fit_writes_over_no_file_but_a_detector(
    kind: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An npz and saved weights are zip archives as a detector is."""
    target = tmp_path / "x"
    if kind == "npz":
        with target.open("wb") as file:
            np.savez(file, a=np.zeros(3))
    else:
        found = (place / "bottle" / "test").rglob("*.png") if kind == "png" else (place / "results").rglob("*.pt")
        target.write_bytes(next(found).read_bytes())
    before = target.read_bytes()

    assert fit(place, "--out", str(target)) == 2
    assert "move that file away" in capsys.readouterr().err
    assert target.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "more", "message"),
    [
        (
            "bottle",
            ["--method", "pca"],
            r"is a detector of another run \(method=knn\): .* as --out .*bottle-pca\.agad,",
        ),
        ("bottle", ["--method", "knn", "--image-size", "32"], r"another run \(other settings or another data set\)"),
        ("other/bottle", ["--method", "knn"], r"another run \(other images\)"),
        ("bottle", ["--method", "knn"], None),
    ],
)
def test_fit_writes_over_no_detector_of_another_run(
    of: str, more: list[str], message: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison without --out; a folder of the same name elsewhere; only the same run's file is replaced."""
    for top, first in (("bottle", 0), ("other/bottle", 500)):
        fill(tmp_path / top / "train" / "good", 10, first)
        fill(tmp_path / top / "test" / "good", 3, first + 100)
    target = tmp_path / "bottle.agad"

    def fit_into(results: str, folder: str, *options: str) -> int:
        where = ["--results", str(tmp_path / results), "--out", str(target), "--device", "cpu"]
        return main(["fit", str(tmp_path / folder), "--image-size", "16", *where, *options])

    assert fit_into("r", "bottle", "--method", "knn") == 0
    before = target.read_bytes()
    capsys.readouterr()
    if message is None:
        assert fit_into("r", of, *more) == 0
        return
    assert fit_into("r2", of, *more) == 2
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])
    assert target.read_bytes() == before
    assert not (tmp_path / "r2").exists()


@pytest.mark.slow
def test_held_out_images_that_were_trained_on_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Copies in the training folder make a threshold that every new image exceeds."""
    for suffix in (".png", "-copy.png", "-again.png"):
        fill(tmp_path / "bottle" / "train" / "good", 20, 0, suffix=suffix)
    fill(tmp_path / "bottle" / "test" / "good", 5, 100)
    arguments = ["fit", str(tmp_path / "bottle"), "--method", "knn", "--image-size", "16", "--device", "cpu"]

    assert main([*arguments, "--results", str(tmp_path / "r"), "--out", str(tmp_path / "b.agad")]) == 0
    assert "held-out normals have the same pixels as a training image" in capsys.readouterr().out
