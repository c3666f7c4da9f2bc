"""Reconstructions: test images beside what each generator makes of them (Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agad.spec import datasets
from agad.store.schema import RECONSTRUCTION_COLUMNS

from .. import load
from ..cells import Cells
from ..load import Results
from ..tables import formats
from ..tables.footnotes import in_short
from ..tables.formats import GAMMA
from .drawing import STYLE, Drawing
from .rows import (
    TITLE,
    also_differing,
    backbones_from,
    detector_name,
    is_plain,
    most_alike,
    of_which_settings,
    settings_apart,
    shares_alike,
)

Images = NDArray[np.uint8]

LARGEST = 64
"""Pixels of a side above which images are shown at half size."""

SUPERVISED = 0.10
"""Share of anomalies of the paper's supervised models in Figures 2 and 3."""


@dataclass(frozen=True)
class Saved:
    """Images of one run, and what it makes of them.

    Attributes:
        index: (K,) positions in the test set.
        label: (K,) 0 normal, 1 anomalous; normal ones first.
        x: (K, C, H, W) the images.
        x_hat: (K, C, H, W) G of them.
    """

    index: tuple[int, ...]
    label: tuple[int, ...]
    x: Images
    x_hat: Images


@dataclass(frozen=True)
class Group:
    """Rows that are shown together: one data set, protocol and class, several generators.

    Attributes:
        dataset: the data set.
        protocol: one_vs_rest or leave_one_out.
        target: the class that names the cell.
        rows: title of a generator -> index of its row.
        run_ids: title of a generator -> run of seed 0.
    """

    dataset: str
    protocol: str
    target: int
    rows: Mapping[str, int]
    run_ids: Mapping[str, str]


def read(results: Results, run_ids: Collection[str]) -> dict[str, Saved]:
    """run_id -> images, of the runs that saved some."""
    table = load.read(results, ["run_id", *RECONSTRUCTION_COLUMNS], run_ids)
    found = {}
    for row in table.to_pylist():
        if row["recon_x"] is None or row["recon_x_hat"] is None:
            continue
        shape = (len(row["recon_index"]), *row["recon_shape"])
        x, x_hat = (np.frombuffer(row[name], np.uint8).reshape(shape) for name in ("recon_x", "recon_x_hat"))
        found[row["run_id"]] = Saved(tuple(row["recon_index"]), tuple(row["recon_label"]), x, x_hat)
    return found


def groups(cells: Cells) -> list[Group]:
    """Of each data set and protocol one class: that of which most generators have run, and these most alike.

    Shown are GANomaly where it ran, and of the main generator the row without anomalies and the one nearest to the
    paper's share of 10%, all of one setting as far as there is one. Of runs that know one anomaly class each, that
    which knows the first is shown.
    """
    first = cells.ok[cells.ok["seed"] == 0].sort_values("known").drop_duplicates(["row", "class"])
    run_of = dict(zip(zip(first["row"], first["class"], strict=True), first["run_id"], strict=True))
    found: list[Group] = []
    sets = {(v["dataset"], v["protocol"]) for v in cells.rows}
    for dataset, protocol in sorted(sets):
        rows = [i for i, v in enumerate(cells.rows) if (v["dataset"], v["protocol"]) == (dataset, protocol)]
        of_class = [Group(dataset, protocol, 0, {}, {})]
        for target in sorted({of for row, of in run_of if row in rows}):
            shown = _shown(cells, [row for row in rows if (row, target) in run_of])
            run_ids = {title: run_of[row, target] for title, row in shown.items()}
            of_class.append(Group(dataset, protocol, int(target), shown, run_ids))
        found.append(max(of_class, key=lambda one: (len(one.rows), -settings_apart(cells, one.rows.values()))))
    return [group for group in found if group.rows]


