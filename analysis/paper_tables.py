"""The paper's tables in the paper's own layout, ours beside it.

All are made from whatever cells there are: a table takes those that are the paper's, and shows the others' places
as gaps. Cells that differ from the project's settings where the paper is silent (`--set updates=200`) have sheets of
their own, and are compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from agad import datasets
from analysis import formats, paper, stats
from analysis.cells import ONE_KNOWN, Cells
from analysis.formats import GAMMA, GAP
from analysis.load import spec_defaults
from analysis.paper import PaperRow
from analysis.sheet import CHECK, KEY, NOTE, OURS, PAPER, Sheet
from analysis.tables import heading, key_text

VERDICT_MARKS = {stats.INSIDE: "=", stats.ABOVE: "↑", stats.BELOW: "↓", stats.NOT_ENOUGH: "?"}
"""Behind a number of ours: where it lies as against the paper's."""

STAR_LEGEND = "*: some classes have no run yet."
MARK_LEGEND = (
    "Behind a number of ours: = inside the paper's ± the 95% interval of the difference, ↑ above, ↓ below, ? not "
    f"enough runs for a verdict. {STAR_LEGEND}"
)
OTHER_PROTOCOL = "†: borrowed, and of another protocol: one known anomaly class at a time, SD over the 90 pairs."
BACKBONES = {"naive": "Naive", "unet": "UNet", "unetpp": "UNet++"}


@dataclass(frozen=True)
class OurTable:
    """The cells of ours that belong in one table of the paper, all of one setting.

    Attributes:
        table: `table1` ….
        settings: `field=value` where the cells leave the project's settings; empty: they are compared.
        cells: those cells.
        summary: their numbers (see summary.summarise).
    """

    table: str
    settings: tuple[str, ...]
    cells: Cells
    summary: pd.DataFrame

    @property
    def name(self) -> str:
        """For files: `table2`, `table2-updates=200`."""
        return "-".join((self.table, *self.settings)).replace("/", "_")

    @property
    def title(self) -> str:
        """The table's title with the settings."""
        settings = f" ({', '.join(self.settings)})" if self.settings else ""
        return paper.TITLES[self.table] + settings

    def line_of(self, row: PaperRow) -> Mapping[str, Any] | None:
        """Our numbers of a row of the paper; None where there is no such cell."""
        for index, match in enumerate(self.cells.matches):
            if match and match.row == row:
                return {str(name): value for name, value in self.summary.iloc[index].items()}
        return None

    def class_means_of(self, row: PaperRow) -> dict[int, float]:
        """Class -> our mean over seeds in [0, 1], of a row of the paper."""
        for index, match in enumerate(self.cells.matches):
            if match and match.row == row:
                means = self.cells.class_means()
                means = means[means["row"] == index]
                return dict(zip(means["class"], means["mean"], strict=True))
        return {}


def our_tables(cells: Cells, table: str) -> list[OurTable]:
    """The cells of one table of the paper, one OurTable for each setting, the paper's own first.

    Where several of our rows are one row of the paper (trained alike, scored on other occasions), the one with the
    most runs stands for it.
    """
    ok = cells.runs[cells.runs["status"] == "ok"].groupby("row").size()
    chosen: dict[tuple[str, ...], dict[int, int]] = {}
    for index, match in enumerate(matches(cells, table)):
        if match:
            of_setting = chosen.setdefault(match.differences, {})
            place = paper.rows().index(match.row)
            rival = of_setting.get(place)
            if rival is None or ok.get(index, 0) > ok.get(rival, 0):
                of_setting[place] = index
    found = []
    for settings in sorted(chosen, key=lambda names: (len(names), names)):
        part = cells.restrict(set(chosen[settings].values()).__contains__, paper.TITLES[table], (table,))
        if part:
            found.append(OurTable(table, settings, part, _verdicts_on_whole_rows(part, part.summary)))
    return found


def _verdicts_on_whole_rows(cells: Cells, summary: pd.DataFrame) -> pd.DataFrame:
    """Without the verdicts on a part of a row's classes: a table of the paper has all of them."""
    wanted = [paper.CLASS_COUNTS[match.row.dataset] if match else 0 for match in cells.matches]
    summary = summary.copy()
    part = (summary["classes"] < wanted) & summary["verdict"].notna()
    summary.loc[part, "verdict"] = stats.NOT_ENOUGH
    summary.loc[part, ["difference", "half_width"]] = None
    return summary


def sheets(ours: OurTable) -> list[Sheet]:
    """The table in the paper's layout."""
    return list(_LAYOUTS[ours.table](ours))


def matches(cells: Cells, table: str) -> list[paper.Match | None]:
    """The row of one table of the paper for each of our rows."""
    return [paper.match(values, (table,), spec_defaults()) for values in cells.rows]


