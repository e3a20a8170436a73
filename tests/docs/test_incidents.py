"""docs/incidents.md: its commands and statements run as they stand, on a loop that has something of everything."""

import subprocess

import pytest

from docs.documents import ROOT, blocks, environment
from looping import Loop, step
from opsloop.client import Client

DOCUMENT = "docs/incidents.md"


@pytest.fixture
def env(dsn, programs, tmp_path):
    return {
        **environment(dsn, programs, tmp_path),
        "HOME": str(tmp_path),
        "PGOPTIONS": "-c search_path=opsloop",
    }


@pytest.fixture
def trouble(conn):
    """A loop with a failed step, a running one, one that waits and an executor that nobody offers."""
    loop = Loop(conn)
    loop.policy("auto_approve", allowed_step_kinds=["noop", "nobodys"])
    failed = loop.mission(step("a"))
    (work,) = loop.claim()
    loop.fail(work, "broke", retryable=False)
    loop.mission(step("b", kind="nobodys"))
    loop.propose(step("c"), risk_level="high")
    loop.emit("signal")
    return loop, failed


def bash(script, env):
    return subprocess.run(
        ["bash", "-u"], input=script, env=env, capture_output=True, text=True, check=False, timeout=100
    )


def shell(heading):
    """The shell block under a heading."""
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return text.split("```sh\n")[1].split("```")[0]


def test_every_statement_runs(trouble, conn):
    for block in blocks(DOCUMENT):
        if block.language == "sql":
            for statement in block.text.split(";\n"):
                if statement.strip():
                    conn.execute(statement)
    assert trouble[0].broken() == []


def test_each_way_to_shut_down_is_undone_by_the_next_line(trouble, env):
    loop, _ = trouble
    done = bash("set -e\n" + shell("Shutting down"), env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert loop.rows("select * from fn_list_pauses()") == []
    actions = [row["action"] for row in loop.rows("select action from ops_control_log order by id")]
    assert actions == ["kill", "resume", "pause", "resume", "pause", "resume"]
    assert loop.broken() == []


def test_the_first_look_names_what_is_wrong(trouble, env):
    done = bash(shell("First, whatever it is"), env)
    assert done.stderr == ""
    assert "nobodys" in done.stdout


def test_the_loop_is_turned_by_hand(trouble, env):
    loop, _ = trouble
    done = bash("set -e\n" + shell("P0: it stands still"), env)
    assert '"ok": true' in done.stdout, done.stdout + done.stderr
    assert loop.value("select count(*) from ops_agent_events where processed_at is null") == 0


def test_what_gave_up_is_put_back_to_work(trouble, env, conn):
    loop, failed = trouble
    done = bash("set -e\n" + shell("P2 and P3"), env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert loop.steps(failed) == {"a": "queued"}
    assert Client(conn).check_invariants() == []
