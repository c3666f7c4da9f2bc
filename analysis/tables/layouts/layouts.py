"""The paper's tables in the paper's own layout, ours beside it; Table 8 is in networks.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..footnotes import data_notes, in_short
from ..sheet import CHECK, Sheet
from .by_class import by_class
from .by_share import by_gamma, by_method, medical
from .ours import OurTable


def paper_sheets(ours: OurTable) -> list[Sheet]:
    """The table in the paper's layout, with what is known of its data below."""
    known = tuple(data_notes(ours.cells))
    caution = in_short(ours.cells)
    return [replace(sheet, notes=(*sheet.notes, *known), caution=caution) for sheet in _LAYOUTS[ours.table](ours)]


_LAYOUTS: dict[str, Callable[[OurTable], Iterator[Sheet]]] = {
    "table1": by_class,
    "table2": by_method,
    "table3": medical,
    "table4": by_gamma("adversarial_context", ("context",), {"off": ("without",), "on": ("with",)}),
    "table5": by_gamma(
        "batch_norm",
        ("AdvProp", "Freeze"),
        {"advprop_freeze": (CHECK, CHECK), "advprop": (CHECK, ""), "freeze": ("", CHECK), "shared": ("", "")},
    ),
    "table9": by_class,
}
