"""examples/agent-ticket: its README, command by command, on real processes; only the model is scripted."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from docs.documents import ROOT, environment, examples, masked
from looping import Loop
from support import wait_until

HOME = "examples/agent-ticket"
README = f"{HOME}/README.md"
LOGINS = ("tickets", "worker", "ann", "ben")
_MASKS = (
    (re.compile(r"--dsn ('[^']*'|\S+)"), "--dsn DSN"),
    (re.compile(r"--digest [0-9a-f]{16}"), "--digest HEX"),
    (re.compile(r"\b\d+[smhd]\b"), "AGE"),
    (re.compile(r"\b[\w.-]+:\d+:[0-9a-f]{8}\b"), "WORKER"),
)


def compared(printed: str) -> str:
    """What was printed, without what differs from run to run."""
    printed = masked(printed)
    for mask, name in _MASKS:
        printed = mask.sub(name, printed)
    return printed


@dataclass
class Desk:
    """A copy of the example, and the logins of its README."""

    loop: Loop
    directory: Path
    env: dict[str, str]
    words: dict[str, str] = field(default_factory=dict)

    def run(self, text: str) -> str:
        """Runs commands of the README; words in capitals stand for what was printed before."""
        for word, meant in self.words.items():
            text = text.replace(word, meant)
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self.directory,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        if found := re.search(r"^event (\S+)", done.stdout):
            self.words["EVENT"] = found[1]
        if found := re.search(r"approve (\S+) --digest (\S+)", done.stdout):
            self.words["PROPOSAL"], self.words["DIGEST"] = found[1], found[2]
        return done.stdout


@pytest.fixture
def desk(empty_dsn: str, programs: Path, tmp_path: Path) -> Iterator[Desk]:
    """The example in a directory of its own, its model running, and an empty database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    directory = tmp_path / "agent-ticket"
    shutil.copytree(ROOT / HOME, directory, ignore=shutil.ignore_patterns("__pycache__", "released.txt"))
    policy = directory / "policy.toml"
    policy.write_text(policy.read_text().replace("8089", str(port)))
    env = environment(empty_dsn, programs, tmp_path) | {"OWNER": empty_dsn}
    env |= {name.upper(): make_conninfo(empty_dsn, user=name) for name in LOGINS}
    del env["DATABASE_URL"]
    with (
        psycopg.connect(empty_dsn, autocommit=True, options="-c search_path=opsloop") as conn,
        subprocess.Popen([sys.executable, "model.py", str(port)], cwd=directory) as model,
    ):
        conn.execute(f"drop role if exists {', '.join(LOGINS)}")
        try:
            wait_until(lambda: _answers(port), "the model answers")
            yield Desk(Loop(conn), directory, env)
        finally:
            model.kill()
            conn.execute(f"drop role if exists {', '.join(LOGINS)}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(300)
def test_the_readme_works_as_printed_and_nothing_is_released_before_it_is_approved(desk: Desk) -> None:
    shown = [example for example in examples(README, "sh") if "export" not in example.block.text]
    released = desk.directory / "shop/released.txt"
    is_approved = False
    for example in shown:
        assert not released.exists() or is_approved
        if example.block.about == "four hours later":
            desk.loop.advance(4 * 3600)
        is_approved = is_approved or "the tests are green" in example.block.text
        printed = compared(desk.run(example.block.text))
        if example.shown:
            # What happened at one moment has no order.
            arranged: Callable[[str], Any] = sorted if "explain" in example.block.text else list
            assert arranged(printed.splitlines()) == arranged(compared(example.shown).splitlines()), (
                f"{README}:{example.block.line}"
            )
    assert released.read_text() == "1.1\n"
    assert desk.loop.broken() == []


def test_a_release_whose_tests_fail_is_no_release_though_it_was_approved(desk: Desk) -> None:
    install, ticket, work, look, _refused, approve, *_rest = (
        example.block.text for example in examples(README, "sh") if "export" not in example.block.text
    )
    price = desk.directory / "shop/price.py"
    price.write_text(price.read_text().replace("100 - discount", "100 + discount"))
    for commands in (install, ticket, ticket, work, look, approve):
        desk.run(commands)
    missions = desk.loop.rows("select title, status, error from ops_missions order by id")
    assert [(m["title"], m["status"]) for m in missions] == [
        ("Plan ticket 7", "succeeded"),  # once, though the ticket came twice
        ("Test what is there", "failed"),
        ("Release 1.1", "failed"),
    ]
    assert "FAILED (failures=1)" in missions[2]["error"]
    assert not (desk.directory / "shop/released.txt").exists()
    assert desk.loop.broken() == []
