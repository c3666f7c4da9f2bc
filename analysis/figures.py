"""Figures: score boxes (Figure 4), learning curves (Figure 6) and leakage, from the rows.

Drawn without a display and without pyplot. Words and axes are all in INK, which an SVG on the page takes over as the
page's own text colour, so one drawing serves paper, light and dark.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agad import datasets
from analysis import curves as curve_data
from analysis import formats, leakage
from analysis.cells import Cells
from analysis.formats import GAMMA
from analysis.tables import heading, key_text

INK = "#26282c"
PAPER_COLOUR = "#b07a2a"
COLOURS = ("#2f6fb0", "#c2463f", "#3c8d5a", "#8a63a8", "#c98a1b")
"""In this order: blue, red, green, purple, ochre; all readable on white and on dark, apart for the colour-blind."""
BACKBONE_COLOURS = {"unet": COLOURS[0], "unetpp": COLOURS[1], "naive": COLOURS[2]}
"""Figure 6's blue and red."""

MOST_PANELS = 20
MOST_LINES = 5

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Drawing:
    """A figure with its words.

    Attributes:
        name: file name without suffix.
        caption: what it shows.
        alt: what a reader who cannot see it must know.
        figure: the drawing.
    """

    name: str
    caption: str
    alt: str
    figure: Figure

    def save(self, folder: Path) -> None:
        """Write `name`.png and `name`.pdf, on white."""
        with mpl.rc_context(_STYLE):
            self.figure.savefig(folder / f"{self.name}.png")
            self.figure.savefig(folder / f"{self.name}.pdf", metadata={"CreationDate": None})

    def to_svg(self) -> str:
        """An svg element for a page: transparent, in the page's text colour, with nothing that needs a network."""
        buffer = io.StringIO()
        with mpl.rc_context({**_STYLE, "svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        return _for_page(buffer.getvalue(), self.alt, round(_PAGE_DPI * self.figure.get_figwidth()))

    def _repr_html_(self) -> str:
        return self.to_svg()


_PAGE_DPI = 112
"""Pixels of the page per inch: the figures' words are then as large as the tables'."""


def _for_page(svg: str, alt: str, width: int) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match.group() if match.group(1) in used else "", svg)
    svg = svg.replace(INK, "currentColor").replace("'DejaVu Sans'", "inherit")
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    label = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}" style="max-width:{width}px"', 1)


# -- leakage -------------------------------------------------------------------------------------------------------


def leakage_figure(cells: Cells) -> Drawing | None:
    """The protocol on the x axis, a line per class, a panel per row; None where all is eval.

    Of many rows, those without anomalies in training and with the paper's own batch norm and context are shown.
    """
    protocols = leakage.scored(cells)
    if len(protocols) < 2:
        return None
    rows = _plain_rows(cells)[:MOST_PANELS]
    summary = cells.summary
    with mpl.rc_context(_STYLE):
        layout = _Layout(columns=4, width=1.75, height=1.7, bottom=0.75)
        figure, axes = layout.panels(len(rows))
        for panel, index in zip(axes, rows, strict=False):
            _leakage_panel(panel, cells, index, protocols)
            printed = summary["paper_avg"].iloc[index]
            if not formats.is_missing(printed):
                panel.axhline(printed, color=PAPER_COLOUR, linewidth=1, linestyle=(0, (4, 2)))
            panel.set_title(_row_title(cells, index))
        low = min(10 * math.floor(panel.get_ylim()[0] / 10) for panel in axes)
        for panel in axes:
            panel.set_ylim(low, 101.5)
            panel.set_yticks(*_ticks(low, 100))
        layout.label(axes, "", "AUROC, %")
        _legend_on_top(figure, _leakage_handles())
    return Drawing(
        name="leakage",
        caption=(
            "The same weights under every evaluation protocol, last update. Thin lines: one class each, mean over "
            "seeds; thick: mean over classes; dashed: the paper's mean."
        ),
        alt=_leakage_alt(cells, rows, protocols),
        figure=figure,
    )


