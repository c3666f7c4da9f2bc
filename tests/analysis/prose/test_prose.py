"""Numbers and tables of Markdown pages are what their rows say, and stay so by a command."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis.prose.__main__ import main
from analysis.prose.facts import MEASURES, Facts, of_seed
from analysis.prose.marks import MINUS, like, marks, write
from tests.conftest import ROOT
from tests.helpers.analysis_rows import commit_all, specs

ROWS = ROOT / "reproduction"
TIMES = ("train_seconds", "eval_seconds")


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts(ROWS)


def auroc(folder: str, name: str, **wanted: object) -> list[float]:
    """Straight from the rows, in percent."""
    rows = ResultStore(ROWS / folder).read([name, *wanted]).to_pylist()
    return [100 * row[name] for row in rows if all(row[key] == value for key, value in wanted.items())]


@pytest.mark.slow
def test_means_gains_and_classes_are_those_of_the_rows(facts: Facts) -> None:
    first, shuffled = (auroc("unetpp", f"auroc_batch_{name}") for name in ("normals_first", "shuffled"))

    assert facts.number("unetpp mean batch_normals_first") == pytest.approx(np.mean(first))
    assert facts.number("unetpp sd batch_normals_first") == pytest.approx(np.std(first))
    assert facts.number("unetpp order") == pytest.approx(np.mean(first) - np.mean(shuffled))
    assert facts.number("unetpp order up") == sum(a > b for a, b in zip(first, shuffled, strict=True))
    assert facts.number("unetpp above batch_shuffled") == sum(value > 50 for value in shuffled)
    (ship,) = auroc("gamma0", "auroc", dataset="cifar10", normal_class=8)
    assert facts.number("gamma0 class 8 eval dataset=cifar10") == pytest.approx(ship)
    assert facts.number("unetpp runs") == 10
    assert facts.number("unetpp paper") == 98.3
    assert facts.number("unetpp setting updates") == 800


@pytest.mark.slow
def test_seeds_and_gains_of_any_two_protocols_are_those_of_the_rows(facts: Facts) -> None:
    """Of each seed alone, and of both: their spread within classes, and whether the classes follow each other."""
    zero, one, single = (
        np.concatenate([auroc("seeds", name, seed=seed, normal_class=number) for number in range(10)])
        for name, seed in (("auroc", 0), ("auroc", 1), ("auroc_batch1", 1))
    )
    gains = single - one
    assert facts.number("seeds mean eval seed=1") == pytest.approx(one.mean())
    assert facts.number("seeds class 0 eval seed=0") == pytest.approx(
        auroc("seeds", "auroc", seed=0, normal_class=0)[0]
    )
    assert facts.number("seeds sd_seeds eval") == pytest.approx(np.sqrt(((zero - one) ** 2 / 2).mean()))
    assert facts.number("seeds r_seeds eval 0 1") == pytest.approx(np.corrcoef(zero, one)[0, 1])
    assert facts.number("seeds worth batch1 eval seed=1") == pytest.approx(gains.mean())
    reach = 2.2622 * gains.std(ddof=1) / np.sqrt(10)  # t of nine degrees of freedom
    assert facts.number("seeds worth batch1 eval low seed=1") == pytest.approx(gains.mean() - reach, abs=1e-3)
    best, last = (facts.number(f"unetpp {measure} eval") for measure in ("best", "mean"))
    assert facts.number("unetpp best_gain eval") == pytest.approx(best - last)
    with pytest.raises(AnalysisError, match="not all classes have seed 7"):
        facts.number("seeds mean eval seed=7")


def test_a_spread_among_unequal_numbers_of_seeds_is_the_tables(tmp_path: Path) -> None:
    """Two seeds a point apart, four by three points each: pooled by degrees of freedom, 1 and 3."""
    runs = [*specs((0,), seeds=range(2)), *specs((1,), seeds=range(4))]
    commit_all(ResultStore(tmp_path / "some"), runs, lambda run: 0.8 + 0.01 * (1 + 2 * run.normal_class) * run.seed)
    Plan("some", (), (), tuple(runs)).save(tmp_path / "some")
    facts = Facts(tmp_path)
    squares = [np.var([0, 1], ddof=1), np.var([0, 3, 6, 9], ddof=1)]
    assert facts.number("some sd_seeds eval") == pytest.approx(np.sqrt((squares[0] + 3 * squares[1]) / 4))
    assert facts.number("some sd_seeds eval") == pytest.approx(100 * facts.cells("some").summary["sd_seeds"].item())


def test_times_are_of_training_and_scoring_over_all_rows_that_fit(facts: Facts) -> None:
    times = [sum(of) for of in zip(*(auroc("classifier", name, dataset="mnist") for name in TIMES), strict=True)]
    assert facts.number("classifier seconds dataset=mnist") == pytest.approx(np.median(times) / 100)
    assert facts.number("classifier minutes high dataset=mnist") == pytest.approx(max(times) / 100 / 60)
    trained = auroc("changes_long", "train_seconds")
    assert facts.number("changes_long pace") == pytest.approx(np.median(trained) / 100 / 3000)


def test_the_curve_of_the_last_update_is_the_result(facts: Facts) -> None:
    assert facts.number("unetpp at 800 eval") == pytest.approx(facts.number("unetpp mean eval"))
    assert facts.number("unetpp best eval") > facts.number("unetpp mean eval")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("gamma0 mean eval", "3 rows have these values; they differ in dataset"),
        ("gamma0 mean eval dataset=svhn", "no row of the table has these values"),
        ("gamma0 median eval", "'median' is none of mean, sd, class"),
        ("gamma0", "'' is none of mean"),
        ("nowhere mean eval", "nowhere"),
        ("gamma0 mean eval color=red", "color"),
        ("gamma0 mean batch17 dataset=cifar10", "batch17"),
        ("seeds contrast eval", "no pair"),
        ("unetpp at 3 eval", "no such number"),
        ("unetpp setting backbone", "backbone is 'unetpp', which is no number"),
        ("unetpp setting evaluate_test", "evaluate_test is True, which is no number"),
        ("unetpp setting epochs", "epochs"),
    ],
)
def test_a_question_without_an_answer_is_one_line(question: str, says: str, facts: Facts) -> None:
    with pytest.raises(AnalysisError, match=re.escape(says)) as caught:
        facts.number(question)

    assert "\n" not in str(caught.value)
    assert question in str(caught.value) or "nowhere" in question


def test_a_mean_over_a_part_of_the_classes_is_no_answer() -> None:
    """The page around it says ten classes; another row of the same folder has its number as before."""
    facts = Facts(ROWS)
    whole, before = facts.cells("gamma0"), facts.number("gamma0 mean eval dataset=cifar10")
    (mnist,) = [index for index, row in enumerate(whole.rows) if row["dataset"] == "mnist"]
    lost = whole.runs.index[whole.runs["row"] == mnist][0]
    status = whole.runs["status"].mask(whole.runs.index == lost)
    facts.cells = lambda _: replace(whole, runs=whole.runs.assign(status=status))  # type: ignore[assignment]

    with pytest.raises(AnalysisError, match="only 9 of its 10 runs are there"):
        facts.number("gamma0 mean eval dataset=mnist")
    assert facts.number("gamma0 mean eval dataset=cifar10") == before


def test_a_seed_or_a_point_that_a_part_of_the_runs_has_is_no_answer(facts: Facts) -> None:
    cells = facts.cells("seeds")
    first = cells.runs.index[cells.runs["seed"] == 1][0]
    partly = replace(cells, runs=cells.runs.drop(index=first))
    points = facts.points("unetpp")
    with pytest.raises(AnalysisError, match="not all classes have seed 1"):
        of_seed(partly, 1)
    lost = points.index[(points["update"] == 50) & (points["protocol"] == "eval")][0]
    with pytest.raises(AnalysisError, match="only 9 of its 10 runs have that point"):
        MEASURES["at"](facts.cells("unetpp"), lambda: points.drop(index=lost), "50", "eval")


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("50.9", 58.12, "58.1"),
        ("+27.0", -3.04, f"{MINUS}3.0"),
        ("+27.0", -0.04, "0.0"),
        (".90", 0.123, ".12"),
        (f"{MINUS}.13", -0.2, f"{MINUS}.20"),
        ("58", 57.6, "58"),
        ("10", 9.0, "9"),
        ("+1", 27.2, "+27"),
        ("100.0", 99.9775, "99.98"),
        ("99.98", 99.9775, "99.98"),
        ("99.98", 99.99999, "99.99"),
        ("100", 99.7, "99.7"),
        ("99.9", 100.0, "100.0"),
    ],
)
def test_a_number_keeps_its_form(text: str, value: float, shown: str) -> None:
    assert like(text, value) == shown


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(
        "It is 1.0<!--= unetpp mean eval -->, order +1<!--= unetpp order -->.\n\n"
        "<!-- table: unetpp protocols -->\nold\n<!-- end of table -->\n"
    )
    return path


@pytest.mark.slow
def test_the_command_writes_and_checks(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page that says something else is found, left alone by --check, and right after the command."""
    before = page.read_text()

    assert main([str(page), "--rows", str(ROWS), "--check"]) == 1
    assert page.read_text() == before
    assert main([str(page), "--rows", str(ROWS)]) == 0
    assert main([str(page), "--rows", str(ROWS), "--check"]) == 0
    assert page.read_text().startswith("It is 55.5<!--= unetpp mean eval -->, order +35<!--= unetpp order -->.")
    assert "| CIFAR-10 |" in page.read_text()
    assert "something else" in capsys.readouterr().out


