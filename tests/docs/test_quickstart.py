"""docs/quickstart.md, command by command, as a new user: fresh directory, fresh venv, empty database, a terminal.

`pip install opsloop` installs the wheel of this repository. What opsloop depends on comes from where the tests run.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cli.terminal import Terminal
from docs.documents import ROOT, blocks, environment, examples, masked
from support import wait_until

DOCUMENT = "docs/quickstart.md"
PROMPT = "@quickstart@ "
ANSWERS = (("[q]uit: ", "a"), ("why (Enter: no reason): ", "I know /tmp"))
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_TOLD = re.compile(r"mission [0-9a-f]{8}: succeeded in [^\n]*\n")
_MASKS = (
    (re.compile(r"\b[0-9a-f]{16}\b"), "DIGEST"),
    (re.compile(r"\b\d+[smhd]\b"), "AGE"),
    (re.compile(r"^\[1\] \d+$", re.MULTILINE), "[1] PID"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r'("free_\w+": )[\d.]+'), r"\1N"),
)


def compared(printed: str) -> str:
    """What was printed, without what differs from run to run."""
    # What `up` says of missions comes when they end, also in the middle of a question.
    printed = _TOLD.sub("", _STYLE.sub("", printed))
    # Ids first: four digits of one can look like an age.
    printed = masked(printed)
    for mask, name in _MASKS:
        printed = mask.sub(name, printed)
    return printed


@pytest.fixture
def terminal(empty_dsn: str, programs: Path, tmp_path: Path) -> Iterator[Terminal]:
    """A shell on a terminal, in a fresh directory; pip finds this repository's wheel and nothing else."""
    wheels = tmp_path / "wheels"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    home = tmp_path / "home"
    home.mkdir()
    env = environment(empty_dsn, programs, home)
    (home / "bin/opsloop").unlink()  # it has to be installed
    (home / "bin/python").rename(home / "bin/python3")
    env |= {
        "PS1": PROMPT,
        "HOME": str(home),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_QUIET": "2",
        "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        "PYTHONPATH": "",
        "DATABASE_URL": "",
    }
    fresh = tmp_path / "shop-ops"
    fresh.mkdir()
    with Terminal("bash", "--norc", "--noprofile", "--noediting", cwd=fresh, **env) as shell:
        shell.until(PROMPT)
        yield shell
        shell.type("kill %1; wait")
        shell.until(PROMPT)


def settled(dsn: str) -> None:
    """Returns when the loop has nothing left to do."""
    busy = "select 1 from opsloop.ops_mission_steps where status in ('queued', 'running')"
    with psycopg.connect(dsn, autocommit=True) as conn:
        wait_until(lambda: conn.execute(busy).fetchall() == [], "the loop has come to rest")


def run(shell: Terminal, command: str, dsn: str) -> str:
    """What a command prints, with what is typed when it asks."""
    login = str(conninfo_to_dict(dsn).get("user"))
    if command in ("opsloop inbox", "opsloop ps"):
        settled(dsn)
    shell.type(f"export DATABASE_URL='{dsn}'" if command.startswith("export ") else command)
    shell.until("\n")  # what was typed
    printed = ""
    if command == "opsloop inbox":
        for question, answer in ANSWERS:
            printed += shell.until(question)
            shell.type(answer)
    if command.endswith("&"):
        printed = shell.until("opsloop inbox\n")
        if PROMPT not in printed:
            shell.until(PROMPT)
        return printed.replace(PROMPT, "")
    printed += shell.until(PROMPT).removesuffix(PROMPT)
    if command.startswith("pip "):
        (site,) = (shell.cwd / ".venv/lib").glob("python*/site-packages")
        (site / "what-it-depends-on.pth").write_text(f"{Path(psycopg.__file__).parents[1]}\n")
    return printed.replace(f"(login {login})", "(login you)")


@pytest.mark.timeout(300)
def test_a_new_user_gets_there_in_ten_commands_and_sees_what_the_page_shows(
    terminal: Terminal, empty_dsn: str
) -> None:
    moments = {}
    for example in examples(DOCUMENT, "sh"):
        printed = ""
        for line in example.block.text.splitlines():
            printed += run(terminal, line, empty_dsn)
            moments.setdefault(line.partition(" '")[0], time.monotonic())
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        assert compared(printed) == compared(example.shown), f"{where}\nprinted:\n{printed}"

    with psycopg.connect(empty_dsn) as conn:
        ran = conn.execute(
            "select s.executor, s.status, p.status, p.decided_by from opsloop.ops_mission_steps s"
            " join opsloop.ops_missions m on m.id = s.mission_id"
            " join opsloop.ops_mission_proposals p on p.id = m.proposal_id order by s.id"
        ).fetchall()
    assert ran == [
        ("disk_free", "succeeded", "auto_approved", "policy"),
        ("disk_free", "succeeded", "approved", "ann"),
    ]
    # The first of the two that propose: its result was printed.
    seconds = moments["opsloop propose"] - moments["pip install opsloop"]
    print(f"first result {seconds:.1f} s after `pip install opsloop`")
    assert seconds < 15 or "OPSLOOP_TIMED" not in os.environ


def test_these_are_ten_commands():
    commands = [
        line for block in blocks(DOCUMENT) if block.language == "sh" for line in block.text.splitlines()
    ]
    assert len(commands) == 10
    assert not any(word in command for command in commands for word in ("&&", ";", "|"))
