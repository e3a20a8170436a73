"""`pause`, `resume`, `kill` and `drain` on a real database."""

import subprocess
import sys
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from opsloop.client import Client

Conn = psycopg.Connection[Any]

NOOP = {"title": "nothing much", "steps": [{"key": "only", "kind": "noop"}]}


@pytest.fixture
def loop(conn: Conn) -> Client:
    """The loop, with one step ready."""
    client = Client(conn)
    client.create_proposal(NOOP)
    return client


def test_a_pause_says_what_it_covers_and_how_to_end_it(cli: Cli, loop: Client) -> None:
    done = cli("pause", "kind", "noop", "--reason", "too noisy")
    assert done.code == 0
    assert "kind noop is paused; 1 ready steps are covered" in done.out
    assert "resume: opsloop resume kind noop" in done.out
    assert loop.claim_steps("w") == []
    listed = cli("pause")
    assert "too noisy" in listed.out
    assert "tester" in listed.out
    done = cli("resume", "kind", "noop")
    assert "kind noop goes on; 1 steps queued again" in done.out
    assert len(loop.claim_steps("w")) == 1
    assert "nothing is paused" in cli("pause").out


def test_what_is_so_already_is_no_error(cli: Cli, loop: Client) -> None:
    assert cli("pause", "all").code == 0
    assert "all was paused already" in cli("pause", "all").out
    assert cli("resume", "all").code == 0
    done = cli("resume", "all")
    assert (done.code, "all was not paused" in done.out) == (0, True)


@pytest.mark.parametrize(
    "arguments", [("pause", "kind"), ("pause", "all", "x"), ("pause", "everything"), ("resume",)]
)
def test_what_cannot_be_paused_is_refused(cli: Cli, loop: Client, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")


def test_an_unknown_mission_is_refused(cli: Cli) -> None:
    done = cli("pause", "mission", "6f9619ff-8b86-4d01-b42d-00c04fc964ff", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_012")


def test_a_kill_takes_back_what_runs_and_resume_ends_it(cli: Cli, loop: Client) -> None:
    (step,) = loop.claim_steps("w")
    done = cli("kill", "--reason", "smoke")
    assert done.code == 0
    assert "stopped; 1 running steps taken back, 0 of them wait for a person" in done.out
    assert loop.complete_step(step.step_id, step.lease_token) == "OPS_006"
    assert "killed" in cli("pause").out
    assert cli("resume", "all", "--json").json["changed"] is True
    assert len(loop.claim_steps("w")) == 1
    row = loop.conn.execute("select action, actor, reason from ops_control_log order by id").fetchall()
    assert row == [("kill", "tester", "smoke"), ("resume", "tester", None)]


def test_a_session_that_may_still_commit_is_named_with_what_ends_it(
    cli: Cli, loop: Client, connect: Any
) -> None:
    other = connect(autocommit=False)
    other.execute("select * from fn_claim_steps('w')")
    done = cli("kill")
    assert f"select pg_terminate_backend({other.info.backend_pid})" in done.out


def test_a_drained_loop_has_nothing_running_and_starts_nothing(cli: Cli, loop: Client) -> None:
    done = cli("drain", "--json")
    assert done.json == {"drained": True, "running": [], "could_still_commit": []}
    assert loop.claim_steps("w") == []


def test_a_drain_waits_for_what_runs(loop: Client, dsn: str) -> None:
    (step,) = loop.claim_steps("w")
    drain = subprocess.Popen(
        [sys.executable, "-m", "opsloop", "drain", "--dsn", dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert drain.stderr is not None
    assert drain.stderr.readline() == "1 steps run\n"
    assert loop.complete_step(step.step_id, step.lease_token) == "accepted"
    out, _ = drain.communicate(timeout=30)
    assert drain.returncode == 0
    assert "drained: nothing runs, and nothing starts" in out


def test_a_drain_that_is_not_done_in_time_says_what_runs_and_who_runs_it(cli: Cli, loop: Client) -> None:
    (step,) = loop.claim_steps("worker one")
    done = cli("drain", "--timeout", "0")
    assert done.code == 1
    assert "not drained: 1 steps run" in done.out
    assert f"{step.step_id} noop by worker one" in done.out
    assert loop.claim_steps("w") == []
    assert "resume: opsloop resume all" in done.out


def test_a_drain_is_not_done_while_a_claim_is_open(cli: Cli, loop: Client, connect: Any) -> None:
    other = connect(autocommit=False)
    other.execute("select * from fn_claim_steps('w')")
    done = cli("drain", "--timeout", "0", "--json")
    assert done.code == 1
    assert [one["pid"] for one in done.json["could_still_commit"]] == [other.info.backend_pid]


def test_after_restore_says_what_it_revoked_and_what_may_run_again(cli: Cli, loop: Client) -> None:
    (step,) = loop.claim_steps("w")
    done = cli("after-restore")
    assert done.code == 0
    assert "1 leases revoked; queued: 1 steps" in done.out.replace("\n", " ")
    assert "may run again" in done.out
    assert "1 of noop" in done.out
    assert loop.complete_step(step.step_id, step.lease_token) == "OPS_006"
    loop.register_worker("w1")
    refused = cli("after-restore")
    assert refused.code == 1
    assert "OPS_060" in refused.err