# -- layouts -------------------------------------------------------------------------------------------------------


def _by_class(ours: OurTable) -> Iterator[Sheet]:
    """Tables 1 and 9: a sheet per data set, a column per class."""
    for dataset in _datasets(ours):
        rows = [row for row in paper.rows(ours.table) if row.dataset == dataset]
        lines, kinds, data = [], [], []
        for row in rows:
            printed = [formats.auroc(value / 100) for value in row.classes]
            lines.append((_method(row), "paper", *printed, *row.printed.split("±"), ""))
            kinds.append(PAPER)
            data.append(_class_record(row, "paper", dict(enumerate(row.classes)), row.avg, row.sd))
            if row.is_own:
                means, line = ours.class_means_of(row), ours.line_of(row)
                texts = [formats.auroc(means.get(c)) for c in range(len(row.classes))]
                lines.append((_method(row), "here", *texts, *_avg_sd_n(row, line)))
                kinds.append(OURS)
                percent = {c: 100 * mean for c, mean in means.items()}
                avg, sd = (100 * line["avg"], 100 * line["sd_classes"]) if line else (None, None)
                data.append(_class_record(row, "here", percent, avg, sd))
        names = datasets.DATASETS[dataset].class_names
        legend = ", ".join(f"{c} {name}" for c, name in enumerate(names) if name != str(c))
        yield Sheet(
            name=f"{ours.name}-{dataset}",
            caption=f"{ours.title}: {datasets.title(dataset)}",
            columns=("method", "", *map(str, range(len(rows[0].classes))), "avg", "SD", "n"),
            kinds=(KEY, KEY, *[OURS] * (len(rows[0].classes) + 3)),
            lines=tuple(lines),
            line_kinds=tuple(kinds),
            notes=tuple(
                note for note in (f"Classes: {legend}." if legend else "", *_by_class_notes(ours, rows)) if note
            ),
            data=pd.DataFrame(data),
        )


def _by_class_notes(ours: OurTable, rows: Sequence[PaperRow]) -> Iterator[str]:
    yield "AUROC in %. SD: among classes; ddof 0 in AGAD's and ADGAN's lines, ddof 1 in the other borrowed ones."
    if any(row.origin == paper.RERUN for row in rows):
        yield "(rerun): run by AGAD's authors; other methods are borrowed."
    yield STAR_LEGEND if ours.settings else MARK_LEGEND
    for row in rows:
        if row.is_misprinted and row.classes:
            mean = sum(row.classes) / len(row.classes)
            yield f"{_method(row)}: the paper prints {row.avg:.1f}; the mean of its printed classes is {mean:.2f}."


def _class_record(
    row: PaperRow, who: str, of_class: Mapping[int, float], avg: float | None, sd: float | None
) -> dict[str, Any]:
    columns = {str(c): of_class.get(c) for c in range(len(row.classes))}
    return {"dataset": row.dataset, "method": _method(row), "source": who, **columns, "avg": avg, "sd": sd}


def _methods(ours: OurTable) -> Iterator[Sheet]:
    """Table 2: a line per share of anomalies, the borrowed methods beside."""
    lines, data = [], []
    methods = list(dict.fromkeys(row.method for row in paper.rows("table2") if not row.is_own))
    for row in paper.rows("table2"):
        if not row.is_own or row.dataset not in _datasets(ours):
            continue
        borrowed = [paper.paper_row("table2", row.dataset, row.gamma, method) for method in methods]
        line = ours.line_of(row)
        lines.append(
            (
                datasets.title(row.dataset),
                formats.gamma(row.gamma),
                *(_printed(other) for other in borrowed),
                _printed(row),
                _here(row, line, mark=False),
                formats.difference(line["difference"]) if line and _has_all(row, line) else GAP,
                _verdict(row, line),
                _count(row, line),
            )
        )
        data.append(_record(row, line))
    yield Sheet(
        name=ours.name,
        caption=ours.title,
        columns=("dataset", GAMMA, *(f"{m}†" for m in methods), "AGAD, paper", "AGAD, here", "diff", "verdict", "n"),
        kinds=(KEY, KEY, *[PAPER] * (len(methods) + 1), OURS, OURS, NOTE, OURS),
        lines=tuple(lines),
        notes=(
            f"AUROC in %, mean±SD among classes (here ddof 0, as in the paper's own). {STAR_LEGEND}",
            OTHER_PROTOCOL,
        ),
        data=pd.DataFrame(data),
    )


