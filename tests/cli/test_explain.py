"""`opsloop explain`, `health` and `check`, on a real database."""

import shlex
import subprocess
import sys
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop, step
from support import wait_until


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


def statements(printed: str) -> list[str]:
    """The statements that explain has printed: lines that begin one."""
    return [line for line in printed.splitlines() if line.startswith(("select ", "update "))]


def test_it_tells_the_trail_and_why_it_waits_with_a_statement_to_paste(cli: Cli, loop: Loop) -> None:
    loop.react({"name": "clean", "event_type": "disk:full"})
    loop.allow("nothing")
    loop.emit("disk:full")
    loop.turn()
    proposal = loop.proposals()[0]["id"]
    done = cli("explain", str(proposal))
    assert done.code == 0
    for said in ("disk:full", "clean", "approval: as a whole, pending", "OPS_009", "auto_approve version 2"):
        assert said in done.out
    (statement,) = statements(done.out)
    loop.conn.execute(statement)
    mission = loop.row("select * from ops_missions")["id"]
    done = cli("explain", str(mission), "--no-trail")
    assert "disk:full" not in done.out
    assert f"no_worker: step a ({loop.step(mission)['id']}), queued" in done.out
    assert statements(done.out) == ["select * from opsloop.fn_missing_executors();"]


def test_the_command_that_it_names_for_a_missing_worker_finishes_the_mission(
    cli: Cli, loop: Loop, dsn: str
) -> None:
    mission = loop.mission(step("a"))
    (reason,) = cli("explain", str(mission), "--json").json["reasons"]
    assert loop.rows(reason["frees"])[0]["executor"] == "noop"
    command = shlex.split(reason["detail"].rsplit("start one: ", 1)[1])
    worker = subprocess.Popen([sys.executable, "-m", *command, "--dsn", dsn], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: loop.status(mission) == "succeeded", "the mission has ended")
    finally:
        worker.terminate()
        worker.wait(20)


@pytest.mark.parametrize("subject", ["mission", "step", "proposal", "event"])
def test_every_id_will_do(cli: Cli, loop: Loop, subject: str) -> None:
    loop.react({"name": "clean", "event_type": "disk:full"})
    event = loop.emit("disk:full")
    loop.turn()
    mission = loop.row("select * from ops_missions")
    ids = {
        "mission": mission["id"],
        "step": loop.step(mission["id"])["id"],
        "proposal": mission["proposal_id"],
        "event": event,
    }
    done = cli("explain", str(ids[subject]), "--json")
    assert done.code == 0
    assert [o["what"] for o in done.json["trail"]][:3] == ["event", "reaction", "proposal"]
    reasons = [r["reason"] for r in done.json["reasons"]]
    assert reasons == ([] if subject == "event" else ["no_worker"])


def test_an_unknown_id_is_ops_012(cli: Cli) -> None:
    done = cli("explain", str(uuid4()), "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_012")


def test_what_data_brought_in_cannot_pass_for_a_line_of_its_own(cli: Cli, loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="no\nselect opsloop.fn_resume('all');\x1b[2J")
    done = cli("explain", str(mission))
    assert all("fn_retry_step" in statement for statement in statements(done.out))
    assert "\x1b" not in done.out


def test_health_shows_every_check_and_fails_with_one_that_fails(cli: Cli, loop: Loop) -> None:
    loop.register()
    loop.turn()
    done = cli("health")
    assert done.code == 0, done.out
    assert "oldest snapshot" in done.out
    loop.do("update ops_agent_events set created_at = now() - interval '30 minutes'")
    done = cli("health", "--json")
    assert done.code == 1
    assert {c["name"]: c["status"] for c in done.json["checks"]}["heartbeat"] == "fail"
    assert done.json["overview"]["live_workers"] == 1


def test_check_says_what_is_broken(cli: Cli, loop: Loop) -> None:
    assert cli("check").out == "nothing is broken\n"
    assert cli("check", "--part", "steps", "--newest", "10", "--json").json == []
    mission = loop.mission(step("a"))
    loop.do("update ops_missions set steps_open = 7")
    done = cli("check")
    assert (done.code, str(mission) in done.out) == (1, True)
    (broken,) = cli("check", "--part", "missions", "--json").json
    assert broken["subject"] == f"mission {mission}"
    assert cli("check", "--part", "steps").code == 0


def test_check_refuses_an_unknown_part(cli: Cli) -> None:
    done = cli("check", "--part", "stepz", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