def _leakage_panel(panel: Axes, cells: Cells, index: int, protocols: Sequence[str]) -> None:
    runs = cells.runs[cells.runs["row"] == index]
    columns = [leakage.column(protocol) for protocol in protocols]
    of_class = 100 * runs.groupby("class")[columns].mean()
    for _, line in of_class.iterrows():
        panel.plot(range(len(columns)), line.to_numpy(), color=COLOURS[0], linewidth=0.6, alpha=0.55)
    panel.plot(
        range(len(columns)), of_class.mean().to_numpy(), color=COLOURS[0], linewidth=2.2, marker="o", markersize=3
    )
    panel.axhline(50, color=INK, linewidth=0.4, alpha=0.4)
    panel.set_xticks(range(len(columns)), [leakage.LABELS[p] for p in protocols], rotation=40, ha="right")
    panel.set_xlim(-0.3, len(columns) - 0.7)


def _leakage_handles() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=COLOURS[0], linewidth=0.8, alpha=0.6, label="class"),
        Line2D([], [], color=COLOURS[0], linewidth=2.2, marker="o", markersize=3, label="mean over classes"),
        Line2D([], [], color=PAPER_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label="the paper's mean"),
    ]


def _leakage_alt(cells: Cells, rows: Sequence[int], protocols: Sequence[str]) -> str:
    summary = cells.summary
    parts = []
    for index in rows:
        values = (
            f"{leakage.LABELS[p]} {formats.auroc(summary['avg' + leakage.column(p).removeprefix('auroc')].iloc[index])}"
            for p in protocols
        )
        parts.append(f"{_row_title(cells, index)}: {', '.join(values)}")
    return "Mean AUROC in percent by protocol. " + "; ".join(parts) + "."


# -- curves --------------------------------------------------------------------------------------------------------


def curve_figures(cells: Cells, curves: pd.DataFrame) -> Iterator[Drawing]:
    """Figure 6: a panel per class, a line per variant with the range of its seeds.

    One drawing per data set; those in which one class only is normal share one.

    Args:
        cells: the runs.
        curves: see curves.read; protocol eval is drawn.
    """
    points = curves[curves["protocol"] == "eval"].merge(cells.runs[["run_id", "row", "class", "seed"]], on="run_id")
    for group in _groups(cells):
        lines = _Lines.of(cells, group)
        here = points[points["row"].isin(lines.rows)]
        if len(here) and here.groupby("run_id").size().max() > 1:
            yield _curve_figure(cells, here, group, lines)


@dataclass(frozen=True)
class _Lines:
    """Rows that are drawn against each other.

    Attributes:
        field: of RunSpec in which they differ.
        rows: their indices.
        colours: row -> colour, the same for one value of the field.
    """

    field: str
    rows: tuple[int, ...]
    colours: Mapping[int, str]

    @classmethod
    def of(cls, cells: Cells, group: Sequence[str]) -> _Lines:
        """Backbones where a data set has several, else shares of anomalies."""
        plain = [index for index in _plain_rows(cells) if cells.rows[index]["dataset"] in group]
        if len({cells.rows[index]["backbone"] for index in plain}) > 1:
            return cls("backbone", tuple(plain), {row: BACKBONE_COLOURS[cells.rows[row]["backbone"]] for row in plain})
        rows = [index for base in plain for index in _other_shares(cells, cells.rows[base])[:MOST_LINES]]
        shares = sorted({cells.rows[row]["gamma"] for row in rows})
        colours = {row: COLOURS[shares.index(cells.rows[row]["gamma"]) % len(COLOURS)] for row in rows}
        return cls("gamma", tuple(rows), colours)

    def values(self, cells: Cells) -> dict[str, str]:
        """The field's values as text -> colour."""
        ordered = sorted(self.rows, key=lambda row: (cells.rows[row]["gamma"], str(cells.rows[row][self.field])))
        return {key_text(self.field, cells.rows[row][self.field]): self.colours[row] for row in ordered}


def _groups(cells: Cells) -> list[list[str]]:
    """Data sets that share a drawing: each with several classes has its own."""
    classes = cells.runs.groupby("row")["class"].nunique()
    most: dict[str, int] = {}
    for index, values in enumerate(cells.rows):
        most[values["dataset"]] = max(most.get(values["dataset"], 0), int(classes.loc[index]))
    single = [dataset for dataset, count in most.items() if count == 1]
    return [[dataset] for dataset, count in most.items() if count > 1] + ([single] if single else [])