def _by_gamma(name: str, headings: tuple[str, ...], words: Mapping[str, tuple[str, ...]]) -> Callable[..., Any]:
    """Tables 4 and 5: a column per share of anomalies; `words` are the leading cells of each value of a field."""

    def layout(ours: OurTable) -> Iterator[Sheet]:
        own = [row for row in paper.rows(ours.table) if row.dataset in _datasets(ours)]
        gammas = list(dict.fromkeys(row.gamma for row in own))
        lines, kinds, data = [], [], []
        for dataset in dict.fromkeys(row.dataset for row in own):
            for value, texts in words.items():
                of_line = [row for row in own if row.dataset == dataset and row.fields[name] == value]
                found = [ours.line_of(row) for row in of_line]
                key = (datasets.title(dataset), *texts)
                lines.append((*key, "paper", *(_printed(row) for row in of_line)))
                lines.append((*key, "here", *map(_here_or_blank, of_line, found)))
                kinds += [PAPER, OURS]
                data += [_record(row, line) for row, line in zip(of_line, found, strict=True)]
        yield Sheet(
            name=ours.name,
            caption=ours.title,
            columns=("dataset", *headings, "", *map(formats.gamma, gammas)),
            kinds=(KEY,) * (len(headings) + 2) + (OURS,) * len(gammas),
            lines=tuple(lines),
            line_kinds=tuple(kinds),
            notes=("AUROC in %, mean±SD among classes, by share of anomalies in training.", *_marks(ours)),
            data=pd.DataFrame(data),
        )

    return layout


def _medical(ours: OurTable) -> Iterator[Sheet]:
    """Table 3: with and without adversarial context, side by side."""
    lines, data = [], []
    for row in paper.rows("table3"):
        if row.fields["adversarial_context"] == "off" or row.dataset not in _datasets(ours):
            continue
        without = next(
            other
            for other in paper.rows("table3")
            if (other.dataset, other.gamma) == (row.dataset, row.gamma) and other.fields["adversarial_context"] == "off"
        )
        pair = (row, without)
        found = [ours.line_of(one) for one in pair]
        cells = [
            text
            for one, line in zip(pair, found, strict=True)
            for text in (_printed(one), _range(line), _count(one, line))
        ]
        lines.append((datasets.title(row.dataset), formats.gamma(row.gamma), *cells))
        data += [_record(one, line) for one, line in zip(pair, found, strict=True)]
    yield Sheet(
        name=ours.name,
        caption=ours.title,
        columns=("dataset", GAMMA, "with, paper", "with, here", "n", "without, paper", "without, here", "n"),
        kinds=(KEY, KEY, PAPER, OURS, OURS, PAPER, OURS, OURS),
        lines=tuple(lines),
        notes=("AUROC in %; one class is normal, so there is no SD among classes: [range of the runs], no verdict.",),
        data=pd.DataFrame(data),
    )


_LAYOUTS: dict[str, Callable[[OurTable], Iterator[Sheet]]] = {
    "table1": _by_class,
    "table2": _methods,
    "table3": _medical,
    "table4": _by_gamma("adversarial_context", ("context",), {"off": ("without",), "on": ("with",)}),
    "table5": _by_gamma(
        "batch_norm",
        ("AdvProp", "Freeze"),
        {"advprop_freeze": (CHECK, CHECK), "advprop": (CHECK, ""), "freeze": ("", CHECK), "shared": ("", "")},
    ),
    "table9": _by_class,
}


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


def one_known(cells: Cells, split: pd.DataFrame | None = None) -> Sheet | None:
    """Table 2 under the borrowed methods' own protocol: one anomaly class is known at a time.

    None where no cell is of that protocol.

    Args:
        cells: the runs.
        split: see curves.read_known_split; None leaves its columns empty.
    """
    part = known_part(cells)
    if part is None:
        return None
    summary = part.summary
    halves = _split_means(part, split)
    methods = ("Deep SAD", "ESAD")
    lines, data = [], []
    for index, (values, line) in enumerate(zip(part.rows, summary.to_dict("records"), strict=True)):
        borrowed = [paper.paper_row("table2", values["dataset"], values["gamma"], method) for method in methods]
        seen, unseen = halves.get(index, (None, None))
        key = [key_text(name, values[name]) for name in part.fields]
        lines.append(
            (
                *key,
                *map(_printed, borrowed),
                formats.mean_and_spread(line["avg"], line["sd_classes"]),
                formats.auroc(seen),
                formats.auroc(unseen),
                f"{line['classes']}/{line['classes_wanted']}",
                f"{line['ok']}/{line['wanted']}",
            )
        )
        numbers = {str(name): value for name, value in line.items()}
        data.append({**dict(zip(part.fields, key, strict=True)), **numbers, "seen": seen, "unseen": unseen})
    return Sheet(
        name="table2_one",
        caption="Table 2 with one known anomaly class: the borrowed methods' own protocol",
        columns=(*map(heading, part.fields), *methods, "AGAD, here", "seen", "unseen", "pairs", "n"),
        kinds=(KEY,) * len(part.fields) + (PAPER, PAPER, OURS, OURS, OURS, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "AUROC in %, mean±SD over all pairs of a normal and a known anomaly class (ddof 0). seen, unseen: against "
            "test images of the known anomaly class, and of the others. The paper has no such AGAD.",
        ),
        data=pd.DataFrame(data),
    )


