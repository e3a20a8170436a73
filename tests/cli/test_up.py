"""`opsloop up`: a whole loop in one process."""

import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from cli.starting import Up
from logins import logins
from looping import Loop
from opsloop import migrate
from opsloop.client import Client, connect
from opsloop.compatibility import COMPATIBILITY
from support import wait_until
from upgrade.deploying import renumber

POLICY = """
[auto_approve]
allowed_step_kinds = ["noop", "greet"]

[[reaction_matrix.patterns]]
name = "greet"
event_type = "guest:came"
template = { title = "Say hello", steps = [{ kind = "greet" }] }
"""
GREET = """
from opsloop import executor

@executor("greet")
def greet(ctx):
    return "hello"
"""


def succeeded(dsn: str) -> list[Any]:
    """The results of the steps that succeeded."""
    with psycopg.connect(dsn) as conn:
        query = "select result from opsloop.ops_mission_steps where status = 'succeeded'"
        return [row[0] for row in conn.execute(query).fetchall()]


def test_one_command_makes_a_loop_of_an_empty_database(
    empty_dsn: str, start: Callable[..., Up], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "greeting.py").write_text(GREET)
    up = start(empty_dsn, "--app", "greeting", "--policy", "policy.toml").runs()
    assert "schema opsloop: installed, release " in up.said()
    assert "policy auto_approve: version 2 is in force" in up.said()
    assert "greet" in up.said()

    with connect(empty_dsn) as client:
        client.emit_event("guest:came")
    wait_until(lambda: succeeded(empty_dsn) == ["hello"], "the event led to a step that ran")

    up.popen.send_signal(signal.SIGINT)
    assert up.end() == 0
    assert up.said().endswith("the loop has ended\n")
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select stopped_at is not null from opsloop.ops_workers").fetchall() == [(True,)]


