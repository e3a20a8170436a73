"""docs/on-call.md: six broken missions are found and freed with the command line alone, and with psql alone."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from docs.documents import Block, blocks
from looping import Loop, step
from support import wait_until

DOCUMENT = "docs/on-call.md"
Way = Callable[[str], str]


def of_section(title: str, language: str, about: str) -> list[Block]:
    """The blocks of a section, in one language."""
    text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8").splitlines()
    heads = [(number, line[3:]) for number, line in enumerate(text, 1) if line.startswith("## ")]
    return [
        block
        for block in blocks(DOCUMENT)
        if (block.language, block.about) == (language, about)
        and title == next((name for number, name in reversed(heads) if number < block.line), "")
    ]


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture(params=["sh", "sql"])
def language(request: pytest.FixtureRequest) -> str:
    """With the command line alone, or with psql alone."""
    return str(request.param)


@pytest.fixture
def run(language: str, dsn: str, programs: Path) -> Callable[[Block, dict[str, str]], str]:
    """Runs a block as somebody types it, names in capitals filled in; gives what it printed."""

    def one(words: list[str]) -> str:
        environ = {**os.environ, "DATABASE_URL": dsn, "USER": "ann"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env=environ)
        assert done.returncode == 0 or words[3:4] == ["health"], done.stderr
        return done.stdout

    def block(found: Block, names: dict[str, str]) -> str:
        text = found.text
        for name, value in names.items():
            text = text.replace(name, value)
        if language == "sql":
            return one([str(programs / "psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", text])
        return "".join(one([sys.executable, "-m", *shlex.split(line)]) for line in text.splitlines())

    return block


# How each mission is broken: its id, the names to fill in, what looking shows, and how its end is reached.


@contextmanager
def no_worker(loop: Loop) -> Iterator[dict[str, Any]]:
    mission = loop.mission(step("a"))
    yield {"MISSION": mission, "says": ["no worker", "no_worker"]}


@contextmanager
def held(loop: Loop) -> Iterator[dict[str, Any]]:
    loop.register()
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.work(mission)
    loop.do("update ops_mission_steps set lease_expires_at = now() - interval '1 hour'")
    loop.do("update ops_timers set due_at = now() - interval '1 hour'")
    loop.turn()
    yield {"MISSION": mission, "STEP": loop.step(mission)["id"], "says": ["1 held", "OPS_010"]}


@contextmanager
def paused(loop: Loop) -> Iterator[dict[str, Any]]:
    loop.register()
    loop.value("select fn_pause('executor', 'noop', 'bob', 'the disk is full')")
    mission = loop.mission(step("a"))
    yield {"MISSION": mission, "says": ["1 paused", "the disk is full"]}


@contextmanager
def over_a_cap(loop: Loop) -> Iterator[dict[str, Any]]:
    loop.register()
    loop.allow()
    loop.policy("proposal_caps", daily_limit=1)
    loop.mission(step("a"))
    proposal = loop.propose(step("a"))
    assert proposal["status"] == "pending"
    yield {"PROPOSAL": proposal["proposal_id"], "says": ["daily_limit"]}


@contextmanager
def dependency_failed(loop: Loop) -> Iterator[dict[str, Any]]:
    loop.register()
    mission = loop.mission(step("a"), step("b"))
    loop.fail_for_good(mission, error="no such host")
    yield {"MISSION": mission, "STEP": loop.step(mission)["id"], "says": ["no such host"]}


@contextmanager
def blocked_by_a_session(loop: Loop) -> Iterator[dict[str, Any]]:
    loop.register()
    mission = loop.mission(step("a"))
    loop.do("update ops_mission_steps set updated_at = now() - interval '1 minute'")
    with psycopg.connect(
        loop.conn.info.dsn, options="-c search_path=opsloop", application_name="lunch"
    ) as other:
        other.execute("select from ops_mission_steps for update")
        assert loop.claim() == []
        yield {"MISSION": mission, "PID": other.info.backend_pid, "says": ["1 locked", "lunch"]}
        with pytest.raises(psycopg.OperationalError):
            other.execute("select 1")


BROKEN = [no_worker, held, paused, over_a_cap, dependency_failed, blocked_by_a_session]


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda one: one.__name__)
def test_a_broken_mission_is_found_and_freed(
    loop: Loop, language: str, run: Callable[[Block, dict[str, str]], str], breaks: Callable[[Loop], Any]
) -> None:
    with breaks(loop) as found:
        names = {name: str(value) for name, value in found.items() if name != "says"}
        looks = [b for b in of_section("", language, "look") if "MISSION" not in b.text or "MISSION" in names]
        frees = of_section(breaks.__name__.replace("_", " "), language, "free")
        said = "".join(run(block, names) for block in looks)
        assert len(frees) == 1
        said += run(frees[0], names)
        for text in found["says"]:
            assert text in said
    subject: UUID = (
        found.get("MISSION")
        or loop.row("select id from ops_missions where proposal_id = %s", found["PROPOSAL"])["id"]
    )
    if breaks is not no_worker:
        loop.register()
        wait_until(lambda: ends(loop, subject), "it has ended")
    assert loop.status(subject) == "succeeded"
    assert loop.broken() == []


def ends(loop: Loop, mission: UUID) -> bool:
    """Do what is ready, and say whether the mission has ended."""
    loop.turn()
    for work in loop.claim(10):
        loop.complete(work)
    return loop.status(mission) == "succeeded"


def test_every_section_has_both_ways() -> None:
    for breaks in BROKEN:
        for language in ("sh", "sql"):
            assert of_section(breaks.__name__.replace("_", " "), language, "free"), breaks
