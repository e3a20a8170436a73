"""The main paths by command line, on a real database: signal, intent, decision, work, intervention."""

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.commandline import Cli, Done
from opsloop.client import Client

Conn = psycopg.Connection[Any]

NOOP = {"title": "nothing much", "steps": [{"key": "only", "kind": "noop"}]}
RISKY = {"title": "something big", "risk_level": "high", "steps": [{"key": "only", "kind": "noop"}]}


def propose(cli: Cli, template: dict[str, Any] = RISKY, *options: str) -> Done:
    """Propose by command line, with --json."""
    return cli("propose", json.dumps(template), "--json", *options)


def counts(conn: Conn) -> list[int]:
    """How many rows there are of what the loop keeps."""
    tables = ("ops_agent_events", "ops_mission_proposals", "ops_missions", "ops_policy_history")
    return [conn.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables]


def test_an_event_from_the_shell_arrives(shell: Cli, conn: Conn, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"service": "api"}')
    done = shell("emit", "deploy:failed", "--data", f"@{tmp_path}/data.json", "--dedupe-key", "d1", "--json")
    assert done.code == 0
    again = shell(
        "emit", "deploy:failed", "--data", "-", "--dedupe-key", "d1", "--json", stdin='{"other": 1}'
    )
    assert again.json == done.json
    row = conn.execute("select id::text, type, data from ops_agent_events").fetchall()
    assert row == [(done.json["event_id"], "deploy:failed", {"service": "api"})]


def test_a_risky_proposal_waits_and_the_printed_command_approves_it(shell: Cli, conn: Conn, dsn: str) -> None:
    done = shell("propose", json.dumps(RISKY), "--dsn", dsn)
    assert done.code == 0
    assert "pending" in done.out
    assert "OPS_009" in done.out
    command = next(line for line in done.out.splitlines() if line.startswith("decide: ")).removeprefix(
        "decide: "
    )
    ran = subprocess.run(
        command.replace("opsloop", f"{shlex.quote(sys.executable)} -m opsloop", 1),
        shell=True,
        capture_output=True,
        check=True,
        env={**os.environ, "USER": "ann"},
    )
    assert b"approved" in ran.stdout
    assert conn.execute("select status, decided_by from ops_mission_proposals").fetchall() == [
        ("approved", "ann")
    ]
    assert conn.execute("select count(*) from ops_missions").fetchone() == (1,)


def test_a_mission_is_followed_until_it_has_ended(cli: Cli, conn: Conn) -> None:
    proposal = propose(cli).json["proposal_id"]
    mission = cli("approve", proposal, "--reason", "go", "--json").json["mission_id"]
    assert "queued" in cli("ps", mission).out
    loop = Client(conn)
    (step,) = loop.claim_steps("w")
    assert "on w, lease ends in" in cli("ps", mission).out
    loop.complete_step(step.step_id, step.lease_token, {})
    shown = cli("ps", "--json").json
    assert [m["status"] for m in shown["missions"]] == ["succeeded"]
    assert [s["status"] for s in shown["steps"]] == ["succeeded"]
    assert cli("ps", "--status", "running").out == "nothing to show\n"


def test_work_that_nobody_offers_to_run_is_named(cli: Cli, conn: Conn) -> None:
    template = {"title": "typo", "risk_level": "high", "steps": [{"kind": "noop", "executor": "nopo"}]}
    cli("approve", propose(cli, template).json["proposal_id"])
    assert "OPS_005: no live worker offers the executor nopo" in cli("ps").out
    assert cli("ps", "--json").json["missing_executors"][0]["executor"] == "nopo"
    Client(conn).register_worker("w", executors={"nopo": {}})
    assert "OPS_005" not in cli("ps").out


def test_sleeping_workers_are_told(cli: Cli, conn: Conn) -> None:
    client = Client(conn)
    for worker in ("w1", "w2"):
        client.register_worker(worker)
    assert "asleep" not in cli("ps").out
    client.fall_asleep("w2", poll_seconds=60)
    assert "workers: 2 live (1 asleep)" in cli("ps").out
    assert cli("ps", "--json").json["workers"] == {"live": 2, "asleep": 1}