def _other_shares(cells: Cells, base: Mapping[str, Any]) -> list[int]:
    return [
        index
        for index, values in enumerate(cells.rows)
        if all(values[name] == base[name] for name in values if name != "gamma")
    ]


def _curve_figure(cells: Cells, points: pd.DataFrame, group: Sequence[str], lines: _Lines) -> Drawing:
    panels: dict[tuple[str, int], list[int]] = {}
    for row, target in sorted(
        set(zip(points["row"], points["class"], strict=True)), key=lambda pair: (pair[1], pair[0])
    ):
        panels.setdefault((cells.rows[row]["dataset"], int(target)), []).append(row)
    shown = list(panels)[:MOST_PANELS]
    with mpl.rc_context(_STYLE):
        layout = _Layout(columns=5, width=1.4, height=0.95, bottom=0.5)
        figure, axes = layout.panels(len(shown))
        floor = _floor(points)
        for panel, key in zip(axes, shown, strict=False):
            for row in panels[key]:
                here = points[(points["class"] == key[1]) & (points["row"] == row)]
                by_update = here.groupby("update")["auroc"].agg(["mean", "min", "max"]) * 100
                panel.fill_between(
                    by_update.index,
                    by_update["min"],
                    by_update["max"],
                    color=lines.colours[row],
                    alpha=0.22,
                    linewidth=0,
                )
                panel.plot(by_update.index, by_update["mean"], color=lines.colours[row], linewidth=1.1)
            panel.set_title(datasets.title(key[0]) if len(group) > 1 else f"{key[1]} {_class_name(*key)}".strip())
            panel.set_ylim(floor, 101)
            panel.set_yticks(*_ticks(floor, 100))
            panel.set_xticks(*_ticks(0, float(points["update"].max())))
        layout.label(axes, "updates", "AUROC, %")
        _legend_on_top(figure, _handles(cells, lines))
    titles = ", ".join(map(datasets.title, group))
    return Drawing(
        name=f"curves-{file_name(group[0]) if len(group) == 1 else 'single-class'}",
        caption=(
            f"Learning curves on {titles} under eval, by normal class: mean over seeds, with the range of the seeds, "
            f"by {heading(lines.field)}."
        ),
        alt=_curve_alt(cells, points, titles, lines),
        figure=figure,
    )


def _curve_alt(cells: Cells, points: pd.DataFrame, titles: str, lines: _Lines) -> str:
    ends = points[points["update"] == points.groupby("run_id")["update"].transform("max")]
    spans = []
    for value in lines.values(cells):
        rows = [row for row in lines.rows if key_text(lines.field, cells.rows[row][lines.field]) == value]
        own = 100 * ends.loc[ends["row"].isin(rows), "auroc"]
        spans.append(f"{heading(lines.field)} {value} ends between {own.min():.0f} and {own.max():.0f}")
    return f"Learning curves on {titles}, AUROC in percent: {'; '.join(spans)}."


