"""Deciding on many at once, votes given beforehand, and decisions taken alone, from the command line."""

from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from cli.terminal import Terminal
from opsloop.client import Client

Conn = psycopg.Connection[Any]
COMMAND = ["git", "status"]


@pytest.fixture
def client(conn: Conn) -> Client:
    """Calls functions on this test's database."""
    client = Client(conn)
    client.set_policy("worker_policy", {**client.get_policy("worker_policy"), "command_allow": [COMMAND]})
    return client


def propose(client: Client, source: str = "agent:planner", kind: str = "command", n: int = 0) -> str:
    params = {"argv": COMMAND} if kind == "command" else {"url": f"https://x/{n}"}
    made = client.create_proposal(
        {"title": f"{kind} {n}", "steps": [{"kind": kind, "params": params}]}, source=source
    )
    assert made.status == "pending"
    return str(made.proposal_id)


def statuses(conn: Conn) -> list[str]:
    return [row[0] for row in conn.execute("select status from ops_mission_proposals order by id").fetchall()]


def test_a_batch_decides_on_exactly_what_it_shows(cli: Cli, client: Client, conn: Conn) -> None:
    wanted = [propose(client) for _ in range(2)]
    propose(client, kind="http")
    propose(client, source="manual")
    done = cli("approve", "--source", "agent:*", "--kind", "command", "--yes")
    assert done.code == 0
    assert "2 proposals to approve" in done.out
    assert all(f"proposal {one}: approved" in done.out for one in wanted)
    assert statuses(conn) == ["approved", "approved", "pending", "pending"]
    rejected = cli("reject", "--kind", "http", "--yes", "--reason", "stale", "--json")
    assert [(one["ok"], one["status"], one["reason"]) for one in rejected.json] == [
        (True, "rejected", "stale")
    ]
    assert statuses(conn) == ["approved", "approved", "rejected", "pending"]


def test_without_yes_it_asks_and_where_nobody_can_be_asked_it_decides_nothing(
    cli: Cli, client: Client, conn: Conn, dsn: str
) -> None:
    propose(client)
    done = cli("approve", "--kind", "command", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    with Terminal.opsloop("approve", "--kind", "command", DATABASE_URL=dsn) as terminal:
        terminal.until("approve 1? [y/N]: ")
        terminal.type("n")
        assert terminal.end() == 1
    assert statuses(conn) == ["pending"]


def test_one_that_is_refused_stops_no_other_and_gives_exit_code_1(
    cli: Cli, client: Client, conn: Conn, people: dict[str, str]
) -> None:
    with psycopg.connect(people["kim"], autocommit=True) as own:
        conn.execute(f"grant opsloop_producer to {own.info.user}")  # type: ignore[call-overload]
        propose(Client(own))
    propose(client)
    done = cli("approve", "--kind", "command", "--yes", "--dsn", people["kim"])
    assert done.code == 1
    assert statuses(conn) == ["pending", "approved"]


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_it_takes_one_proposal_or_says_which(offline: Cli, command: str) -> None:
    assert offline(command).code == 2
    done = offline(command, "018f0000-0000-7000-8000-000000000000", "--source", "x")
    assert (done.code, done.err[:9]) == (2, "OPS_018: ")


def test_a_grant_is_given_listed_and_revoked(
    cli: Cli, client: Client, conn: Conn, people: dict[str, str]
) -> None:
    ada = ("--dsn", people["ada"])
    done = cli("grant", "--command", "git status", "--uses", "1", "--minutes", "5", *ada, "--json")
    assert done.code == 0, done.err
    given = done.json["grant_id"]
    template = {"title": "t", "steps": [{"kind": "command", "params": {"argv": COMMAND}}]}
    assert client.create_proposal(template).status == "approved"
    assert client.create_proposal(template).status == "pending"
    (listed,) = cli("grants", "--ended", "--json").json
    assert (listed["grant_id"], listed["status"], listed["uses"]) == (given, "used up", 1)
    again = cli("grant", "--kind", "command", *ada, "--json").json["grant_id"]
    assert cli("revoke", again, *ada).out == f"grant {again}: revoked\n"
    assert cli("revoke", again, *ada).out == f"grant {again}: it had ended\n"
    assert client.create_proposal(template).status == "pending"


def test_glass_is_broken_and_signed_off(cli: Cli, client: Client, conn: Conn, people: dict[str, str]) -> None:
    logins = {name: psycopg.conninfo.conninfo_to_dict(dsn)["user"] for name, dsn in people.items()}
    client.set_policy(
        "approval_rules",
        {
            "groups": {"leads": {"logins": [logins["ada"]]}, "oncall": {"roles": ["operator"]}},
            "rules": [{"name": "two", "require": [{"group": "oncall", "count": 2}]}],
            "break_glass": {"group": "leads", "per_month": 1},
        },
    )
    proposal = propose(client)
    ada, eve, kim = (("--dsn", people[name]) for name in ("ada", "eve", "kim"))
    assert cli("break-glass", proposal, *ada).code == 2
    assert cli("break-glass", proposal, *eve, "--reason", "it burns").err.startswith("OPS_090: ")
    done = cli("break-glass", proposal, *ada, "--reason", "it burns")
    assert done.out.startswith(f"proposal {proposal}: approved\n")
    assert cli("review", proposal, *eve).out == f"proposal {proposal}: signed off, 1 more needed\n"
    assert (
        cli("review", proposal, *kim).out == f"proposal {proposal}: signed off by two, the review is closed\n"
    )


def test_the_inbox_shows_which_seats_are_open(cli: Cli, client: Client) -> None:
    client.set_policy(
        "approval_rules",
        {"rules": [{"name": "two", "require": [{"group": "*", "count": 2}], "expires_minutes": 60}]},
    )
    proposal = propose(client)
    shown = cli("inbox").out
    assert "  seats        0 of 2: 2 of those who may decide, not " in shown
    assert "  expires      " in shown
    assert "0 of 2: " in cli("explain", proposal).out


def test_a_proposal_is_withdrawn_by_whoever_made_it(cli: Cli, client: Client, people: dict[str, str]) -> None:
    proposal = propose(client)
    assert cli("withdraw", proposal, "--dsn", people["ada"]).code == 1
    assert cli("withdraw", proposal, "--reason", "mistake").out.startswith(f"proposal {proposal}: rejected\n")
