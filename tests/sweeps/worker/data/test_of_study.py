"""A launch with a study's values is of the data that the study was tuned on, where they have its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agad.data.prepared import open_prepared
from agad.plan.plan import Plan
from agad.plan.tuned import Data, Tuned
from agad.store.folder import ResultsFolder
from agad.store.versions import classes_version
from sweeps.worker.data.agreed import AgreedData
from sweeps.worker.failures import LastingFault
from sweeps.worker.prepare import prepare_here
from tests.sweeps.worker.test_prepare import write

KEY = ("npz:own", 16)
OLD, NEW = "a" * 64, "b" * 64
CLASSES, GOOD = classes_version("npz:own", ("bad", "good"))
_, OK = classes_version("npz:own", ("bad", "ok"))


def agreed(plan: Plan, results: Path) -> AgreedData:
    return AgreedData(plan, results, "data")


def tuned_on(plan: Plan, data: Data) -> Plan:
    """The plan with values that a study has found on those data."""
    tuned = Tuned(
        study="s", trial=1, trials=2, values={}, score=0.9, anomalies=(14,), classes={0: (1,)}, datasets=("npz:own",),
        data=data,
    )  # fmt: skip
    return replace(plan, tuned=tuned)


def test_values_of_a_study_of_other_data_of_the_same_name_are_refused(plan: Plan, results: Path) -> None:
    """Its classes were called seen, and the test images unseen, of data that it knew nothing of."""
    line = r"study s, whose .* tuned on other npz:own data: digest a{12}; \S+ has b{12}\. .* in another study \(tune"
    own = tuned_on(plan, {KEY: OLD})
    for check in (lambda: agreed(own, results).renew({KEY: NEW}), lambda: agreed(own, results).check(KEY, NEW)):
        with pytest.raises(LastingFault, match=line):
            check()
    assert not ResultsFolder(results).digests.exists()
    with pytest.raises(LastingFault, match=r"with other class names: class 1 is good; .*, or give the classes their"):
        agreed(tuned_on(plan, {CLASSES: GOOD}), results).renew({KEY: OLD, CLASSES: OK})

    for other in ({("npz:other", 16): OLD}, {("npz:own", 32): OLD}, {}, {KEY: NEW}):  # of another name; unknown; same
        agreed(tuned_on(plan, other), results).renew({KEY: NEW})


def test_a_launch_compares_its_data_with_those_of_the_study(plan: Plan, results: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "v1", tmp_path / "v2"
    for seed, folder in enumerate((first, second)):
        folder.mkdir()
        write(folder, seed)
    digest = open_prepared(*KEY, data_root=first, cache=first / "cache").digest
    own = tuned_on(plan, {KEY: digest})
    with pytest.raises(LastingFault, match="study s, whose values these runs have, was tuned on other npz:own data"):
        prepare_here(own, str(second), str(second / "cache"), download=False, results=results)
    prepare_here(own, str(first), str(first / "cache"), download=False, results=results)
