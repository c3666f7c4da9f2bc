"""What other code has trained, or has begun to train."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.detector.training import spec_of
from agad.errors import AgadError, StoreError
from agad.spec.run import RunOptions
from agad.store import provenance
from agad.store.folder import ResultsFolder
from agad.train.control import Action
from agad.train.run import Interrupted, train
from sweeps.detector.code import SAME_AUROC, check_auroc, check_checkpoint, check_row
from tests.helpers.own_detectors import data


@pytest.mark.parametrize("code", ["c0de", None])
def test_a_row_of_other_or_unknown_code(code: str | None) -> None:
    check_row({"code_digest": provenance.code_digest()}, allow_change=False)
    check_row({"code_digest": code}, allow_change=True)
    with pytest.raises(AgadError, match=rf"trained \(code {code or 'unknown'}, now .*--allow-code-change"):
        check_row({"code_digest": code}, allow_change=False)


@pytest.mark.slow
def test_a_checkpoint_of_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, and one of today's code, are nothing to refuse."""
    spec, folder = spec_of(data(), 1, {"updates": 2, "batch_size": 8}), ResultsFolder(tmp_path)
    check_checkpoint(tmp_path, spec, data(), allow_change=False)
    options = RunOptions(threads=1, checkpoint_dir=str(folder.make(folder.checkpoints)))
    with pytest.raises(Interrupted):
        train(spec, options, data=data(), control=lambda at: Action.STOP if at.update else Action.CONTINUE)
    check_checkpoint(tmp_path, spec, data(), allow_change=False)

    monkeypatch.setattr(provenance, "code_digest", lambda: "0ther")
    check_checkpoint(tmp_path, spec, data(), allow_change=True)
    with pytest.raises(AgadError, match=r"since this run was begun \(code [0-9a-f]{16}, now 0ther\)"):
        check_checkpoint(tmp_path, spec, data(), allow_change=False)


@pytest.mark.parametrize("found", [1.0 - 2 * SAME_AUROC, 0.0])
def test_another_auroc_than_the_row_s(found: float) -> None:
    for known in (None, found, found + SAME_AUROC / 2):
        check_auroc({"auroc": found}, {"auroc": known})
    check_auroc({}, {"auroc": 1.0})
    with pytest.raises(StoreError, match=rf"AUROC 1\.0000, its weights have {found:.4f} now"):
        check_auroc({"auroc": found}, {"auroc": 1.0})