def test_a_rejected_proposal_stays_rejected(cli: Cli, conn: Conn) -> None:
    proposal = propose(cli).json["proposal_id"]
    assert cli("reject", proposal, "--reason", "no", "--json").json["status"] == "rejected"
    done = cli("approve", proposal, "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_014")
    assert conn.execute("select count(*) from ops_missions").fetchone() == (0,)


def test_ps_shows_what_a_proposal_would_run(cli: Cli) -> None:
    proposal = propose(cli).json["proposal_id"]
    shown = cli("ps", proposal).out
    assert "something big" in shown
    assert '"kind": "noop"' in shown
    assert f"decide: opsloop approve {proposal}" in shown


def test_what_the_gate_refuses_is_exit_code_1_with_the_reason(cli: Cli, conn: Conn) -> None:
    caps = cli("policy", "get", "proposal_caps", "--json").json["value"]
    document = json.dumps({**caps, "per_source": {"cli": 0, "manual": 0}})
    assert cli("policy", "set", "proposal_caps", document).code == 0
    done = propose(cli)
    assert done.code == 1
    assert done.json["status"] == "rejected"
    assert done.json["reason"].startswith("OPS_003: ")


def test_the_same_dedupe_key_gives_the_first_proposal(cli: Cli) -> None:
    first = propose(cli, RISKY, "--dedupe-key", "k").json
    assert propose(cli, RISKY, "--dedupe-key", "k").json["proposal_id"] == first["proposal_id"]


def test_policy_is_edited_in_a_file_and_set_from_the_version_read(cli: Cli, tmp_path: Path) -> None:
    got = cli("policy", "get", "auto_approve")
    file = tmp_path / "auto_approve.json"
    file.write_text(got.out.replace("true", "false", 1))
    assert "version 1" in got.err
    done = cli("policy", "set", "auto_approve", f"@{file}", "--expected-version", "1", "--json")
    assert done.json == {"key": "auto_approve", "version": 2}
    done = cli("policy", "set", "auto_approve", f"@{file}", "--expected-version", "1", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_011")
    history = cli("policy", "history", "auto_approve", "--json").json
    assert [(v["version"], v["changed_by"]) for v in history[:1]] == [(2, "tester")]
    assert "tester" in cli("policy", "history", "auto_approve").out


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["emit", "bad type"], "OPS_019"),
        (["emit", "heartbeat:success"], "OPS_019"),
        (["emit", "a:b", "--mission-id", "018f0000-0000-7000-8000-000000000000"], "OPS_019"),
        (["propose", '{"steps": [{"kind": "noop", "depends_on": ["x"]}]}'], "OPS_004"),
        (["propose", '{"steps": []}'], "OPS_004"),
        (["policy", "set", "auto_approve", '{"enabled": "yes"}'], "OPS_017"),
        (["policy", "set", "reaction_matrix", '{"patterns": [{"name": 7}]}'], "OPS_017"),
        (["policy", "get", "no_such"], "OPS_002"),
        (["policy", "history", "no_such"], "OPS_002"),
        (["approve", "018f0000-0000-7000-8000-000000000000"], "OPS_012"),
        (["reject", "018f0000-0000-7000-8000-000000000000"], "OPS_012"),
        (["retry", "018f0000-0000-7000-8000-000000000000"], "OPS_012"),
        (["resolve", "018f0000-0000-7000-8000-000000000000", "failed"], "OPS_012"),
        (["cancel", "018f0000-0000-7000-8000-000000000000"], "OPS_012"),
        (["ps", "018f0000-0000-7000-8000-000000000000"], "OPS_012"),
        (["ps", "--schema", "nowhere"], "OPS_021"),
        (["heartbeat", "--schema", "nowhere"], "OPS_021"),
    ],
)
def test_every_refusal_has_its_code_and_changes_nothing(
    cli: Cli, conn: Conn, line: list[str], code: str
) -> None:
    before = counts(conn)
    done = cli(*line, "--json")
    assert (done.code, done.error["code"], done.out) == (1, code, "")
    assert done.error["hint"]
    assert counts(conn) == before
    for_people = cli(*line)
    assert for_people.err.startswith(f"{code}: ")
    assert "hint: " in for_people.err


