"""Reconstructions: test images beside what each generator makes of them (Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agad import datasets
from agad.schema import RECONSTRUCTION_COLUMNS
from analysis import formats
from analysis.cells import Cells
from analysis.figures import Drawing, file_name, is_plain, style
from analysis.formats import GAMMA
from analysis.load import open_store

if TYPE_CHECKING:
    from agad.store import ResultStore

Images = NDArray[np.uint8]

LARGEST = 64
"""Pixels of a side above which images are shown at half size."""

SUPERVISED = 0.10
"""Share of anomalies of the paper's supervised models in Figures 2 and 3."""


@dataclass(frozen=True)
class Kept:
    """Images of one run, and what it makes of them.

    Attributes:
        index: (K,) places in the test set.
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
        run_ids: title of a generator -> run of seed 0.
    """

    dataset: str
    protocol: str
    target: int
    run_ids: Mapping[str, str]


def read(results: str | Path | ResultStore, run_ids: Collection[str]) -> dict[str, Kept]:
    """run_id -> images, of the runs that kept some."""
    table = open_store(results).read(columns=["run_id", *RECONSTRUCTION_COLUMNS], run_ids=set(run_ids))
    found = {}
    for row in table.to_pylist():
        if row["recon_x"] is None or row["recon_x_hat"] is None:
            continue
        shape = (len(row["recon_index"]), *row["recon_shape"])
        x, x_hat = (np.frombuffer(row[name], np.uint8).reshape(shape) for name in ("recon_x", "recon_x_hat"))
        found[row["run_id"]] = Kept(tuple(row["recon_index"]), tuple(row["recon_label"]), x, x_hat)
    return found


def groups(cells: Cells) -> list[Group]:
    """Of each data set and protocol one class: that of which most generators have run, the first of these.

    Shown are GANomaly where it ran, and of the main generator the row without anomalies and the one nearest to the
    paper's share of 10%.
    """
    first = cells.runs[(cells.runs["status"] == "ok") & (cells.runs["seed"] == 0)]
    run_of = dict(zip(zip(first["row"], first["class"], strict=True), first["run_id"], strict=True))
    found: dict[tuple[str, str], Group] = {}
    places = {(v["dataset"], v["protocol"]) for v in cells.rows}
    for dataset, protocol in sorted(places):
        rows = [i for i, v in enumerate(cells.rows) if (v["dataset"], v["protocol"]) == (dataset, protocol)]
        shown = _shown(cells, rows)
        for target in sorted({of for row, of in run_of if row in shown}):
            run_ids = {title: run_of[row, target] for row, title in shown.items() if (row, target) in run_of}
            group = Group(dataset, protocol, int(target), run_ids)
            best = found.get((dataset, protocol))
            if best is None or len(group.run_ids) > len(best.run_ids):
                found[dataset, protocol] = group
    return list(found.values())


def _shown(cells: Cells, rows: Sequence[int]) -> dict[int, str]:
    """Index of a row -> how the figure calls it."""
    values = {row: cells.rows[row] for row in rows}
    shown = {row: "GANomaly" for row, v in values.items() if v["method"] == "ganomaly"}
    own = {row: v for row, v in values.items() if v["method"] == "agad" and is_plain(v)}
    by_backbone = [
        (backbone, {v["gamma"]: row for row, v in reversed(own.items()) if v["backbone"] == backbone})
        for backbone in ("unetpp", "unet", "naive")
    ]
    # UNet++ as in the paper, but rather one that was trained with anomalies too.
    backbone, shares = max(by_backbone, key=lambda pair: min(len(pair[1]), 2))
    if shares:
        least = min(shares)
        near = min(shares, key=lambda share: abs(share - SUPERVISED))
        shown |= {shares[share]: _title(backbone, share) for share in (least, near)}
    return shown


def _title(backbone: str, gamma: float) -> str:
    return f"AGAD {backbone}, {GAMMA} {formats.gamma(gamma)}"


def drawings(cells: Cells, kept: Mapping[str, Kept]) -> Iterator[Drawing]:
    """Figures 2 and 3: a line of images as they are, below it a line for each generator.

    Args:
        cells: the runs.
        kept: run_id -> images, of the runs of `groups`.
    """
    for group in groups(cells):
        lines = {title: kept[run_id] for title, run_id in group.run_ids.items() if run_id in kept}
        whole = {title: k for title, k in lines.items() if k.index == next(iter(lines.values())).index}
        if whole:
            yield _drawing(group, whole)


def _drawing(group: Group, lines: Mapping[str, Kept]) -> Drawing:
    source = next(iter(lines.values()))
    normals = source.label.count(0)
    picture = np.concatenate([strip(source.x, normals), *(strip(k.x_hat, normals) for k in lines.values())])
    height = picture.shape[0] / (len(lines) + 1)
    across = picture.shape[1] / height
    with mpl.rc_context(style()):
        left, top, line = 1.35, 0.3, 0.42
        width, deep = left + line * across + 0.1, top + line * (len(lines) + 1) + 0.08
        figure = Figure(figsize=(width, deep))
        panel = figure.add_axes((left / width, 0.08 / deep, line * across / width, line * (len(lines) + 1) / deep))
        panel.imshow(picture, interpolation="none", aspect="auto")
        panel.set_yticks([height * (number + 0.5) for number in range(len(lines) + 1)], ["image", *lines])
        panel.set_xticks([])
        panel.tick_params(length=0)
        for spine in panel.spines.values():
            spine.set_visible(False)
        for start, word in ((0, "normal"), (normals * height + _gap(height), "anomalous")):
            panel.text(start, -0.12 * height, word, va="bottom")
    role = "normal" if group.protocol == "one_vs_rest" else "anomalous"
    names = datasets.DATASETS[group.dataset].class_names if group.dataset in datasets.DATASETS else ()
    target = names[group.target] if group.target < len(names) else str(group.target)
    suffix = "" if group.protocol == "one_vs_rest" else "-leave_one_out"
    return Drawing(
        name=f"reconstructions-{file_name(group.dataset)}{suffix}",
        caption=(
            f"{datasets.title(group.dataset)}, {role} class {target}: test images, drawn by lot, and what each "
            "generator makes of them under eval at the last update (seed 0)."
        ),
        alt=_alt(group, lines),
        figure=figure,
    )


def _alt(group: Group, lines: Mapping[str, Kept]) -> str:
    parts = []
    for title, k in lines.items():
        error = np.abs(k.x.astype(float) - k.x_hat).mean(axis=(1, 2, 3))
        label = np.array(k.label)
        means = " and ".join(f"{error[label == of].mean():.0f}" for of in (0, 1) if (label == of).any())
        parts.append(f"{title} {means}")
    return (
        f"Images of {datasets.title(group.dataset)} and their reconstructions. Mean absolute error of 255, normal and "
        f"anomalous images: {'; '.join(parts)}."
    )


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