@pytest.mark.parametrize(
    "broken",
    [
        "far <!--= unetpp mean eval -->",
        "9.0 <!--= unetpp mean eval -->",
        "<!-- table: unetpp protocols -->\nno end",
        "4,000<!--= unetpp runs -->",
        "1e-3<!--= unetpp gain p -->",
        "-3.2<!--= unetpp gain -->",
        "1.2.3<!--= unetpp gain -->",
        "1e\N{MINUS SIGN}3<!--= unetpp gain p -->",
        "\N{NON-BREAKING HYPHEN}3.2<!--= unetpp gain -->",
        "(2\N{NARROW NO-BREAK SPACE}000<!--= unetpp setting updates -->)",
        "12 000<!--= unetpp setting updates -->",
        "1 000 000.5<!--= unetpp setting updates -->",
        "5'000<!--= unetpp setting updates -->",
        "5\N{RIGHT SINGLE QUOTATION MARK}000<!--= unetpp setting updates -->",
        "5\N{NO-BREAK SPACE}000<!--= unetpp setting updates -->",
        "5&thinsp;000<!--= unetpp setting updates -->",
        "5\N{ZERO WIDTH SPACE}000<!--= unetpp setting updates -->",
        "of 12\n000<!--= unetpp setting updates -->",
        "of 12 \n  000<!--= unetpp setting updates -->",
        "9.0<!-- = unetpp mean eval -->",
        "9.0<!--\t=unetpp mean eval -->",
        "<!--table: unetpp protocols-->\n<!-- end of table -->",
        "<!--  Table : unetpp protocols -->\n<!-- end of table -->",
        "by \N{EN DASH}35.0<!--= unetpp order -->",
        "\N{EN DASH}35.0<!--= unetpp order -->",
        "&minus;35.0<!--= unetpp order -->",
        "&#8722;35.0<!--= unetpp order -->",
        "by &ndash;35.0<!--= unetpp order -->",
        "$-$35.0<!--= unetpp order -->",
        "\N{MINUS SIGN}**35.0<!--= unetpp order -->**",
        "1/35.0<!--= unetpp order -->",
        "35.0<!--= unetpp order -->0",
        "35<!--= unetpp order -->.5",
        "35<!--= unetpp order -->,000",
        "35.0<!--= unetpp order -->e2",
        "35.0<!--= unetpp order -->e-2",
    ],
)
def test_a_mark_that_marks_nothing_is_an_error(broken: str) -> None:
    """Else a number would look checked that nobody checks, or be written over in part."""
    with pytest.raises(AnalysisError, match="marks are begun"):
        marks(broken)


