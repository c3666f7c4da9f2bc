"""The data of a plan, prepared and compared with its runs, in a process of its own.

What images, libraries and downloads do to that process, the launch outlives; it needs torch for vectors alone.

python -m sweeps.worker.prepare --plan results/plans/demo-….json [--data DIR] [--cache DIR] [--download]
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agad.data.names import one_line
from agad.errors import AgadError, DataError
from agad.plan.plan import Plan
from agad.spec.counts import batch_sizes
from agad.spec.run import RunSpec
from agad.store.versions import Version, classes_version

from ..machine import processes, program
from .data.agreed import AgreedData
from .data.versions import apart, back, other
from .options import data_folder
from .stopping import Stopping

if TYPE_CHECKING:
    from agad.data.facts import DataFacts
    from agad.data.features.vectors import Vectors
    from agad.store.schema import DataKey


def prepare(
    plan_path: Path,
    data: str,
    cache: str | None,
    *,
    download: bool,
    results: Path | None = None,
    stopping: Stopping | None = None,
) -> list[str]:
    """Run this module as a process on a plan file. Raises AgadError with its one line.

    With `results`, the folder that runs are to be added to, its rows of the plan must be of these very data.
    Returns the lines to print: what is in each data set, and what a reader of its results must know. It returns early
    where it is to stop: a preparation that is cut off leaves nothing behind.
    """
    command = [*program.module("worker.prepare"), "--plan", str(plan_path), "--data", data]
    command += ["--cache", cache] if cache else []
    command += ["--download"] if download else []
    command += ["--results", str(results)] if results else []
    with processes.without_warnings():
        process = subprocess.Popen(  # noqa: S603 - our own module, arguments passed as a list
            command,
            env=processes.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    with process:
        output, messages = _wait(process, stopping or Stopping())
    if process.returncode and not (stopping and stopping.is_set()):
        lines = messages.strip().splitlines() or [f"preparing the data ended with status {process.returncode}"]
        raise AgadError(lines[-1])
    return output.splitlines()


def _wait(process: subprocess.Popen[str], stopping: Stopping) -> tuple[str, str]:
    """What a process has written, output and errors, when it has ended by itself or because everything is to stop."""
    while True:
        try:
            return process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                process.terminate()
        except BaseException:
            process.kill()
            raise


def prepare_here(
    plan: Plan, data: str | None, cache: str | None, *, download: bool, results: Path | None = None
) -> list[str]:
    """Prepare each data set of the plan in this process, and check that every run can be drawn from it.

    With `results`, that its rows of the plan are of the same data too.

    Returns lines about each data set. Raises AgadError, one line.
    """
    from agad.data.prepared import open_facts, prepare_all
    from agad.data.split import one_class_split

    wanted = dict.fromkeys((spec.dataset, spec.image_size) for spec in plan.specs)
    lines = prepare_all(wanted, data_root=data, cache=cache, download=download)
    opened = {key: open_facts(*key, data_root=data, cache=cache) for key in wanted}
    versions: dict[DataKey, Version] = {key: facts.digest for key, facts in opened.items()}
    for spec in {(spec.dataset, spec.image_size, spec.features): spec for spec in plan.specs}.values():
        if spec.features_file:
            vectors = _vectors(spec, data, cache)
            versions[spec.dataset, spec.features] = vectors.digest
            lines += vectors.summary(spec.dataset)
    if results is not None:
        versions |= dict(classes_version(dataset, facts.class_names) for (dataset, _), facts in opened.items())
        agreed = AgreedData(plan, results, data_folder(data))
        _check_rows(agreed.of_own_rows, results, versions)
        agreed.renew(versions)
    for spec in {_drawing(spec) for spec in plan.specs}:
        split = one_class_split(opened[spec.dataset, spec.image_size], spec)
        batch_sizes(spec, len(split.normal))
    return lines + [note for facts in opened.values() for note in _notes(facts, plan)]


def _vectors(spec: RunSpec, data: str | None, cache: str | None) -> Vectors:
    from agad.data.features.attach import with_features
    from agad.data.prepared import open_prepared

    images = open_prepared(spec.dataset, spec.image_size, data_root=data, cache=cache)
    vectors = with_features(images, spec, data).vectors
    assert vectors is not None  # the spec names a file
    return vectors


def _check_rows(known: Sequence[tuple[DataKey, Version]], results: Path, versions: Mapping[DataKey, Version]) -> None:
    """Raise DataError where runs of the plan have rows of other data, beside which new ones would be of no use."""
    others = Counter((key, version) for key, version in known if version != versions.get(key, version))
    if others:
        ((key, version), count), *_ = others.most_common()
        what, (made, now) = apart(key, version, versions[key])
        raise DataError(
            f"{results} has rows of {count} of these runs of {other(key)} ({what} {made}, now {now}): rows of "
            f"different data can neither share a table nor be compared. Either {back(key)}, or take another --results "
            "folder"
        )


def _notes(facts: DataFacts, plan: Plan) -> Iterator[str]:
    """What a reader must know of the data because of what the plan does with them."""
    names = facts.class_names
    mistaken = [index for index, name in enumerate(names) if str(index) in names and name != str(index)]
    if mistaken:
        number = mistaken[0]
        yield (
            f"  note: a number stands for the class of that index, not of that name: {number} is class "
            f"{one_line(names[number])} here"
        )
    repeated = facts.duplicates.get("within_train", 0)
    if repeated and any(spec.validation > 0 and spec.dataset == facts.dataset for spec in plan.specs):
        yield (
            f"  note: {repeated} training images of {facts.dataset} repeat another one: what is held out for "
            "validation may have been trained on"
        )


def _drawing(spec: RunSpec) -> RunSpec:
    """One spec for all that draw alike: the counts of a draw depend on the seed only where classes are drawn too."""
    return spec if spec.known_anomaly_draw else spec.replace(seed=0)


def main() -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.worker.prepare")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--data")
    parser.add_argument("--cache")
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, format="%(message)s")  # that damaged data were prepared again is no error
    try:
        where = {"download": arguments.download, "results": arguments.results}
        lines = prepare_here(Plan.load(arguments.plan), arguments.data, arguments.cache, **where)
    except (AgadError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