def known_part(cells: Cells) -> Cells | None:
    """The cells that know one anomaly class, a different one each; None where there are none."""
    return cells.restrict(
        lambda index: cells.rows[index]["known_anomaly_classes"] == ONE_KNOWN, "Table 2, one known anomaly class", ()
    )


def _split_means(part: Cells, split: pd.DataFrame | None) -> dict[int, tuple[float, float]]:
    """Row -> mean over pairs of the means over seeds, against seen and unseen anomalies."""
    if split is None or split.empty:
        return {}
    runs = part.runs.merge(split, on="run_id")
    means = [
        stats.over_classes(stats.class_means(runs, half, ["row"], of=["class", "known"]), ["row"])
        for half in ("seen", "unseen")
    ]
    seen, unseen = (dict(zip(half["row"], half["avg"], strict=True)) for half in means)
    return {int(row): (seen[row], unseen.get(row, float("nan"))) for row in seen}


# -- texts ---------------------------------------------------------------------------------------------------------


def _datasets(ours: OurTable) -> list[str]:
    return list(dict.fromkeys(match.row.dataset for match in ours.cells.matches if match))


def _method(row: PaperRow) -> str:
    if row.table == "table9":
        return BACKBONES[row.fields["backbone"]]
    name = "AGAD" if row.is_own else row.method
    return f"{name} (rerun)" if row.origin == paper.RERUN else name


def _printed(row: PaperRow | None) -> str:
    return GAP if row is None or row.avg is None else row.printed


def _has_all(row: PaperRow, line: Mapping[Any, Any]) -> bool:
    """Whether every class of the paper's average has a run."""
    return bool(line["classes"] >= paper.CLASS_COUNTS[row.dataset])


def _here(row: PaperRow, line: Mapping[Any, Any] | None, *, mark: bool = True) -> str:
    """Ours, `98.3±2.26 =`; with a star where a class of the paper's average is missing."""
    if line is None or formats.is_missing(line["avg"]):
        return GAP
    text = formats.mean_and_spread(line["avg"], line["sd_classes"])
    return text + (_mark(row, line) if mark or not _has_all(row, line) else "")


def _mark(row: PaperRow, line: Mapping[Any, Any]) -> str:
    if not _has_all(row, line):
        return "*"
    return f" {VERDICT_MARKS[line['verdict']]}" if line["verdict"] else ""


def _here_or_blank(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """Nothing where the paper has a dash because there can be no such run."""
    return "" if row.avg is None and line is None else _here(row, line)


def _range(line: Mapping[Any, Any] | None) -> str:
    if line is None or formats.is_missing(line["avg"]):
        return GAP
    return f"{formats.auroc(line['avg'])} [{formats.auroc(line['low'])}{formats.RANGE}{formats.auroc(line['high'])}]"


def _verdict(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    if line is None:
        return ""
    if line["paper_differences"]:
        return "other settings"
    return (line["verdict"] or "") if _has_all(row, line) else stats.NOT_ENOUGH


def _count(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """Runs that are ok, of those that the paper's row has."""
    if row.avg is None and line is None:
        return ""  # the paper has no such run either
    return f"{line['ok'] if line else 0}/{paper.CLASS_COUNTS[row.dataset] * paper.RUNS_PER_CLASS}"


def _avg_sd_n(row: PaperRow, line: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if line is None or formats.is_missing(line["avg"]):
        return GAP, GAP, _count(row, line)
    return formats.auroc(line["avg"]) + _mark(row, line), formats.spread(line["sd_classes"]), _count(row, line)


def _marks(ours: OurTable) -> Iterable[str]:
    return (STAR_LEGEND if ours.settings else MARK_LEGEND,)


def _record(row: PaperRow, line: Mapping[Any, Any] | None) -> dict[str, Any]:
    known = dict(line) if line else {}
    return {
        "dataset": row.dataset,
        "gamma": row.gamma,
        **row.fields,
        "paper_avg": row.avg,
        "paper_sd": row.sd,
        **{
            name: known.get(name) for name in ("avg", "sd_classes", "sd_seeds", "ok", "wanted", "difference", "verdict")
        },
    }