def _shown(cells: Cells, rows: Iterable[int]) -> dict[str, int]:
    """What the figure calls a row -> its index, of some rows that have run."""
    values = {row: cells.rows[row] for row in sorted(rows, key=lambda row: cells.rows[row]["gamma"])}
    others: dict[str, list[int]] = {}
    for row, v in values.items():
        if v["method"] != "agad":
            others.setdefault(v["method"], []).append(row)
    by_backbone = [
        shares_alike(cells, [row for row, v in values.items() if is_plain(v) and v["backbone"] == backbone])
        for backbone in backbones_from("unetpp", "unet", "naive")
    ]
    # UNet++ as in the paper, but rather one that was trained with anomalies too.
    enough = [[of for of in settings if len(of) > 1] for settings in by_backbone]
    best = next((settings for settings in (*enough, *by_backbone) if settings), [])
    near = {of[min(of)]: of[min(of, key=lambda share: abs(share - SUPERVISED))] for of in best}
    chosen = most_alike(cells, [*others.values(), *([[*near]] if near else [])])
    chosen += [near[row] for row in chosen if row in near]
    return {_title(cells.rows[row]): row for row in chosen}


def _title(values: Mapping[str, Any]) -> str:
    """Method, generator and share; of another method its name, and the share where it has one."""
    if values["method"] == "agad":
        return f"AGAD {values['backbone']}, {GAMMA} {formats.gamma(values['gamma'])}"
    return detector_name(values) + (f", {GAMMA} {formats.gamma(values['gamma'])}" if values["gamma"] else "")


def drawings(cells: Cells, saved: Mapping[str, Saved]) -> Iterator[Drawing]:
    """Figures 2 and 3: a line of images as they are, below it a line for each generator, data set by data set.

    Leave-one-out (Figure 2), larger images (Figure 3) and the others have a drawing each.

    Args:
        cells: the runs.
        saved: run_id -> images, of the runs of `groups`.
    """
    sets: dict[str, list[_Shown]] = {}
    for group in groups(cells):
        lines = {title: saved[run_id] for title, run_id in group.run_ids.items() if run_id in saved}
        whole = {title: k for title, k in lines.items() if np.array_equal(k.x, next(iter(lines.values())).x)}
        if whole:
            shown = _Shown(group, whole)
            sets.setdefault(shown.figure, []).append(shown)
    for name in sorted(sets):
        yield replace(_drawing(cells, name, sets[name]), caution=in_short(cells))


@dataclass(frozen=True)
class _Shown:
    """A group with its images.

    Attributes:
        group: what is shown.
        lines: title of a generator -> its images; all saved the same ones.
    """

    group: Group
    lines: Mapping[str, Saved]

    @property
    def rows(self) -> list[int]:
        """Their rows."""
        return [self.group.rows[title] for title in self.lines]

    @property
    def source(self) -> Saved:
        """The images as they are."""
        return next(iter(self.lines.values()))

    @property
    def figure(self) -> str:
        """The drawing that the group belongs in."""
        if self.group.protocol == "leave_one_out":
            return "reconstructions-leave_one_out"
        return "reconstructions-large" if self.source.x.shape[-1] > LARGEST else "reconstructions"

    @property
    def title(self) -> str:
        """Data set and class."""
        role = "normal" if self.group.protocol == "one_vs_rest" else "anomalous"
        return f"{datasets.title(self.group.dataset)}, {role}: {self._target}"

    @property
    def words(self) -> tuple[str, str]:
        """Above the normal and above the anomalous images."""
        dataset = datasets.title(self.group.dataset)
        if self.group.protocol == "one_vs_rest":
            return f"{dataset}: normal ({self._target})", "anomalous"
        return f"{dataset}: normal", f"anomalous ({self._target})"

    @property
    def _target(self) -> str:
        facts = datasets.DATASETS.get(self.group.dataset)
        names = facts.class_names if facts else ()
        return names[self.group.target] if self.group.target < len(names) else str(self.group.target)

    @property
    def picture(self) -> Images:
        """(H, W, 4) the images, and below them the generators' lines."""
        normals = self.source.label.count(0)
        return np.concatenate([strip(self.source.x, normals), *(strip(k.x_hat, normals) for k in self.lines.values())])

    def errors(self) -> str:
        """Mean absolute error of each generator on normal and on anomalous images, of 255."""
        parts = []
        label = np.array(self.source.label)
        for title, k in self.lines.items():
            error = np.abs(k.x.astype(float) - k.x_hat).mean(axis=(1, 2, 3))
            means = " and ".join(f"{error[label == of].mean():.0f}" for of in (0, 1) if (label == of).any())
            parts.append(f"{title} {means}")
        return f"{self.title}: {'; '.join(parts)}"


