"""The heat maps of a folder: a PNG and an array for each image, and one page with the worst and the most ordinary."""

from __future__ import annotations

import base64
import heapq
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agad import console
from agad.data.source import Pixels
from agad.data.write import save_array
from agad.detector.detector import Detector
from agad.detector.files import Scored, writable
from agad.detector.pictures.heatmap import overlay, shown
from agad.detector.pictures.localisation import Localisation, Masks
from agad.errors import DataError
from agad.outputs import Outputs

SHOWN = 24
"""Images of either end on the page."""
_THUMBNAIL = 160
_PAGE = "index.html"
TITLE = "Scores by "
"""What the page's title begins with; the detector's name follows."""

_STYLE = (
    "body{font:15px/1.4 sans-serif;margin:2em;max-width:75em;color:#222}h2{font-size:1.1em;margin-top:2em}"
    "figure{display:inline-block;margin:0 1em 1em 0;vertical-align:top;width:21em}"
    "figcaption{font-size:.8em;overflow-wrap:anywhere}img{width:10em;height:10em;object-fit:contain;background:#eee}"
    ".anomalous{color:#b00}p{margin:.2em 0}"
)


@dataclass(slots=True)
class HeatmapFolder:
    """Where the heat maps of a scoring go. Names are numbered in the order of the files.

    Attributes:
        folder: `NAME.png` overlays and `NAME.npy` maps, (S, S) float32; `index.html`, the page.
        localisation: what the masks beside the images say.
        unread: masks that cannot be read, a line each; they are left out of `localisation`.
        masks: the masks beside the images, and how they were taken.
    """

    detector: Detector
    folder: Path
    localisation: Localisation = field(default_factory=Localisation)
    unread: list[str] = field(default_factory=list)
    masks: Masks = field(init=False)
    _outputs: Outputs = field(init=False)
    _count: int = 0
    _pictures: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    _kept: dict[bool, list[tuple[float, str]]] = field(default_factory=lambda: {True: [], False: []})

    def __post_init__(self) -> None:
        """The masks are of the detector's normal kind. Raises AgadError where somebody else's page is there."""
        console.check_page("--heatmaps", self.folder / _PAGE, TITLE)
        self.masks = Masks(self.detector.normal)
        self._outputs = Outputs(self.folder)

    def add(
        self, paths: Sequence[str], images: Sequence[Pixels], scores: Sequence[float], maps: NDArray[np.float32]
    ) -> None:
        """Write a chunk of files. Raises OSError where the disk is full."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._outputs.drop(_PAGE)
        scale = 2 * (self.detector.content.heat or 0)
        for path, pixels, score, heat in zip(paths, images, scores, maps, strict=True):
            self._count += 1
            name = f"{self._count:05d}-{_plain(Path(path).stem)}"
            laid = overlay(pixels, heat, scale)
            self._outputs.replace(self.folder / f"{name}.png", partial(_save_image, laid))
            self._outputs.replace(self.folder / f"{name}.npy", partial(save_array, heat))
            self._keep(path, score, pixels, laid)
            try:
                mask = self.masks.of(path)
            except DataError as error:
                self.unread.append(str(error))
                continue
            if mask is not None:
                self.localisation.add(heat, mask)

    def _keep(self, path: str, score: float, pixels: Pixels, laid: Image.Image) -> None:
        """Remember the pictures of the SHOWN highest and lowest scores seen so far."""
        dropped = set()
        for is_worst, kept in self._kept.items():
            heapq.heappush(kept, (score if is_worst else -score, path))
            if len(kept) > SHOWN:
                dropped.add(heapq.heappop(kept)[1])
        self._pictures[path] = (_thumbnail(shown(pixels)), _thumbnail(laid))
        for gone in dropped - {one for kept in self._kept.values() for _, one in kept}:
            self._pictures.pop(gone, None)

    def write_page(self, rows: Sequence[Scored], detector: str, facts: Sequence[str]) -> Path:
        """`index.html`: one file that needs no network; the page's path. Maps of an earlier scoring are removed."""
        of = {row.path: row for row in rows}
        title = f"{TITLE}{detector}"
        worst = [of[path] for _, path in sorted(self._kept[True], reverse=True)]
        ordinary = [of[path] for _, path in sorted(self._kept[False], reverse=True)]
        damaged = [row for row in rows if row.score is None]
        parts = [
            f"<h1>{html.escape(title)}</h1>",
            *(f"<p>{html.escape(fact)}</p>" for fact in facts),
            "<p>Left the image, right its heat map: yellow, then red where the reconstruction differs most; "
            "one scale of colours for all images.</p>",
            self._section("Highest scores", worst),
            self._section("Lowest scores: the most ordinary images", ordinary),
        ]
        if damaged:
            items = "".join(f"<li>{_shown_path(row.path)}: {html.escape(row.reason)}</li>" for row in damaged)
            parts.append(f"<h2>Damaged files, not scored</h2><ul>{items}</ul>")
        page = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / _PAGE
        self._outputs.replace_page(target, page)
        self._outputs.close()
        return target

    def _section(self, heading: str, rows: Sequence[Scored]) -> str:
        return f"<h2>{heading}</h2>" + "".join(self._figure(row) for row in rows)

    def _figure(self, row: Scored) -> str:
        images = "".join(
            f'<img alt="{what}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
            for what, picture in zip(("image", "heat map"), self._pictures[row.path], strict=True)
        )
        words = f"score {row.score:.4g}, percentile {row.percentile:.4g}, {row.verdict}"
        caption = f'<figcaption class="{row.verdict}">{_shown_path(row.path)}<br>{words}</figcaption>'
        return f"<figure>{images}{caption}</figure>"


def _shown_path(path: str) -> str:
    return html.escape(writable(path))


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[:80]


def _save_image(image: Image.Image, target: Path) -> None:
    image.save(target, "PNG")


def _thumbnail(image: Image.Image) -> bytes:
    small, text = image.copy(), io.BytesIO()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    small.save(text, "PNG")
    return text.getvalue()
