"""Damage files of a results folder and of the cache, hundreds of times, and see whether the commands notice.

    python -m benchmarks.mutations --number 600 --seed 0

Each time one file of a small sweep, its study or its cache is damaged (benchmarks/mutants.py), and the commands that
read such a file run in this process: status, tables, what the report reads, the launch that goes on, the study that
goes on, the reader of weights. Their output and what they end with (rows, study, weights) are compared with those of
an undamaged copy. Prints a Markdown table by kind of file; exit status 1 where damage was used without a
word, or a traceback came. Figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import logging
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agad import console
from agad.errors import AgadError
from agad.plan.study import read_studies, read_study
from agad.scoring.weights import load_weights
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from analysis.cells import damaged_files, read_all
from analysis.studies import study_text, trials_table
from analysis.tables import table
from benchmarks import mutants, specimen
from benchmarks.kill_storm import SCIENCE
from benchmarks.specimen import KINDS, STUDY, Specimen
from sweeps.cli import launch, status, tune
from sweeps.tuning.summary import tuned_by
from sweeps.worker.options import WorkerOptions

SAID, HARMLESS, REBUILT, SILENT, TRACEBACK = "said", "harmless", "rebuilt", "USED SILENTLY", "TRACEBACK"
"""What can come of damage: named or refused; nothing differs; the end is the same by work done again; the bad ones."""
OUTCOMES = (SAID, HARMLESS, REBUILT, SILENT, TRACEBACK)

_SECONDS = 300
"""Of one command, after which it counts as hanging."""
_SAYS = re.compile(
    r"error: |passed over|skipped|damaged|Set aside|Not complete|[1-9][0-9]* missing|prepared again|without checksums|"
    r"no checksums|[1-9][0-9]* to do|No run|not readable"
)
"""What a line has by which a reader sees that something is not as it was."""
_VARIES = re.compile(
    r"[0-9.]+ (?:s|min|h|minutes|hours|seconds)\b|\b[0-9]+ ago|rows-[0-9a-f]{12}|\.[0-9a-f]{6}\b|, about .* left|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+]*"
)
"""What differs between two runs of a command that mean the same."""


@dataclass(slots=True)
class Seen:
    """What the commands have shown of one copy.

    Attributes:
        lines: command -> what it printed.
        state: what was left: rows, study, weights.
        crashed: the traceback of the first that raised; empty: none.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    crashed: str = ""


class _Hanging(BaseException):
    """A command did not end."""


def observe(copy: Specimen, commands: dict[str, Callable[[], int]]) -> Seen:
    """Run the commands one after the other, each in the frame of a command line; then what they have left."""
    seen = Seen()
    for name, command in commands.items():
        out, err = io.StringIO(), io.StringIO()
        handler = logging.StreamHandler(err)
        logging.getLogger().addHandler(handler)
        before = signal.getsignal(signal.SIGTERM)
        signal.alarm(_SECONDS)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), specimen.in_process():
                code = console.run(command)
        except (Exception, SystemExit, _Hanging):  # noqa: BLE001 - what is looked for
            seen.crashed = seen.crashed or f"{name}: {traceback.format_exc()}"
            code = -1
        finally:
            signal.alarm(0)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, before if number == signal.SIGTERM else signal.default_int_handler)
            logging.getLogger().removeHandler(handler)
        text = (out.getvalue() + err.getvalue()).replace(str(copy.path), "R")
        seen.lines[name] = [_VARIES.sub("~", line) for line in [*text.splitlines(), f"status {code}"]]
    seen.state = dict(_state(copy))
    return seen


def commands_of(copy: Specimen) -> dict[str, Callable[[], int]]:
    """All commands that read files, in the order in which a user would call them."""
    results, study = str(copy.path), ResultsFolder(copy.path).study(STUDY)
    plan, killed = (["--results", results, "--plan", str(path)] for path in (copy.plan, copy.killed))
    where = ["--cache", copy.cache, "--data", "absent", "--device", "cpu", "--lease", "2"]
    weights = ResultsFolder(copy.path).weights
    return {
        "status": lambda: status.main(plan),
        "status of the study": lambda: status.main(["--results", results, "--plan", str(study.plan)]),
        "everything": lambda: print(*_everything(copy), sep="\n") or 0,
        "worker": lambda: print(*(WorkerOptions.load(path).plan for path in copy.files("worker's options"))) or 0,
        "launch": lambda: launch.main([*plan, *where]),
        "status of the killed": lambda: status.main(killed),
        "launch of the killed": lambda: launch.main([*killed, *where]),
        "set from study": lambda: print(tuned_by(copy.path, STUDY).text) or 0,
        "tune": lambda: tune.main(specimen.tune_arguments(copy)),
        "set from study again": lambda: print(tuned_by(copy.path, STUDY).text) or 0,
        "weights": lambda: print(*(f"{path.name} {_digest_of(path)}" for path in sorted(weights.iterdir()))) or 0,
    }


def _everything(copy: Specimen) -> Iterator[str]:
    """What the report reads, scores and curves included, without its pictures, which take most of its time."""
    store = ResultStore(copy.path)
    yield table.cells_table(read_all(store)).to_markdown()
    yield str(store.read(SCIENCE).num_rows)
    yield from damaged_files(store)
    studies, damaged = read_studies(copy.path)
    yield from (f"{study_text(study)}\n{trials_table(study).to_markdown()}" for study in studies)
    yield from damaged


