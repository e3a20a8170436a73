"""`--embedded` is a whole trial: a private server, opsloop deployed and seeded, data kept between commands."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commandline import Cli

pytestmark = pytest.mark.skipif(
    "OPSLOOP_TEST_DSN" in os.environ or sys.platform == "win32", reason="the tests run on another server"
)


@pytest.fixture
def trial(offline: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Runs a command line with --embedded, whose data is this test's own."""
    # Not pytest's directory: the server of root is another user, who could not enter it.
    home = Path(tempfile.mkdtemp(prefix="opsloop-trial-"))
    home.chmod(0o711)
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    yield lambda *line: offline(*line, "--embedded")
    shutil.rmtree(home, ignore_errors=True)


def test_from_nothing_to_a_finished_mission(trial: Cli) -> None:
    done = trial("propose", '{"title": "trial", "risk_level": "high", "steps": [{"kind": "noop"}]}')
    # No worker runs yet, and it says so.
    assert (done.code, done.err.split(":")[0]) == (0, "OPS_005")
    command = next(line for line in done.out.splitlines() if line.startswith("decide: "))
    assert command.endswith(" --embedded")
    assert trial("approve", command.split()[3]).code == 0
    assert trial("worker", "--once").code == 0
    shown = json.loads(trial("ps", "--json").out)
    assert [(m["title"], m["status"]) for m in shown["missions"]] == [("trial", "succeeded")]
