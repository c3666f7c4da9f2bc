"""Verdicts: ours beside the paper's under every evaluation protocol, as the paper does not say how it scored."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...cells import Cells
from .. import formats
from ..footnotes import CLASSES_LEGEND, PAPER_LEGEND, classes_text, in_short
from ..formats import GAP, KEY, OURS, PAPER
from ..keys import fewest_fields, heading, key_texts
from ..leakage import LABELS, column, scored
from ..sheet import Sheet
from .texts import VERDICT_MARKS


def verdict_table(cells: Cells) -> Sheet | None:
    """Difference from the paper's mean and verdict, by row and protocol; None under one protocol, or of no such row.

    p is corrected (Holm) for the rows of the same table of the paper under the same protocol.
    """
    protocols = scored(cells)
    if len(protocols) < 2:
        return None
    found = {protocol: cells.beside_paper(column(protocol)) for protocol in protocols}
    compared = found["eval"] if "eval" in found else next(iter(found.values()))
    judged = compared.index[compared["verdict"].notna()]
    fields, lines, data = fewest_fields(cells, judged), [], []
    for index in judged:
        key = key_texts(fields, cells.rows[index])
        texts = [_text(of["difference"].iloc[index], of["verdict"].iloc[index]) for of in found.values()]
        classes = classes_text(cells, index)
        printed, is_part = (compared[name].iloc[index] for name in ("paper_avg", "paper_part"))
        lines.append((*key, _printed(printed, is_part=is_part), *texts, classes))
        record: dict[str, Any] = dict(zip(fields, key, strict=True)) | {"classes": classes}
        record["paper_avg"] = printed
        for protocol, of in found.items():
            names = ("difference", "half_width", "p_value", "verdict")
            record |= {f"{protocol}_{name}": of[name].iloc[index] for name in names}
        data.append(record)
    if not lines:
        return None
    return Sheet(
        name="verdicts",
        caption="Ours minus the paper's under every evaluation protocol: points of AUROC, and the verdict",
        columns=(*map(heading, fields), "paper", *(LABELS[protocol] for protocol in protocols), "classes"),
        kinds=(KEY,) * len(fields) + (PAPER,) + (OURS,) * (len(protocols) + 1),
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            f"= within ±{cells.margin:g} points of the paper's, ↑ above, ↓ below, ~ undecided, ? cannot be judged (too "
            "few seeds, not whole or without a difference), — not enough runs (one of the paper's "
            "classes is missing, or a part of the runs was not scored so): "
            "from the 95% interval over seeds, the paper's rounding included, corrected (Holm) for the rows of the "
            "paper's table under the same protocol. The paper does not say under which protocol its numbers stand; "
            "under by class and normals first the test set is ordered by label.",
            f"{PAPER_LEGEND} {CLASSES_LEGEND}",
        ),
        data=pd.DataFrame(data),
    )


def _printed(avg: float | None, *, is_part: bool) -> str:
    """The paper's mean; in brackets that of a part of its classes, which is not compared."""
    if avg is None or formats.is_missing(avg):
        return GAP
    return f"({avg:.1f})" if is_part else f"{avg:.1f}"


def _text(difference: float | None, verdict: str | None) -> str:
    if not formats.text(verdict) or formats.is_missing(difference):
        return GAP
    return f"{formats.difference(difference)} {VERDICT_MARKS[formats.text(verdict)]}"
