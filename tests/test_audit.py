"""make audit: vulnerabilities that are known, and that nothing is known is no good news."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOUND = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found on PyPI"}


def audit(command: Path) -> tuple[int, str]:
    """Status and output of the audit with that pip-audit."""
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit"],
        env={"PIP_AUDIT": str(command), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("found", "code", "status", "said"),
    [
        ([SOUND, SOUND], 0, 0, "2 packages, 0 not looked up, 0 known vulnerabilities"),
        ([SOUND, BAD], 1, 1, "b 2: CVE-1, mended in 3"),
        ([SOUND, BAD, SKIPPED], 1, 1, "3 packages, 1 not looked up, 1 known vulnerabilities"),
        ([SOUND, SKIPPED], 0, 2, "of 1 of 2 packages nothing is known: not found on PyPI"),
        (None, 1, 2, "nothing is known, for the data base cannot be reached: no network"),
    ],
)
def test_the_status_says_what_is_known(
    tmp_path: Path, found: list[object] | None, code: int, status: int, said: str
) -> None:
    """Packages that pip-audit skips are not known to be sound, though it ends with 0."""
    fake = tmp_path / "pip-audit"
    (tmp_path / "printed").write_text("" if found is None else json.dumps({"dependencies": found}))
    fake.write_text(f"#!/bin/sh\ncat {tmp_path}/printed\necho no network >&2\nexit {code}\n")
    fake.chmod(0o755)
    ended, output = audit(fake)

    assert (ended, said in output) == (status, True), output
    assert "Traceback" not in output


def test_without_pip_audit_it_says_how_to_get_it(tmp_path: Path) -> None:
    """In one line, with a status of its own."""
    status, output = audit(tmp_path / "pip-audit")

    assert status == 2
    assert "-m pip install" in output
    assert len(output.splitlines()) == 1