def test_two_at_once_on_an_empty_database_both_run(
    empty_dsn: str, start: Callable[..., Up], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    ups = [start(empty_dsn, "--policy", "policy.toml") for _ in range(2)]
    for up in ups:
        up.runs()
    with psycopg.connect(empty_dsn) as conn:
        versions = conn.execute("select key, version from opsloop.ops_policy order by 1").fetchall()
        assert dict(versions)["auto_approve"] == 2
        assert conn.execute("select count(*) from opsloop.ops_workers").fetchone() == (2,)


def test_a_second_start_changes_nothing(dsn: str, start: Callable[..., Up], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    for changed in (True, False):
        up = start(dsn, "--policy", "policy.toml").runs()
        assert "schema opsloop: up to date" in up.said()
        assert ("is in force" in up.said()) is changed
        up.popen.terminate()
        assert up.end() == 0


def test_a_schema_of_the_next_release_is_used_and_one_too_new_refused_and_both_left_alone(
    dsn: str, conn: psycopg.Connection[Any], start: Callable[..., Up]
) -> None:
    conn.execute(
        "insert into opsloop_schema_change (change, version) values ('9999_of_the_future', '99.0.0')"
    )
    renumber(conn, COMPATIBILITY + 1)
    up = start(dsn).runs()
    up.popen.send_signal(signal.SIGINT)
    assert up.end() == 0
    conn.execute("delete from ops_workers")

    renumber(conn, COMPATIBILITY + 2)
    up = start(dsn)
    assert up.end() == 1
    assert up.said().startswith("OPS_021: a newer opsloop is installed in schema opsloop\n")
    assert conn.execute("select count(*) from ops_workers").fetchone() == (0,)


def test_a_faulty_policy_file_starts_nothing_and_changes_nothing(
    dsn: str, conn: psycopg.Connection[Any], start: Callable[..., Up], tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(
        json.dumps({"auto_approve": {"enabled": False}, "proposal_caps": {"daily_limit": -1, "hourly": 3}})
    )
    up = start(dsn, "--policy", "policy.json")
    assert up.end() == 1
    assert up.said().startswith("OPS_017: invalid policy document proposal_caps: ")
    assert "hourly: unknown field" in up.said()
    assert conn.execute("select max(version) from ops_policy").fetchone() == (1,)
    assert conn.execute("select count(*) from ops_workers").fetchone() == (0,)


def test_a_database_that_takes_no_writes_is_refused(dsn: str, start: Callable[..., Up]) -> None:
    up = start(dsn, PGOPTIONS="-c default_transaction_read_only=on")
    assert up.end() == 1
    assert up.said().startswith("OPS_026: ")


def test_without_a_database_it_does_not_start(start: Callable[..., Up]) -> None:
    nowhere = {name: "" for name in os.environ if name.startswith("PG")}
    up = start("", **nowhere)
    assert up.end() == 3
    assert up.said().startswith("OPS_001: no database is configured")


def test_a_login_that_may_only_work_runs_the_loop_that_another_installed(
    empty_dsn: str, start: Callable[..., Up]
) -> None:
    migrate.migrate(empty_dsn)
    migrate.seed(empty_dsn)
    with logins(empty_dsn) as made, psycopg.connect(empty_dsn, autocommit=True) as conn:
        up = start(made.dsn_of(made.make("worker"))).runs()
        Client(conn).create_proposal({"title": "work", "steps": [{"kind": "noop"}]})
        wait_until(lambda: len(succeeded(empty_dsn)) == 1, "it works")
        up.popen.terminate()
        assert up.end() == 0


def test_with_routes_it_delivers_and_it_tells_each_mission_that_ends(
    dsn: str, conn: psycopg.Connection[Any], start: Callable[..., Up]
) -> None:
    loop = Loop(conn)
    loop.policy("outbox", routes=[{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}])
    up = start(dsn).runs()
    assert "relay: 1 routes" in up.said()
    message = loop.value("select fn_publish_outbox('order', '7', 'paid', '{}')")
    mission = loop.mission({"kind": "noop"}, title="Say hello")
    wait_until(
        lambda: f"mission {str(mission)[-8:]}: succeeded" in up.said(), "the mission is told", seconds=60
    )
    assert "Say hello" in up.said()
    wait_until(
        lambda: loop.value("select processed_at is not null from outbox where id = %s", message),
        "it is delivered",
    )
    up.popen.send_signal(signal.SIGTERM)
    assert up.end() == 0


SINK = """
from opsloop.relay import sink

@sink("diary")
def write(message):
    pass
"""


def test_an_app_may_have_executors_or_sinks_or_both_and_a_sink_that_is_missing_is_named(
    dsn: str, conn: psycopg.Connection[Any], start: Callable[..., Up], tmp_path: Path
) -> None:
    Loop(conn).policy(
        "outbox",
        routes=[
            {"name": "diary", "event_type": "a", "sink": "diary"},
            {"name": "all", "event_type": "*", "sink": "notify", "channel": "c"},
        ],
    )
    (tmp_path / "greeting.py").write_text(GREET)
    (tmp_path / "writing.py").write_text(SINK)
    for apps, missing in (
        (["--app", "greeting"], True),
        (["--app", "greeting", "--app", "writing:write"], False),
    ):
        up = start(dsn, *apps).runs()
        assert "greet" in up.said()
        assert "relay: 2 routes" in up.said()
        assert ("no sink diary here" in up.said()) is missing
        assert "no sink notify" not in up.said()
        up.popen.terminate()
        assert up.end() == 0
    up = start(dsn, "--app", "json")
    assert up.end() == 2
    assert "holds no executor" in up.said()
    assert "@executor or @sink" in up.said()


def test_the_api_is_served_in_the_same_process(dsn: str, start: Callable[..., Up]) -> None:
    up = start(dsn, "--serve", "0", OPS_API_KEY="k" * 32).runs()
    address = re.search(r"serving on (http://127\.0\.0\.1:\d+)", up.said())
    assert address is not None, up.said()
    asked = urllib.request.Request(
        address[1] + "/api/ops/heartbeat", method="POST", headers={"Authorization": "Bearer " + "k" * 32}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.load(answer)["ok"] is True
    up.popen.send_signal(signal.SIGTERM)
    assert up.end() == 0


def test_an_address_that_is_none_is_refused(dsn: str, start: Callable[..., Up]) -> None:
    up = start(dsn, "--serve", "nowhere")
    assert up.end() == 2
    assert "OPS_018" in up.said()
