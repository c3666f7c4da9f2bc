"""Table 8: the generators' parameters."""

from __future__ import annotations

import pandas as pd

from agad import datasets
from analysis import paper
from analysis.cells import Cells
from analysis.formats import GAP
from analysis.paper import BACKBONES
from analysis.sheet import KEY, NOTE, OURS, PAPER, Sheet


def networks(cells: Cells) -> Sheet:
    """Table 8: parameters of the generators, the paper's and those of the runs that there are."""
    counts: dict[tuple[str, str, int], set[int]] = {}
    known = cells.runs.dropna(subset=["parameters_g"])
    for row, count in known.groupby("row")["parameters_g"].first().items():
        values = cells.rows[int(str(row))]
        facts = datasets.DATASETS.get(values["dataset"])
        variant = (values["backbone"], values["generator_norm"], facts.channels if facts else 0)
        counts.setdefault(variant, set()).add(int(count))
    lines, data = [], []
    for network in paper.networks():
        found = {key: count for key, count in sorted(counts.items()) if key[0] == network.backbone}
        for (_, norm, channels), numbers in (found or {("", "", 0): set()}).items():
            for number in sorted(numbers) or (None,):
                lines.append(_network_line(network, norm, channels, number))
                data.append(
                    {
                        "backbone": network.backbone,
                        "paper_parameters_millions": network.parameters_millions,
                        "paper_milliseconds": network.milliseconds,
                        "generator_norm": norm or None,
                        "channels": channels or None,
                        "parameters": number,
                    }
                )
    return Sheet(
        name="table8",
        caption=paper.TITLES["table8"],
        columns=("generator", "paper, M", "paper, ms", "norm", "channels", "here", "/10⁶", "/2²⁰"),
        kinds=(KEY, PAPER, PAPER, NOTE, OURS, OURS, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "The paper mixes units: its naive generator is in 2²⁰, the others in 10⁶; their numbers are those of the "
            "networks without batch norm of Zhou et al. (2020), which Table 5 cannot have used.",
        ),
        data=pd.DataFrame(data),
    )


def _network_line(network: paper.PaperNetwork, norm: str, channels: int, number: int | None) -> tuple[str, ...]:
    printed = (BACKBONES[network.backbone], f"{network.parameters_millions:.2f}", f"{network.milliseconds:.2f}")
    if number is None:
        return (*printed, "", GAP, GAP, GAP, GAP)
    return (*printed, norm, str(channels or GAP), f"{number:,}", f"{number / 1e6:.2f}", f"{number / 2**20:.2f}")