def test_bytes_that_are_not_utf_8_are_ops_018(cli: Cli, conn: Conn) -> None:
    done = cli("emit", "a:b", "--dedupe-key", "\udcff", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    assert counts(conn)[0] == 0


def test_a_failed_step_is_retried_by_hand(cli: Cli, conn: Conn) -> None:
    cli("approve", propose(cli).json["proposal_id"])
    loop = Client(conn)
    (step,) = loop.claim_steps("w")
    loop.fail_step(step.step_id, step.lease_token, "it broke", retryable=False)
    assert "it broke" in cli("ps", "--status", "failed").out
    assert cli("retry", str(step.step_id), "--json").json["status"] == "queued"
    (again,) = loop.claim_steps("w")
    assert again.step_id == step.step_id


def test_a_step_with_unknown_outcome_is_resolved_by_hand(cli: Cli, conn: Conn) -> None:
    template = {"title": "held", "risk_level": "high", "steps": [{"kind": "noop", "on_lease_lost": "hold"}]}
    mission = cli("approve", propose(cli, template).json["proposal_id"], "--json").json["mission_id"]
    loop = Client(conn)
    (step,) = loop.claim_steps("w", lease_seconds=1)
    conn.execute("update ops_mission_steps set lease_expires_at = now() - interval '1 minute'")
    conn.execute("update ops_timers set due_at = now() - interval '1 minute'")
    cli("heartbeat")
    assert "waiting" in cli("ps", mission).out
    done = cli("resolve", str(step.step_id), "succeeded", "--result", '{"seen": true}', "--json")
    assert done.json["status"] == "succeeded"
    assert conn.execute("select result from ops_mission_steps").fetchone() == ({"seen": True},)


def test_a_mission_is_cancelled(cli: Cli) -> None:
    mission = cli("approve", propose(cli).json["proposal_id"], "--json").json["mission_id"]
    assert cli("cancel", mission, "--reason", "changed our minds", "--json").json["status"] == "cancelled"
    assert cli("ps", "--status", "cancelled", "--json").json["missions"][0]["mission_id"] == mission


def test_the_heartbeat_reports_its_turn(cli: Cli) -> None:
    cli("emit", "a:b")
    assert cli("heartbeat").out.startswith("1 events looked at")
    turn = cli("heartbeat", "--json").json
    assert turn["ok"] is True
    assert set(turn) >= {"triggerResult", "reactionResult", "leaseResult", "staleResult"}


def test_a_heartbeat_with_a_failed_phase_is_exit_code_1(cli: Cli, conn: Conn) -> None:
    conn.execute(
        "create or replace function fn_recover_expired_leases(out requeued_steps int, out failed_steps int) "
        "returns setof record language plpgsql as $$ begin raise exception 'broken on purpose'; end $$"
    )
    done = cli("heartbeat")
    assert done.code == 1
    assert "broken on purpose" in done.err


def test_seeding_again_leaves_policies_as_they_are(cli: Cli) -> None:
    value = cli("policy", "get", "auto_approve", "--json").json["value"]
    cli("policy", "set", "auto_approve", json.dumps({**value, "enabled": False}))
    assert cli("seed", "--json").json == {"seeded": True}
    assert cli("policy", "get", "auto_approve", "--json").json["version"] == 2


def test_text_from_agents_cannot_steer_the_terminal(cli: Cli) -> None:
    propose(cli, {**RISKY, "title": "nice [red]thing[/red]\x1b[2K"})
    shown = cli("ps").out
    assert "\x1b[2K" not in shown
    assert "[red]" in shown


def test_an_error_of_the_database_itself_is_ops_022(cli: Cli, dsn: str, conn: Conn) -> None:
    impatient = make_conninfo(dsn, options="-c lock_timeout=10ms")
    with conn.transaction():
        conn.execute("lock table ops_agent_events")
        done = cli("emit", "a:b", "--dsn", impatient, "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_022")
    assert done.error["detail"]["sqlstate"] == "55P03"


def test_watching_shows_the_loop_until_ctrl_c(dsn: str) -> None:
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "opsloop", "ps", "--watch", "--dsn", dsn], stdin=theirs, stdout=theirs
    )
    os.close(theirs)
    try:
        shown = b""
        while b"nothing to show" not in shown:
            assert select.select([ours], [], [], 30)[0], "nothing is shown"
            shown += os.read(ours, 1024)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 130
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)