def _digest_of(path: Path) -> str:
    found = load_weights(path)
    tensors = [(name, key, value.numpy().tobytes()) for name, net in found.nets.items() for key, value in net.items()]
    return hashlib.sha256(repr((found.spec, found.channels, found.data_digest, tensors)).encode()).hexdigest()


def _state(copy: Specimen) -> Iterator[tuple[str, str]]:
    """What a reader of the end's results gets, as digests or as the error."""
    try:
        rows = ResultStore(copy.path).read(SCIENCE).to_pylist()
        yield from ((f"row {row['run_id']}", hashlib.sha256(repr(row).encode()).hexdigest()) for row in rows)
        study = read_study(ResultsFolder(copy.path).study(STUDY))
        trials = [(one.number, one.state, one.values, one.scores, one.points, one.runs) for one in study.trials]
        yield "study", repr((study.best, study.validation, trials))
    except (AgadError, OSError) as error:
        yield "unreadable", str(error)


def judge(damaged: Seen, sound: Seen, name: str) -> str:
    """What came of damage to a file: one of OUTCOMES.

    A command that prints other lines than for the sound copy must say why; so must one command at least where the end
    differs.
    """
    if damaged.crashed:
        return TRACEBACK
    fresh = {
        command: [line for line in lines if line not in set(sound.lines[command])]
        for command, lines in damaged.lines.items()
    }
    said = {command for command, lines in fresh.items() if any(name in line or _SAYS.search(line) for line in lines)}
    if any(lines and command not in said for command, lines in fresh.items()):
        return SILENT
    if damaged.state != sound.state:
        return SAID if said else SILENT
    if said:
        return SAID
    return REBUILT if damaged.lines != sound.lines else HARMLESS


class Laboratory:
    """A specimen, what the commands show of it undamaged, and one copy after the other that is damaged.

    Args:
        folder: where the specimen and its copies are; every copy has the same path, which plans and options name.
        seed: of what is damaged, and how.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.copy = Specimen(folder / "results")
        self._draw = random.Random(seed)
        self._sound = folder / "sound"
        specimen.make(self.copy.path)
        self.copy.path.rename(self._sound)
        self._known: dict[tuple[str, ...], Seen] = {}

    def sound(self, kind: str) -> Seen:
        """What the commands that read such a file show of an undamaged copy."""
        names = KINDS[kind][1]
        if names not in self._known:
            mutants.copy(self._sound, self.copy.path)
            self._known[names] = self._observe(kind)
            assert not self._known[names].crashed, self._known[names].crashed
        return self._known[names]

    def _observe(self, kind: str) -> Seen:
        known = commands_of(self.copy)
        return observe(self.copy, {name: known[name] for name in KINDS[kind][1]})

    def damage(self, kind: str) -> tuple[str, str, Seen] | None:
        """Damage a file of that kind; what happened, the outcome, what was seen. None where nothing could be done."""
        sound = self.sound(kind)
        mutants.copy(self._sound, self.copy.path)
        found = self.copy.files(kind)
        path = self._draw.choice(found)
        name, mutate = self._draw.choice(list(mutants.MUTANTS.items()))
        if not mutate(path, [other for other in found if other != path], self._draw):
            return None
        seen = self._observe(kind)
        return f"{path.relative_to(self.copy.path)}: {name}", judge(seen, sound, path.name), seen


def run(
    laboratory: Laboratory, number: int, note: Callable[[str], object], kinds: Iterable[str] = KINDS
) -> dict[str, Counter[str]]:
    """So many mutations, the kinds by turns; kind -> how often each outcome."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    while sum(each.total() for each in counts.values()) < number:
        kind = min(counts, key=lambda name: counts[name].total())
        result = laboratory.damage(kind)
        if result is None:
            continue
        what, outcome, seen = result
        counts[kind][outcome] += 1
        if not sum(each.total() for each in counts.values()) % 50:
            note(f"{time.strftime('%H:%M:%S')} {sum(counts.values(), Counter())}")
        if outcome in (SILENT, TRACEBACK):
            differing = {c: [x for x in of if x not in laboratory.sound(kind).lines[c]] for c, of in seen.lines.items()}
            note(f"{outcome}: {what}\n{seen.crashed or {c: of for c, of in differing.items() if of}}")
    return counts


def lines(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """The table."""
    yield f"| kind of file | mutations | {' | '.join(OUTCOMES)} |"
    yield f"|---|--:|{'--:|' * len(OUTCOMES)}"
    for kind, of in {**counts, "all": sum(counts.values(), Counter())}.items():
        yield f"| {kind} | {of.total()} | {' | '.join(str(of[outcome]) for outcome in OUTCOMES)} |"


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _hang(*_: object) -> None:
    raise _Hanging


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--number", type=int, default=600, metavar="N", help="how many (600)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is damaged, and how (0)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only files of this kind")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _hang)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Laboratory(Path(folder), options.seed), options.number, _note, options.kind or KINDS)
    print(*lines(counts), sep="\n")
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if any(of[SILENT] + of[TRACEBACK] for of in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
