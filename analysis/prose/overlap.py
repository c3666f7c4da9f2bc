"""Overlap: do a class's AUROCs follow what could be known of it before training (agad.scoring.overlap)?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy import stats as scipy_stats

from agad.errors import AnalysisError
from agad.spec import datasets

from .. import stats
from ..cells import Cells
from ..tables import formats
from ..tables.sheet import KEY, OURS, Sheet

FILE = "overlap.csv"
"""Beside the published results folders."""

MEASURES = {"overlap_pixels": "overlap", "overlap_gcn": "overlap, gcn", "auroc_complexity": "complexity"}

Column = tuple[str, Cells, str]
"""A heading, the cells of one row, and the row's column of AUROCs."""


def overlap_table(place: Path, dataset: str, columns: Sequence[Column]) -> Sheet:
    """A line per class, what was known of it before training beside AUROCs; then their rank correlations."""
    known = known_of(place / FILE, dataset)
    for heading, cells, _ in columns:
        _check_images(known, heading, cells)
    found = {heading: _of_classes(cells, value, known.index) for heading, cells, value in columns}
    numbers = pd.DataFrame({name: known[name] for name in MEASURES} | found)
    lines = [(name, *map(formats.auroc, of)) for name, of in zip(known["class_name"], numbers.to_numpy(), strict=True)]
    for name, title in MEASURES.items():
        shown = [_rank(known[name], of) for of in found.values()]
        lines.append((f"rank correlation with {title}", *("" for _ in MEASURES), *shown))
    return Sheet(
        name="overlap",
        caption=f"{datasets.title(dataset)}: what is known of each normal class before training, and AUROC in %",
        columns=("normal class", *MEASURES.values(), *found),
        kinds=(KEY, *[OURS] * (len(MEASURES) + len(found))),
        lines=tuple(lines),
        notes=(
            "overlap: of the ten nearest training images of the class's test images, % in other classes (gcn: on "
            "contrast-normalised pixels). complexity: AUROC of a score that is the bytes of the image as PNG. The last "
            "lines: Spearman's rank correlation over the classes, with its 95% interval.",
        ),
    )


def known_of(path: Path, dataset: str) -> pd.DataFrame:
    """The lines of one data set, by the numbers of its classes, rising. AnalysisError where the file has none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.DictReader(file) if line["dataset"] == dataset]
        frame = pd.DataFrame(lines).astype({"normal_class": int, "data_digest": str, **dict.fromkeys(MEASURES, float)})
    except (OSError, KeyError, ValueError) as error:
        raise AnalysisError(f"{path} holds no overlap of {dataset}: {error}") from error
    return frame.set_index("normal_class").sort_index()


def _check_images(known: pd.DataFrame, heading: str, cells: Cells) -> None:
    """AnalysisError where the rows are of other images than the overlap."""
    of_rows, of_file = set(cells.runs["data_digest"].dropna()), set(known["data_digest"])
    if of_rows and of_rows != of_file:
        both = " and ".join(", ".join(sorted(digest[:12] for digest in of)) for of in (of_file, of_rows))
        raise AnalysisError(f"the overlap and the rows of {heading} are of different images (digests {both})")


def _of_classes(cells: Cells, value: str, classes: pd.Index[int]) -> pd.Series[float]:
    means = cells.class_means(value).set_index("class")["mean"]
    return means.reindex(classes)


def _rank(known: pd.Series[float], found: pd.Series[float]) -> str:
    both = pd.DataFrame({"known": known, "found": found}).dropna().apply(stats.levelled, raw=True)
    if len(both) < 4 or (both.nunique() < 2).any():
        return formats.GAP
    rho = float(scipy_stats.spearmanr(both["known"], both["found"]).statistic)
    ends = stats.spearman_interval(rho, len(both))
    text = f"{rho:+.2f}" if ends is None else f"{rho:+.2f} ({ends[0]:+.2f} … {ends[1]:+.2f})"
    return text.replace("-", "\N{MINUS SIGN}")