def _ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Two to five round places and their words. Set by hand, as each of many panels would find the same ones anew."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9)))
    while (high - low) / step > 5:
        step *= 2
    while (high - low) / step < 2:
        step /= 2
    places = [step * number for number in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
    return places, [f"{place:g}" for place in places]


def _floor(points: pd.DataFrame) -> float:
    return 10.0 * math.floor(10 * float(points["auroc"].min()))


# -- boxes ---------------------------------------------------------------------------------------------------------


def box_rows(cells: Cells) -> dict[str, tuple[int, int]]:
    """Data set -> the two rows of Figure 4: the shares .05 and .20, or the least and the most that there are."""
    found: dict[str, tuple[int, int]] = {}
    for dataset in dict.fromkeys(values["dataset"] for values in cells.rows):
        for backbone in ("unet", "unetpp", "naive"):
            rows = {
                values["gamma"]: index
                for index, values in reversed(list(enumerate(cells.rows)))
                if (values["dataset"], values["backbone"]) == (dataset, backbone) and is_plain(values)
            }
            if len(rows) > 1:
                shares = (0.05, 0.2) if {0.05, 0.2} <= rows.keys() else (min(rows), max(rows))
                found[dataset] = (rows[shares[0]], rows[shares[1]])
                break
    return found


_Boxes = dict[tuple[str, int], dict[tuple[int, int], dict[str, Any]]]
"""(data set, class) -> (0 lower or 1 higher share, 0 normal or 1 anomalous) -> numbers of a box."""


def box_figures(cells: Cells, scores: Mapping[str, curve_data.Scores]) -> Iterator[Drawing]:
    """Figure 4: for each class, boxes of the scores of normal and anomalous test images at two shares of anomalies.

    Args:
        cells: the runs.
        scores: run_id -> headline scores, of the runs of `box_rows`.
    """
    pairs = box_rows(cells)
    for group in _groups(cells):
        boxes: _Boxes = {}
        for dataset in group:
            for place, row in enumerate(pairs.get(dataset, ())):
                _add_boxes(boxes, cells, scores, (dataset, row, place))
        whole = {key: found for key, found in boxes.items() if len(found) == 4}  # two shares, two labels
        if whole:
            yield _box_figure(cells, group, pairs, whole)


def _add_boxes(
    boxes: _Boxes, cells: Cells, scores: Mapping[str, curve_data.Scores], place: tuple[str, int, int]
) -> None:
    dataset, row, share = place
    runs = cells.runs[(cells.runs["row"] == row) & cells.runs["run_id"].isin(scores.keys())]
    for target, run_ids in runs.groupby("class")["run_id"]:
        parts = [scores[run_id] for run_id in run_ids]
        for label in (0, 1):
            values = np.concatenate([score[labels == label] for labels, score in parts])
            boxes.setdefault((dataset, int(str(target))), {})[share, label] = curve_data.box(values)


def _box_figure(cells: Cells, group: Sequence[str], pairs: Mapping[str, tuple[int, int]], boxes: _Boxes) -> Drawing:
    targets = sorted(boxes, key=lambda key: (group.index(key[0]), key[1]))
    with mpl.rc_context(_STYLE):
        layout = _Layout(columns=1, width=max(4.0, 0.42 * len(targets)), height=1.9, bottom=0.95, left=0.95, top=0.35)
        figure, (panel,) = layout.panels(1)
        for offset, (share, label) in enumerate((share, label) for share in (0, 1) for label in (0, 1)):
            colour = COLOURS[share]
            panel.bxp(
                [boxes[key][share, label] for key in targets],
                positions=[place - 0.3 + 0.2 * offset for place in range(len(targets))],
                widths=0.16,
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
                boxprops={"facecolor": colour if label else "none", "edgecolor": colour, "linewidth": 0.8},
                medianprops={"color": INK if label else colour, "linewidth": 1},
                whiskerprops={"color": colour, "linewidth": 0.6},
                capprops={"color": colour, "linewidth": 0.6},
            )
        names = [datasets.title(d) if len(group) > 1 else f"{t} {_class_name(d, t)}".strip() for d, t in targets]
        panel.set_xticks(range(len(targets)), names, rotation=35, ha="right")
        panel.set_xlim(-0.6, len(targets) - 0.4)
        layout.label([panel], "", "anomaly score")
        _legend_on_top(figure, _box_handles(cells, group, pairs))
    titles = ", ".join(map(datasets.title, group))
    backbones = "; ".join(dict.fromkeys(cells.rows[pairs[d][0]]["backbone"] for d, _ in targets))
    return Drawing(
        name=f"boxes-{file_name(group[0]) if len(group) == 1 else 'single-class'}",
        caption=(
            f"Scores of the test images of {titles} by normal class ({backbones}), all seeds together: normal images "
            "hollow, anomalies filled. Quartiles and median; whiskers and what is left out as Tukey has it (1.5 "
            "interquartile ranges)."
        ),
        alt=_box_alt(titles, boxes),
        figure=figure,
    )


def _box_alt(titles: str, boxes: _Boxes) -> str:
    apart = [sum(found[share, 1]["q1"] > found[share, 0]["q3"] for found in boxes.values()) for share in (0, 1)]
    return (
        f"Box plots of anomaly scores on {titles}. The middle halves of normal and anomalous scores lie apart in "
        f"{apart[0]} of {len(boxes)} classes at the lower share of training anomalies, in {apart[1]} at the higher one."
    )


def _box_handles(cells: Cells, group: Sequence[str], pairs: Mapping[str, tuple[int, int]]) -> list[Any]:
    from matplotlib.patches import Patch

    shares = [
        "/".join(dict.fromkeys(formats.gamma(cells.rows[pairs[d][place]]["gamma"]) for d in group if d in pairs))
        for place in (0, 1)
    ]
    return [
        Patch(
            facecolor=COLOURS[place] if label else "none",
            edgecolor=COLOURS[place],
            label=f"{GAMMA} {shares[place]}, {('normal', 'anomalous')[label]}",
        )
        for place in (0, 1)
        for label in (0, 1)
    ]


# -- parts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """Panels side by side, in inches. Set by hand: finding margins by drawing takes longer than the drawing.

    Attributes:
        columns: panels in a line, at most.
        width: of a panel.
        height: of a panel.
        bottom: for tick labels and the x label.
        between: two lines of panels, for the lower one's title.
        left: for tick labels and the y label.
        top: for the legend and the titles.
    """

    columns: int
    width: float
    height: float
    bottom: float
    between: float = 0.28
    left: float = 0.55
    top: float = 0.55

    def panels(self, count: int) -> tuple[Figure, list[Axes]]:
        """A figure with a strip for a legend on top, and its `count` panels."""
        left, right, top, gap = self.left, 0.15, self.top, 0.16
        columns = min(self.columns, count)
        lines = -(-count // columns)
        width = max(left + columns * self.width + (columns - 1) * gap + right, 5.6)
        height = top + lines * self.height + (lines - 1) * self.between + self.bottom
        figure = Figure(figsize=(width, height))
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        figure.subplots_adjust(
            left=left / width,
            right=1 - right / width,
            bottom=self.bottom / height,
            top=1 - top / height,
            wspace=gap / self.width,
            hspace=self.between / self.height,
        )
        axes = list(grid.flat)
        for unused in axes[count:]:
            unused.set_axis_off()
        for number, panel in enumerate(axes[:count]):
            panel.yaxis.grid(visible=True, linewidth=0.3, alpha=0.5, color=INK)
            panel.set_axisbelow(True)
            if number + columns >= count:  # the last of its column, though perhaps not in the last line
                panel.xaxis.set_tick_params(labelbottom=True)
        return figure, axes[:count]

    def label(self, axes: Sequence[Axes], x: str, y: str) -> None:
        """Label the outer panels."""
        for number, panel in enumerate(axes):
            if number % self.columns == 0:
                panel.set_ylabel(y)
            if number + self.columns >= len(axes):
                panel.set_xlabel(x, labelpad=2)


def _legend_on_top(figure: Figure, handles: list[Any]) -> None:
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles), borderaxespad=0.3)


def style() -> Any:
    """Matplotlib's settings of all drawings."""
    return _STYLE


def is_plain(values: Mapping[str, Any]) -> bool:
    """Whether method, batch norm and context are the paper's main ones."""
    return (values["method"], values["batch_norm"], values["adversarial_context"]) == ("agad", "shared", "on")


def _plain_rows(cells: Cells) -> list[int]:
    """Of each data set and backbone the row with the paper's main settings and the fewest anomalies."""
    found: dict[tuple[Any, ...], int] = {}
    order = sorted(
        range(len(cells.rows)), key=lambda index: (not is_plain(cells.rows[index]), cells.rows[index]["gamma"])
    )
    for index in order:
        values = cells.rows[index]
        found.setdefault((values["dataset"], values["backbone"]), index)
    return sorted(found.values())


def _row_title(cells: Cells, index: int) -> str:
    values = cells.rows[index]
    share = f", {GAMMA} {formats.gamma(values['gamma'])}" if values["gamma"] else ""
    return f"{datasets.title(values['dataset'])}, {values['backbone']}{share}"


def _class_name(dataset: str, target: int) -> str:
    facts = datasets.DATASETS.get(dataset)
    names = facts.class_names if facts else ()
    name = names[target] if target < len(names) and names[target] != str(target) else ""
    return name if len(name) <= 16 else f"{name[:15]}…"


def _handles(cells: Cells, lines: _Lines) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, linewidth=1.5, label=f"{heading(lines.field)} {value}")
        for value, colour in lines.values(cells).items()
    ]


def file_name(dataset: str) -> str:
    """A data set's name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", dataset)
