"""Laboratory: damages one file of a specimen after the other, and compares what commands show and leave."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import random
import re
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agad import console
from agad.errors import AgadError
from agad.plan.study import read_studies, read_study
from agad.scoring.weights import load_weights
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from analysis.cells import damaged_files, read_all
from analysis.load import open_store
from analysis.studies import study_text, trials_table
from analysis.tables import table
from benchmarks.kill_storm.storm import SCIENCE
from benchmarks.mutations import mutants, specimen
from benchmarks.mutations.specimen import KINDS, STUDY, Specimen
from sweeps.cli import launch, status, tune
from sweeps.tuning.found.summary import tuned_by
from sweeps.worker.options import WorkerOptions

SAID, HARMLESS, REBUILT, SILENT, TRACEBACK = "said", "harmless", "rebuilt", "USED SILENTLY", "TRACEBACK"
"""What can come of damage: named or refused; nothing differs; the end is the same by work done again; the bad ones."""
OUTCOMES = (SAID, HARMLESS, REBUILT, SILENT, TRACEBACK)

_SECONDS = 300
"""Of one command, after which it counts as hanging."""
_SAYS = re.compile(
    r"error: |passed over|skipped|damaged|Set aside|Not complete|[1-9][0-9]* missing|prepared again|without checksums|"
    r"no checksums|[1-9][0-9]* to do|is of another|not the name of|No run|not readable|no task in the queue|"
    r"lacks [0-9]|a checksum is wrong"
)
"""What a line has by which a reader sees that something is not as it was."""
_WORK = re.compile(r"[0-9]+ runs of |[a-z]+ [0-9]+x[0-9]+: |  classes \(training|    [0-9]|Trial [0-9]+: ")
"""How lines begin by which a command announces work: that it is done again is no damage that was used."""
_AGE = re.compile(r", [0-9]+ s ago")
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


class HangingError(BaseException):
    """A command did not end; raised by the handler of SIGALRM."""


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
        except (Exception, SystemExit, HangingError):  # noqa: BLE001 - what is looked for
            seen.crashed = seen.crashed or f"{name}: {traceback.format_exc()}"
            code = -1
        finally:
            signal.alarm(0)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, before if number == signal.SIGTERM else signal.default_int_handler)
            logging.getLogger().removeHandler(handler)
        text = (out.getvalue() + err.getvalue()).replace(str(copy.path), "R")
        seen.lines[name] = [_VARIES.sub("~", _AGE.sub("", line)) for line in [*text.splitlines(), f"status {code}"]]
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
        "worker": lambda: print(*_plans_of_options(copy), sep="\n") or 0,
        "launch": lambda: launch.main([*plan, *where]),
        "status of the killed": lambda: status.main(killed),
        "launch of the killed": lambda: launch.main([*killed, *where]),
        "set from study": lambda: print(tuned_by(copy.path, STUDY).text) or 0,
        "tune": lambda: tune.main(specimen.tune_arguments(copy)),
        "set from study again": lambda: print(tuned_by(copy.path, STUDY).text) or 0,
        "weights": lambda: print(*(f"{path.name} {_digest_of(path)}" for path in sorted(weights.iterdir()))) or 0,
    }


def _plans_of_options(copy: Specimen) -> Iterator[str]:
    yield from (WorkerOptions.load(path).plan for path in copy.files("worker's options"))


def _everything(copy: Specimen) -> Iterator[str]:
    """What the report reads, scores and curves included, without its pictures, which take most of its time."""
    store = ResultStore(copy.path)
    yield table.cells_table(read_all(store)).to_markdown()
    yield from _each_column(store)
    yield from damaged_files(open_store(store))
    studies, damaged = read_studies([copy.path])
    yield from (f"{study_text(study)}\n{trials_table(study).to_markdown()}" for study in studies)
    yield from damaged


def _each_column(store: ResultStore) -> Iterator[str]:
    """The columns one by one, as tables and figures read few: each reading compares the bytes that it uses."""
    for name in SCIENCE:
        values = store.read([*dict.fromkeys(("run_id", name))]).sort_by("run_id")[name].to_pylist()
        yield f"{name} {hashlib.sha256(repr(values).encode()).hexdigest()}"


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
        command: [line for line in lines if line not in set(sound.lines[command]) and not _WORK.match(line)]
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
