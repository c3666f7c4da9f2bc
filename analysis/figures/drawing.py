"""Drawing: a figure with its words, and what all figures share: colours, type, panels, legend.

Drawn without a display and without pyplot. Text and axes are all in INK, which the page's SVG replaces by the page's
own text colour, so that one drawing serves print, light and dark.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agad import console, files

Replace = Callable[[Path, Callable[[Path], object]], object]
"""Puts a file that the given function writes at a path: files.replace_atomically, or one that records it too."""

INK = "#26282c"
PAPER_COLOUR = "#b07a2a"
COLOURS = ("#4f73e9", "#ba3b36", "#0aa488", "#a63e98", "#999600")
"""Blue, red, teal, magenta, olive: a contrast of 3 on white and on dark, and distinct for the colour-blind."""

FAINT = "#7d868f"
"""Lines of which there are many; a contrast of 3 on white and on dark, as transparency would not have."""

MOST_PANELS = 20
"""More panels than this in one figure cannot be read."""

STYLE: Any = {
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
        caution: what a reader must know of the rows behind it (tables.footnotes.in_short), where it stands alone.
    """

    name: str
    caption: str
    alt: str
    figure: Figure
    caution: str = ""

    @property
    def words(self) -> str:
        """The caption, and the caution where there is one."""
        return f"{self.caption} {self.caution}".strip()

    def save(self, folder: Path, replace: Replace = files.replace_atomically) -> tuple[Path, Path]:
        """Write `name`.png and `name`.pdf, on white, by `replace(path, write)`; their paths."""
        png, pdf = (folder / f"{self.name}.{suffix}" for suffix in ("png", "pdf"))
        less = {"compress_level": 3}  # half the time
        with mpl.rc_context(STYLE):
            replace(png, lambda path: self.figure.savefig(path, format="png", pil_kwargs=less))
            replace(pdf, lambda path: self.figure.savefig(path, format="pdf", metadata={"CreationDate": None}))
        return png, pdf

    def to_svg(self) -> str:
        """An svg element for a page: transparent, in the page's text colour, with nothing that needs a network."""
        buffer = io.StringIO()
        with mpl.rc_context({**STYLE, "svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        return _for_page(buffer.getvalue(), self.alt, round(_PAGE_DPI * self.figure.get_figwidth()))

    def _repr_html_(self) -> str:
        words = console.printable(html.escape(self.words))
        return f"<figure>{self.to_svg()}<figcaption>{words}</figcaption></figure>"


_TIP = "tip: "


def say_on_hover(artist: Artist, text: str) -> None:
    """Let the page say `text` where a reader points at a part of a drawing. Texts of a drawing must differ."""
    artist.set_gid(_TIP + text)


_PAGE_DPI = 112
"""Pixels of the page per inch: the figures' words are then as large as the tables'."""


def _for_page(svg: str, alt: str, width: int) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(rf'<g id="{_TIP}([^"]*)">', r'<g class="tip"><title>\1</title>', svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match.group() if match.group(1) in used else "", svg)
    svg = svg.replace(INK, "currentColor").replace("'DejaVu Sans'", "inherit")
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    label = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}" style="--width:{width}px;max-width:{width}px"', 1)


@dataclass(frozen=True)
class Panels:
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
            is_last = number + columns >= count  # of its column, though perhaps not in the last line
            panel.xaxis.set_tick_params(labelbottom=is_last, bottom=is_last)
            panel.yaxis.set_tick_params(left=number % columns == 0)
        return figure, axes[:count]

    def label(self, axes: Sequence[Axes], x: str, y: str) -> None:
        """Label the outer panels."""
        for number, panel in enumerate(axes):
            if number % self.columns == 0:
                panel.set_ylabel(y)
            if number + self.columns >= len(axes):
                panel.set_xlabel(x, labelpad=2)


def legend_on_top(figure: Figure, handles: list[Any]) -> None:
    """Put a legend of one line into the strip that Panels leaves at the top."""
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles), borderaxespad=0.3)


def ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Two to five round positions and their labels. Set by hand: each of many panels would find the same ones again."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9)))
    while (high - low) / step > 5:
        step *= 2
    while (high - low) / step < 2:
        step /= 2
    positions = [step * number for number in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
    return positions, [f"{position:g}" for position in positions]


def file_name(dataset: str) -> str:
    """A data set's name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", dataset)