def _drawing(cells: Cells, name: str, sets: Sequence[_Shown]) -> Drawing:
    left, line, head, foot = 1.35, 0.42, 0.42, 0.08  # inches
    pictures = [shown.picture for shown in sets]
    deep = [line * (len(shown.lines) + 1) for shown in sets]
    across = max(line * p.shape[1] * (len(s.lines) + 1) / p.shape[0] for p, s in zip(pictures, sets, strict=True))
    width, height = left + across + 0.1, sum(deep) + head * len(sets) + foot
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        top = height
        for shown, picture, inches in zip(sets, pictures, deep, strict=True):
            top -= head + inches
            wide = inches * picture.shape[1] / picture.shape[0]
            panel = figure.add_axes((left / width, top / height, wide / width, inches / height))
            _fill(panel, shown, picture)
    return Drawing(
        name=name,
        caption=(
            "Test images, drawn by lot, and what each generator makes of them under eval at the last update (seed 0). "
            f"{'; '.join(shown.title for shown in sets)}.{_settings(cells, sets)}"
        ),
        alt=(
            "Images and their reconstructions. Mean absolute error, of 255, on normal and on anomalous images. "
            f"{'. '.join(shown.errors() for shown in sets)}."
        ),
        figure=figure,
    )


def _settings(cells: Cells, sets: Sequence[_Shown]) -> str:
    """Sentences, after a space, of the settings that are shown of several, and of lines of other settings."""
    texts = [of_which_settings(cells, [row for shown in sets for row in shown.rows])]
    for shown in sets:
        of = f" of {datasets.title(shown.group.dataset)}" if len(sets) > 1 else ""
        texts.append(also_differing(cells, shown.rows, *TITLE, what=f"lines{of}"))
    return "".join(texts)


def _fill(panel: Axes, shown: _Shown, picture: Images) -> None:
    lines = len(shown.lines) + 1
    height = picture.shape[0] / lines
    panel.imshow(picture, interpolation="none", aspect="auto")
    panel.set_yticks([height * (number + 0.5) for number in range(lines)], ["image", *shown.lines])
    panel.set_xticks([])
    panel.tick_params(length=0)
    for spine in panel.spines.values():
        spine.set_visible(False)
    normals = shown.source.label.count(0)
    for start, word in zip((0.0, normals * height + _gap(height)), shown.words, strict=True):
        panel.text(start, -0.12 * height, word, va="bottom")


def strip(images: Images, normals: int) -> NDArray[np.uint8]:
    """(K, C, H, W) images side by side as (H + 2, …, 4) RGBA, a gap between the normal and the anomalous ones."""
    count, channels, height, _ = images.shape
    if height > LARGEST:
        images = images.reshape(count, channels, height // 2, 2, -1, 2).mean(axis=(3, 5)).round().astype(np.uint8)
        height //= 2
    grey = np.repeat(images, 3, axis=1) if channels == 1 else images
    opaque = np.concatenate([grey, np.full_like(grey[:, :1], 255)], axis=1)
    framed = np.pad(opaque, ((0, 0), (0, 0), (1, 1), (1, 1)))  # a transparent edge
    gap = np.zeros((4, height + 2, _gap(height + 2)), np.uint8)
    parts: list[Any] = list(framed)
    parts.insert(normals, gap)
    joined: NDArray[np.uint8] = np.concatenate(parts, axis=2).transpose(1, 2, 0)
    return joined


def _gap(line: float) -> int:
    """Pixels between the normal and the anomalous images of a line of that height."""
    return max(4, int(line) // 3)
