"""The paths of a results folder: what older agads wrote is found where it was."""

from __future__ import annotations

from pathlib import Path

from agad.store.folder import ResultsFolder


def test_paths_are_those_of_earlier_versions() -> None:
    folder = ResultsFolder(Path("r"))
    study = folder.study("s")

    paths = {
        str(path)
        for path in (
            *(folder.inbox, folder.base, folder.set_aside, folder.claims, folder.checkpoints, folder.weights),
            *(folder.plan("p"), folder.table("p"), folder.logs("p"), folder.jobs("p"), folder.ray),
            *(study.settings, study.plan, study.summary, study.journal, study.trials, study.points, study.verdicts),
        )
    }
    assert paths == {
        *("r/inbox", "r/base", "r/set_aside", "r/claims", "r/checkpoints", "r/weights"),
        *("r/plans/p.json", "r/tables/p.md", "r/logs/p", "r/slurm/p", "r/ray"),
        *(f"r/studies/s/{name}.json" for name in ("study", "plan", "summary", "verdicts")),
        *("r/studies/s/journal.log", "r/studies/s/trials", "r/studies/s/points"),
    }
