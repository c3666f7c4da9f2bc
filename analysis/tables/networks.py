"""Table 8: the generators' parameters, and their time for an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from agad.spec import datasets
from agad.spec.fields import json_defaults, names_where

from ..cells import Cells
from ..paper import numbers as paper
from ..paper.numbers import BACKBONES
from . import formats
from .footnotes import in_short
from .formats import GAP
from .sheet import KEY, NOTE, OURS, PAPER, Sheet

_VARIANT_FIELDS = names_where(lambda known: known.generator)
"""Fields other than the backbone on which a generator's size or speed depends."""

_TIMES, _BATCH = ("inference_ms_batch1", "inference_ms_best"), "inference_best_batch"


@dataclass(frozen=True)
class _Network:
    """A generator as Table 8 distinguishes them.

    Attributes:
        backbone: as in RunSpec.
        variant: `field=value` of _VARIANT_FIELDS that are not at their default; last the data set, if it is the user's.
        channels: of its images; None if the data set is the user's: two of those may differ in them.
    """

    backbone: str
    variant: tuple[str, ...]
    channels: int | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> _Network:
        """The generator of a table row."""
        facts, defaults = datasets.DATASETS.get(values["dataset"]), json_defaults()
        # Freezing adds no parameter; the auxiliary batch norm does.
        fields = {**values, "batch_norm": "advprop" if "advprop" in values["batch_norm"] else "shared"}
        variant = tuple(f"{name}={fields[name]}" for name in _VARIANT_FIELDS if fields[name] != defaults[name])
        if facts is None:
            return cls(values["backbone"], (*variant, f"dataset={values['dataset']}"), None)
        return cls(values["backbone"], variant, facts.channels)


def networks(cells: Cells) -> Sheet:
    """Table 8: size and speed of the generators that there are, below the paper's.

    A line per generator and machine; the sizes are also those of trained runs, the times of task=inference only.
    """
    counts, timed = _counts(cells), _timed(cells)
    found = sorted(counts.keys() | timed.keys(), key=lambda network: (network.variant, network.channels or 0))
    lines, data = [], []
    for printed in paper.NETWORKS:
        for network in [n for n in found if n.backbone == printed.backbone] or [_Network(printed.backbone, (), None)]:
            for times in timed.get(network) or ({},):
                count = counts.get(network)
                lines.append(_line(printed, network, count, times))
                data.append(_record(printed, network, count, times))
    return Sheet(
        name="table8",
        caption=paper.TITLES["table8"],
        columns=(
            *("generator", "paper, M", "paper, ms", "variant", "channels", "parameters", "/10⁶", "/2²⁰"),
            *("ms, batch 1", "ms, best batch", "best batch", "n", "device"),
        ),
        kinds=(KEY, PAPER, PAPER, NOTE, *[OURS] * 8, NOTE),
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            "ms: one image's share of a pass of the untrained generator over images on the device, median of many "
            "passes, mean over runs; at batch 1, and at the batch size with the most images per second. The paper's is "
            "for one 32x32 image on an A40: times of other devices are not to be held against it, only the ratios "
            "between generators.",
            "The paper mixes units: its naive generator is in 2²⁰, the others in 10⁶; their numbers are those of the "
            "networks without batch norm of Zhou et al. (2020), which Table 5 cannot have used.",
        ),
        data=pd.DataFrame(data),
    )


def _own(cells: Cells) -> Iterator[tuple[_Network, str, pd.DataFrame]]:
    """Generator, task and runs of each row that has one of the three backbones: GANomaly has nets of its own."""
    groups = dict(list(cells.runs.groupby("row")))
    for index, values in enumerate(cells.rows):
        if values["method"] == "agad":
            yield _Network.of(values), values["task"], groups[index]


def _counts(cells: Cells) -> dict[_Network, int]:
    """Generator -> parameters, of all that have a run."""
    found: dict[_Network, int] = {}
    for network, _, runs in _own(cells):
        known = runs["parameters_g"].dropna()
        if len(known):
            found[network] = int(known.iloc[0])
    return found


def _timed(cells: Cells) -> dict[_Network, list[dict[str, Any]]]:
    """Generator -> its times on each machine; of runs that are not there, their number alone."""
    parts: dict[_Network, list[pd.DataFrame]] = {}
    for network, task, runs in _own(cells):
        if task == "inference":
            parts.setdefault(network, []).append(runs)
    return {network: list(_machines(pd.concat(runs))) for network, runs in parts.items()}


def _machines(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Times on each machine; where nothing has run, how many runs are wanted."""
    ok = runs[runs["status"] == "ok"]
    missing = len(runs) - len(ok)
    names = [_machine(*run) for run in zip(ok["device_name"], ok["device"], ok["threads"], strict=True)]
    for name in dict.fromkeys(names):
        of_machine = ok[[other == name for other in names]]
        yield {
            "device": name,
            **{column: float(of_machine[column].mean()) for column in _TIMES},
            # Not a quantity to be averaged: the batch of the run whose rate was best.
            _BATCH: float(of_machine.sort_values("inference_ms_best")[_BATCH].iloc[0]),
            "ok": len(of_machine),
            "wanted": len(of_machine) + missing,
        }
    if not names:
        yield {"ok": 0, "wanted": missing}


def _machine(name: str | None, device: str | None, threads: float | None) -> str:
    """A device as a time needs it: the model, and on a CPU how many threads."""
    model = name if isinstance(name, str) else device if isinstance(device, str) else "unknown"
    if device != "cpu" or formats.is_missing(threads):
        return model
    return f"{model}, {threads:.0f} thread{'' if threads == 1 else 's'}"


def _line(
    printed: paper.PaperNetwork, network: _Network, count: int | None, times: Mapping[str, Any]
) -> tuple[str, ...]:
    size = (f"{count:,}", f"{count / 1e6:.2f}", f"{count / 2**20:.2f}") if count is not None else (GAP,) * 3
    batch = times.get(_BATCH)
    return (
        BACKBONES[printed.backbone],
        f"{printed.parameters_millions:.2f}",
        f"{printed.milliseconds:.2f}",
        ", ".join(network.variant),
        str(network.channels or GAP),
        *size,
        formats.milliseconds(times.get(_TIMES[0])),
        formats.milliseconds(times.get(_TIMES[1])),
        GAP if formats.is_missing(batch) else f"{batch:.0f}",
        f"{times['ok']}/{times['wanted']}" if times else "",
        times.get("device", ""),
    )


def _record(
    printed: paper.PaperNetwork, network: _Network, count: int | None, times: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "backbone": printed.backbone,
        "paper_parameters_millions": printed.parameters_millions,
        "paper_milliseconds": printed.milliseconds,
        "variant": " ".join(network.variant) or None,
        "channels": network.channels,
        "parameters": count,
        **{name: times.get(name) for name in (*_TIMES, _BATCH, "ok", "wanted", "device")},
    }
