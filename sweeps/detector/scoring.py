"""Score images by a detector: a row for each image, and heat maps where they are wanted.

    agad score bottle.agad new/ --csv scores.csv
    agad score bottle.agad bottle/test --heatmaps maps --threshold q=0.99
    agad score bottle.agad a.png b.png --threshold 3.2

Damaged files are named and stop nothing. After an error or Ctrl-C the rows so far are in OUT.part, OUT is as it was.
Exit status: 0 done, 2 an error that you can mend, or no readable image.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from agad import console
from agad.console import EXIT_ERROR, EXIT_OK
from agad.errors import AgadError

from ..cli.arguments import Parser, say
from ..machine.devices import resolve_device
from .csv_file import CsvFile
from .opening import opened

if TYPE_CHECKING:
    from agad.detector.detector import Detector
    from agad.detector.files import Scored
    from agad.detector.pictures.sheet import HeatmapFolder

_NAMED = 10
"""Damaged files that are named; of more the number is said. The CSV has all."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    console.replace_unprintable()
    parser = Parser("agad score", __doc__)
    parser.add_argument("detector", metavar="DETECTOR", type=console.path, help="a file that agad fit wrote")
    parser.add_argument("images", metavar="IMAGES", type=console.path, nargs="+", help="folders or files")
    parser.add_argument("--csv", metavar="OUT", type=console.path, help="write the rows to this file, and print none")
    parser.add_argument(
        "--heatmaps", metavar="DIR", type=console.path, help="overlays, arrays and a page index.html in this folder"
    )
    parser.add_argument(
        "--threshold", metavar="q=Q|VALUE", default=None,
        help="a quantile of held-out normals, or a score (q=0.95, or the highest that they allow)",
    )  # fmt: skip
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA where there is a GPU"
    )
    options = parser.parse_args(arguments)
    return console.run(lambda: _main(options), "agad score", about=options.csv or options.heatmaps)


def _main(options: argparse.Namespace) -> int:
    from agad.data.image import Seen
    from agad.detector.files import files_at, notes_on, scored
    from agad.detector.pictures.sheet import HeatmapFolder

    sheet = None if options.csv is None else CsvFile(options.csv)  # checked now, and not when all is scored
    if options.heatmaps is not None:
        _check_apart(options.heatmaps, options.images)
    detector = opened(options.detector, resolve_device(options.device))
    value, words = _threshold(detector, options.threshold)
    if options.heatmaps is not None:
        detector.require_heatmaps()
    paths, notes = files_at(options.images)
    facts = [*detector.describe(), f"threshold {value:.5g} ({words})"]
    for line in facts:
        say(line)
    maps = None if options.heatmaps is None else HeatmapFolder(detector, options.heatmaps)
    rows, seen = [], Seen()
    with contextlib.nullcontext() if sheet is None else sheet.opened():
        for row in scored(detector, paths, value, None if maps is None else maps.add, seen):
            rows.append(row)
            if sheet is None:
                print(_line(row))
            else:
                sheet.add(row)
    unread = [] if maps is None else [f"left out of the pixel AUROC: {line}" for line in maps.unread]
    of_masks = () if maps is None else maps.masks.notes()
    for note in (*notes, *seen.notes(), *notes_on(detector, rows), *of_masks, *unread[:_NAMED]):
        say(f"note: {note}")
    if len(unread) > _NAMED:
        say(f"note: and {len(unread) - _NAMED} more masks that cannot be read")
    if maps is not None:
        of_code = (f"note: {note}" for note in detector.notes)
        _write_page(maps, rows, options, [*facts, *of_code, *_found(maps), *of_masks])
    return _conclude(rows, options.csv)


def _check_apart(heatmaps: Path, images: list[Path]) -> None:
    """Refuse heat maps in a folder that is scored, or beside files that are: they would lie among these images.

    Raises AgadError.
    """
    place = heatmaps.resolve()  # links, and `..`
    folders = dict.fromkeys(path if path.is_dir() else path.parent for path in images)
    whole = set(filter(Path.is_dir, images))  # with the folders in them
    for folder in folders:
        top = folder.resolve()
        if place == top or (folder in whole and place.is_relative_to(top)):
            beside = top.with_name(f"{top.name}-maps")
            raise AgadError(
                f"--heatmaps {heatmaps} lies in {folder}, whose images are scored: heat maps would lie among them; "
                f"name a folder outside of it, such as {beside}"
            )


def _threshold(detector: Detector, wanted: str | None) -> tuple[float, str]:
    """The threshold, and where it comes from in words. Raises AgadError."""
    from agad.detector.training import default_quantile

    if wanted is not None and not wanted.startswith("q="):
        value = _number(wanted)
        return value, "given"
    quantile = default_quantile(detector) if wanted is None else _number(wanted.removeprefix("q="))
    found = detector.threshold(quantile)
    return found.value, f"{found.name} of {found.held_out} held-out normals"


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AgadError(f"--threshold {text!r} is no number; give q=0.99 or a score")
    return value


def _line(row: Scored) -> str:
    from agad.data.names import one_line

    if row.score is None:
        return f"{'-':>10} {'-':>6}  {row.verdict:<9}  {one_line(row.path)} ({row.reason})"
    return f"{row.score:>10.5g} {row.percentile:>6.1f}  {row.verdict:<9}  {one_line(row.path)}"


def _found(maps: HeatmapFolder) -> list[str]:
    """How well the heat maps find what masks mark; nothing without masks."""
    where = maps.localisation
    area, overlap = where.pixel_auroc(), where.region_overlap()
    if area is None or overlap is None:
        return []
    return [
        f"pixel AUROC {area:.4f}, per-region overlap up to 30% false positives {overlap:.4f} "
        f"({where.images} images with masks, {where.regions} regions"
        + (f"; {len(maps.unread)} masks that cannot be read)" if maps.unread else ")")
    ]


def _write_page(maps: HeatmapFolder, rows: list[Scored], options: argparse.Namespace, facts: list[str]) -> None:
    for line in _found(maps):
        print(line)
    page = maps.write_page(rows, options.detector.name, facts)
    say(f"heat maps: {page}")


def _conclude(rows: list[Scored], csv: Path | None) -> int:
    from agad.data.names import one_line

    damaged = [row for row in rows if row.score is None]
    flagged = sum(row.verdict == "anomalous" for row in rows)
    for row in damaged[:_NAMED]:
        say(f"damaged, not scored: {one_line(row.path)} ({row.reason})")
    if len(damaged) > _NAMED:
        say(f"and {len(damaged) - _NAMED} more damaged files")
    say(f"{len(rows)} images: {flagged} anomalous, {len(rows) - flagged - len(damaged)} normal, {len(damaged)} damaged"
        + (f"; {csv}" if csv else ""))  # fmt: skip
    if damaged and len(damaged) == len(rows):
        say("agad score: error: none of the images can be read")
        return EXIT_ERROR
    return EXIT_OK
