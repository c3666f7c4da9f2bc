"""Boxes of scores by class (Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np

from agad.spec import datasets

from .. import curves as curve_data
from ..cells import Cells
from ..tables import formats
from ..tables.footnotes import in_short
from ..tables.formats import GAMMA
from ..tables.keys import role
from .drawing import COLOURS, INK, STYLE, Drawing, Panels, file_name, legend_on_top
from .rows import backbones_from, class_name, groups, is_plain, own_settings, shares_alike


def box_rows(cells: Cells) -> dict[str, tuple[int, int]]:
    """Data set -> the two rows of Figure 4: the shares .05 and .20, or the least and the most that there are.

    The two are alike in all else that makes scores.
    """
    found: dict[str, tuple[int, int]] = {}
    for dataset in dict.fromkeys(values["dataset"] for values in cells.rows):
        for backbone in backbones_from("unet", "unetpp", "naive"):
            pairs = [_ends(rows) for rows in _alike(cells, dataset, backbone) if len(rows) > 1]
            if pairs:
                found[dataset] = min(pairs, key=lambda pair: [cells.rows[row]["gamma"] for row in pair] != [0.05, 0.2])
                break
    return found


def _alike(cells: Cells, dataset: str, backbone: str) -> list[dict[float, int]]:
    """Share -> row, of each setting of a data set and a backbone in the paper's main form."""
    plain = (index for index, values in enumerate(cells.rows) if is_plain(values))
    of = [row for row in plain if (cells.rows[row]["dataset"], cells.rows[row]["backbone"]) == (dataset, backbone)]
    return shares_alike(cells, of)


def _ends(rows: Mapping[float, int]) -> tuple[int, int]:
    first, last = (0.05, 0.2) if {0.05, 0.2} <= rows.keys() else (min(rows), max(rows))
    return rows[first], rows[last]


_Boxes = dict[tuple[str, int], dict[tuple[int, int], dict[str, Any]]]
"""(data set, class) -> (0 lower or 1 higher share, 0 normal or 1 anomalous) -> numbers of a box."""


def box_figures(cells: Cells, scores: Mapping[str, curve_data.Scores]) -> Iterator[Drawing]:
    """Figure 4: for each class, boxes of the scores of normal and anomalous test images at two shares of anomalies.

    Args:
        cells: the runs.
        scores: run_id -> headline scores, of the runs of `box_rows`.
    """
    pairs = box_rows(cells)
    for group in groups(cells):
        boxes: _Boxes = {}
        for dataset in group:
            for share, row in enumerate(pairs.get(dataset, ())):
                for target, label, found in _boxes_of_row(cells, scores, row):
                    boxes.setdefault((dataset, target), {})[share, label] = found
        whole = {key: found for key, found in boxes.items() if len(found) == 4}  # two shares, two labels
        if whole:
            yield _box_figure(cells, group, pairs, whole)


def _boxes_of_row(
    cells: Cells, scores: Mapping[str, curve_data.Scores], row: int
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Class, label and box of each class of a table row and each label."""
    runs = cells.runs[(cells.runs["row"] == row) & cells.runs["run_id"].isin(scores.keys())]
    for target, run_ids in runs.groupby("class")["run_id"]:
        parts = [scores[run_id] for run_id in run_ids]
        for label in (0, 1):
            values = np.concatenate([score[labels == label] for labels, score in parts])
            yield int(str(target)), label, curve_data.box(values)


def _box_figure(cells: Cells, group: Sequence[str], pairs: Mapping[str, tuple[int, int]], boxes: _Boxes) -> Drawing:
    targets = sorted(boxes, key=lambda key: (group.index(key[0]), key[1]))
    names = [datasets.title(d) if len(group) > 1 else f"{t} {class_name(d, t)}".strip() for d, t in targets]
    with mpl.rc_context(STYLE):
        width, bottom = max(4.0, 0.42 * len(targets)), 0.3 + 0.036 * max(map(len, names))  # for slanted names
        layout = Panels(columns=1, width=width, height=1.9, bottom=bottom, left=0.95, top=0.35)
        figure, (panel,) = layout.panels(1)
        for offset, (share, label) in enumerate((share, label) for share in (0, 1) for label in (0, 1)):
            colour = COLOURS[share]
            panel.bxp(
                [boxes[key][share, label] for key in targets],
                positions=[number - 0.3 + 0.2 * offset for number in range(len(targets))],
                widths=0.16,
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
                boxprops={"facecolor": colour if label else "none", "edgecolor": colour, "linewidth": 0.8},
                medianprops={"color": INK if label else colour, "linewidth": 1},
                whiskerprops={"color": colour, "linewidth": 0.6},
                capprops={"color": colour, "linewidth": 0.6},
            )
        panel.set_xticks(range(len(targets)), names, rotation=35, ha="right")
        panel.set_xlim(-0.6, len(targets) - 0.4)
        layout.label([panel], "", "anomaly score")
        legend_on_top(figure, _box_handles(cells, group, pairs))
    titles = ", ".join(map(datasets.title, group))
    backbones = "; ".join(dict.fromkeys(_generator(cells, pairs[d]) for d, _ in targets))
    which = role(cells.rows[pairs[dataset][0]] for dataset, _ in targets)
    return Drawing(
        name=f"boxes-{file_name(group[0]) if len(group) == 1 else 'single-class'}",
        caption=(
            f"Scores of the test images of {titles} by {which} class ({backbones}), all seeds together: normal images "
            "hollow, anomalies filled. Quartiles and median; whiskers and what is left out as Tukey has it (1.5 "
            "interquartile ranges)."
        ),
        alt=_box_alt(titles, boxes),
        figure=figure,
        caution=in_short(cells),
    )


def _generator(cells: Cells, pair: Sequence[int]) -> str:
    """Its name, and the settings of both rows where rows of others are there."""
    settings = own_settings(cells, *pair)
    return f"{cells.rows[pair[0]]['backbone']}{', ' if settings else ''}{settings}"


def _box_alt(titles: str, boxes: _Boxes) -> str:
    apart = [sum(found[share, 1]["q1"] > found[share, 0]["q3"] for found in boxes.values()) for share in (0, 1)]
    return (
        f"Box plots of anomaly scores on {titles}. The middle halves of normal and anomalous scores lie apart in "
        f"{apart[0]} of {len(boxes)} classes at the lower share of training anomalies, in {apart[1]} at the higher one."
    )


def _box_handles(cells: Cells, group: Sequence[str], pairs: Mapping[str, tuple[int, int]]) -> list[Any]:
    from matplotlib.patches import Patch

    shares = [
        "/".join(dict.fromkeys(formats.gamma(cells.rows[pairs[d][share]]["gamma"]) for d in group if d in pairs))
        for share in (0, 1)
    ]
    return [
        Patch(
            facecolor=COLOURS[share] if label else "none",
            edgecolor=COLOURS[share],
            label=f"{GAMMA} {shares[share]}, {('normal', 'anomalous')[label]}",
        )
        for share in (0, 1)
        for label in (0, 1)
    ]
