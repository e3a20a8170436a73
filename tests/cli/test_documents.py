"""What each command prints with --json, against its JSON Schema: every command has one, and is run here."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from psycopg.conninfo import conninfo_to_dict

from cli.commandline import Cli
from cli.documented import assert_documented, validator
from cli.starting import Up
from looping import Loop, step
from opsloop.cli import app
from opsloop.cli.documents import DOCUMENTS
from opsloop.cli.lists import ListKind
from serve.browsing import serving
from support import wait_until
from tracked import directive

NOOP = '{"title": "t", "steps": [{"key": "a", "kind": "noop"}]}'
RISKY = '{"title": "t", "risk_level": "high", "steps": [{"key": "a", "kind": "noop"}]}'
#: Run apart from the others, and where.
APART = {
    "demo": "tests/demo: it takes half a minute",
    "fleet add": "tests/fleet/test_layout.py",
    "fleet drain": "tests/fleet/test_layout.py",
    "fleet install": "tests/fleet/test_layout.py",
    "fleet login": "tests/fleet/test_layout.py",
    "fleet remove": "tests/fleet/test_layout.py",
    "fleet status": "tests/fleet/test_layout.py",
    "fleet sync": "tests/fleet/test_layout.py",
    "move": "below",
    "serve": "below",
    "up": "below",
}


def commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name


def test_every_command_says_what_it_prints() -> None:
    assert sorted(DOCUMENTS) == sorted(commands(typer.main.get_command(app)))


def test_a_document_with_a_field_too_many_or_too_few_is_found() -> None:
    right = {"event_id": "0190a5b4-0000-7000-8000-000000000000"}
    assert validator("emit").is_valid(right)
    assert not validator("emit").is_valid({**right, "more": 1})
    assert not validator("emit").is_valid({})
    assert not validator("emit").is_valid({"event_id": 1})


def test_each_command_prints_what_its_schema_says(
    cli: Cli,
    conn: psycopg.Connection[Any],
    connect: Callable[..., psycopg.Connection[Any]],
    people: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(conn)
    loop.register()
    run: set[str] = set()

    def prints(command: str, *words: object) -> Any:
        done = cli(*command.split(), *(str(word) for word in words), "--json")
        assert done.out, (command, words, done.err)
        run.add(command)
        return assert_documented(command, done.out)

    prints("schema", "ps")
    prints("init", tmp_path / "project")
    prints("migrate")
    prints("status")
    prints("sql")
    prints("roles")
    prints("seed")
    prints("compat list")
    prints("compat install", "ops")
    prints("compat remove", "ops")

    _policy(prints, tmp_path, conn.info.user)
    _schedules(prints)
    _work(prints, loop)
    _decisions(prints, loop, people)
    _looks(prints)
    _directives(prints, loop)
    _lists(prints, loop)
    _keys(prints)

    prints("emit", "disk:full", "--data", '{"host": "db1"}')
    (tmp_path / "events").write_text('{"type": "x"}\n')
    with (tmp_path / "events").open() as events:
        monkeypatch.setattr("sys.stdin", events)
        prints("ingest")
    prints("heartbeat")
    prints("drain", "--timeout", "0")
    prints("pause", "kind", "noop")
    prints("pause")
    prints("resume", "kind", "noop")
    prints("kill")
    prints("resume", "all")
    idle = connect(autocommit=False)
    idle.execute("update ops_mission_steps set updated_at = updated_at")
    prints("end-session", idle.info.backend_pid)
    prints("worker", "--once")
    prints("relay", "--once")
    prints("purge", "--older-than", "1d", "--dry-run")
    prints("purge", "--older-than", "1d", "--export", tmp_path / "kept")
    loop.do("update ops_workers set stopped_at = now()")
    prints("after-restore")
    prints("rollback", "--yes")

    unprinted = {command for command, kind in DOCUMENTS.items() if kind is None}
    assert set(DOCUMENTS) - unprinted - APART.keys() - run == set()


Prints = Callable[..., Any]


def _policy(prints: Prints, where: Path, owner: str) -> None:
    file = where / "policy.toml"
    file.write_text(
        '[proposal_caps]\ndaily_limit = 7\n[[tests]]\nname = "one"\nexpect = { outcome = "auto_approved" }\n'
        '[tests.given]\ntemplate = { title = "x", steps = [{ kind = "noop" }] }\n'
        '[[schedules]]\nname = "of-the-file"\nevery_seconds = 3600\nevent_type = "hourly"\n'
    )
    prints("policy schema", "proposal_caps")
    prints("policy get", "proposal_caps")
    prints("policy test", file)
    prints("policy try", file)
    assert set(prints("policy agree", file, "--actor", owner)) == {"proposal_caps"}
    prints("policy shadow", file)
    prints("propose", NOOP)
    assert prints("policy shadows")[0]["shadow"]
    prints("policy end-shadow", "proposal_caps")
    assert prints("policy apply", file)["schedules"]
    assert prints("policy diff", "proposal_caps")
    assert prints("policy history", "proposal_caps")
    prints("policy rollback", "proposal_caps")
    prints("policy set", "proposal_caps", '{"daily_limit": null}')
    prints("policy export")
    prints("policy export", where / "out.toml")


def _schedules(prints: Prints) -> None:
    prints("schedule set", "hourly", "--every", "3600", "--event", "hourly")
    assert prints("schedule run", "hourly")
    assert prints("schedule show", "hourly")["ticks"]
    assert prints("schedule list")
    assert prints("schedule backfill", "hourly", "--from", "2026-01-01", "--to", "2026-01-02")
    prints("schedule disable", "hourly")
    prints("schedule enable", "hourly")
    prints("schedule delete", "hourly")


def _work(prints: Prints, loop: Loop) -> None:
    assert prints("cancel", "--title", "*", "--yes")["done"]
    mission = loop.mission(step("a", params={"text": "x"}), step("b"))
    assert prints("ps")["missions"]
    loop.fail_for_good(mission, error="no room", code="OPS_007")
    failed = loop.step(mission)["id"]
    assert prints("dead list")
    assert prints("dead list", "--by", "reason")
    letter = prints("dead list")[0]["dl_msg_id"]
    prints("dead show", letter)
    assert prints("dead redrive", "--executor", "noop")
    assert prints("dead redrive", letter)
    loop.fail_for_good(mission)
    assert prints("retry", "--executor", "noop")
    assert prints("retry", "--executor", "noop", "--yes")["done"] == 1
    loop.fail_for_good(mission)
    prints("retry", failed)
    prints("dead archive", '{"dl_msg_id": "x:1", "original_msg_id": "x", "payload": {}, "reason": "why"}')
    held = loop.mission(step("a", on_lease_lost="hold"))
    loop.claim(10)
    loop.advance(3600)
    loop.turn()
    loop.run_clock()
    assert prints("ps", "--stuck")["missions"]
    assert prints("resolve", "succeeded", "--executor", "noop")
    prints("resolve", loop.step(held)["id"], "succeeded")
    assert prints("cancel", "--title", "*")
    prints("cancel", mission)
    for one in (mission, failed, loop.the_mission(mission)["proposal_id"], letter, "w1"):
        prints("show", one)
    prints("explain", mission)
    assert prints("ps", mission)["steps"]


def _decisions(prints: Prints, loop: Loop, people: dict[str, str]) -> None:
    asked = [prints("propose", RISKY)["proposal_id"] for _ in range(4)]
    prints("withdraw", asked.pop())
    assert prints("inbox")
    prints("reject", asked.pop())
    assert prints("ps", asked[0])["proposals"]
    prints("show", asked[0])
    prints("approve", asked.pop())
    assert prints("approve", "--source", "manual", "--yes")
    ada = ("--dsn", people["ada"])
    grant = prints("grant", "--kind", "noop", *ada)["grant_id"]
    assert prints("grants")
    prints("show", grant)
    prints("revoke", grant, *ada)
    logins = {name: conninfo_to_dict(dsn)["user"] for name, dsn in people.items()}
    loop.policy(
        "approval_rules",
        groups={"leads": {"logins": [logins["ada"]]}, "oncall": {"roles": ["operator"]}},
        rules=[{"name": "two", "require": [{"group": "oncall", "count": 2}]}],
        break_glass={"group": "leads", "per_month": 1},
    )
    urgent = prints("propose", RISKY)["proposal_id"]
    prints("break-glass", urgent, *ada, "--reason", "it burns")
    prints("review", urgent, "--dsn", people["eve"])
    prints("policy rollback", "approval_rules")


def _looks(prints: Prints) -> None:
    assert prints("health")["checks"]
    assert prints("check") == []
    assert prints("metrics")
    assert prints("stats")


def _directives(prints: Prints, loop: Loop) -> None:
    directive(loop)
    gates = json.dumps({"TESTING": {"passed": True, "score": 95, "maxScore": 100}})
    prints("handoff execute", "EXEC-TO-PLAN", "SD-d1", "--gates", gates)
    assert prints("handoff list")
    prints("directive show", "SD-d1")
    loop.allow()
    loop.do("insert into leo_sub_agents (code, phases, priority) values ('A', '{EXEC}', 90)")
    run = prints("subagents run", "EXEC", "SD-d1")["run_id"]
    prints("subagents summary", run)


def _lists(prints: Prints, loop: Loop) -> None:
    loop.value("select fn_publish_outbox('order', '7', 'order.paid', '{}')")
    loop.value("select fn_acquire_lock('backup', 'host-a', 60)")
    loop.value("""select fn_radar_upsert('[{"title": "Cache it"}]')""")
    for what in ListKind:
        assert prints("list", what.value), what


def _keys(prints: Prints) -> None:
    made = prints("key create", "laptop", "--days", "3")
    assert prints("key rotate", "laptop")["key"] != made["key"]
    assert len(prints("key list")) == 2
    assert prints("key revoke", "laptop") == {"name": "laptop", "revoked": 2}
    assert len(prints("key list", "--ended")) == 2


def test_what_is_left_to_agree_to_is_printed_so(
    cli: Cli, conn: psycopg.Connection[Any], people: dict[str, str], tmp_path: Path
) -> None:
    ada = str(conninfo_to_dict(people["ada"])["user"])
    conn.execute(f"grant opsloop_admin to {ada}")  # type: ignore[call-overload]
    Loop(conn).policy(
        "approval_rules", groups={"leads": {"logins": [ada]}}, policy=[{"group": "leads", "count": 2}]
    )
    file = tmp_path / "policy.toml"
    file.write_text("[proposal_caps]\ndaily_limit = 100000\n")
    done = cli("policy", "agree", str(file), "--dsn", people["ada"], "--json")
    assert "1 of 2" in assert_documented("policy agree", done.out)["proposal_caps"]


def test_what_wait_follows_is_printed_so(cli: Cli, conn: psycopg.Connection[Any]) -> None:
    loop = Loop(conn)
    loop.register()

    def work() -> None:
        wait_until(lambda: loop.value("select count(*) from ops_missions"), "it is proposed", 60)
        for one in loop.claim(2):
            loop.complete(one, {"n": 1})

    worker = threading.Thread(target=work)
    worker.start()
    done = cli("propose", NOOP, "--wait", "--json")
    worker.join()
    assert assert_documented("propose", done.out)["results"][0]["result"] == {"n": 1}


def test_what_up_did_is_printed_so(dsn: str, start: Callable[..., Up]) -> None:
    up = start(dsn, "--json", "--serve", "0")
    assert up.popen.stdout is not None
    did = assert_documented("up", up.popen.stdout.readline())
    assert did["executors"]
    assert did["url"]


def test_where_serve_listens_is_printed_so(dsn: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as log, serving(dsn, log) as served:
        assert served.url.startswith("http://127.0.0.1:")


@pytest.mark.timeout(240)
def test_what_move_did_is_printed_so(
    cli: Cli,
    conn: psycopg.Connection[Any],
    empty_dsn: str,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)

    def prints(*options: str) -> Any:
        done = cli("move", "--to", empty_dsn, *options, "--json")
        assert done.code == 0, done.err
        return assert_documented("move", done.out)

    survey = prints("--dry-run")
    assert survey["tables"]
    conn.execute("select fn_begin_move(%s)", (survey["to"],))
    assert prints("--take-back")["move"]["phase"] == "taken_back"
    moved = prints()
    assert moved["move"]["phase"] == "open"
    assert moved["copied"]["tables"] == survey["tables"]
    assert moved["switch"]["sessions"]
    assert prints()["copied"] == {}