@pytest.mark.parametrize(
    "page",
    [
        "of 10<!--= unetpp runs -->",
        "class 3 84.4<!--= unetpp mean eval -->",
        "the years 2020\n500<!--= unetpp setting updates -->",
        "2 30<!--= unetpp runs -->",
        "of 10, 800<!--= unetpp setting updates -->",
        "1<!--= unetpp runs --> 800<!--= unetpp setting updates -->",
        "5 \N{MINUS SIGN}800<!--= unetpp setting updates -->",
        "In 2023 800<!--= unetpp setting updates -->",
        "of 12\n\n800<!--= unetpp setting updates -->",
        "of 12\n \n800<!--= unetpp setting updates -->",
        "3\N{EN DASH}5<!--= unetpp runs -->",
        "1<!--= unetpp runs -->&ndash;5<!--= unetpp runs -->",
        "9<!--= unetpp runs -->/10<!--= unetpp runs -->",
        "- **10<!--= unetpp runs -->**, 1<!--= unetpp runs -->. 5",
        "&nbsp;10<!--= unetpp runs -->th, of which every 2<!--= unetpp runs -->, even",
        "<!-- table of contents -->1<!--= unetpp runs -->",
        "<!-- ===== part ===== -->1<!--= unetpp runs -->",
    ],
)
def test_a_number_after_another_one_is_a_number(page: str) -> None:
    assert marks(page)[-1].kind == "number"


def test_a_broken_mark_is_named_by_its_line() -> None:
    with pytest.raises(AnalysisError, match=r"2 marks are begun and 1 are whole \(line 3\)"):
        marks("1<!--= unetpp runs -->\n\n12 000<!--= unetpp runs -->")


@pytest.mark.parametrize("question", ["unetpp gain p", "unetpp p_chance eval", "unetpp worth eval batch1 p seed=1"])
def test_no_p_is_shown_as_nothing(question: str) -> None:
    """Tables print <.001; a gain or a correlation of nothing is one."""
    page = "p = .012<!--= {} -->"
    with pytest.raises(AnalysisError, match=f"`{question}`: p is 0.0003, and .000 says 0; give"):
        write(page.format(question), lambda _: 0.0003, str)
    assert write("p = .0001" + page.format(question)[8:], lambda _: 0.0003, str).startswith("p = .0003")
    assert write(page.format("unetpp rank eval"), lambda _: 0.0003, str).startswith("p = .000<")
