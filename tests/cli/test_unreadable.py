"""A number that no reader holds, written by hand or earlier, is shown as unreadable, and all the rest as usual."""

from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from opsloop import Client, jsonio

TEMPLATE = {
    "title": "odd",
    "steps": [{"key": "a", "kind": "http", "params": {"url": "https://example.org/"}}],
}


@pytest.fixture
def odd(conn: psycopg.Connection[Any]) -> Client:
    """A client where one of two proposals that wait has such a number, written by hand."""
    client = Client(conn)
    for _ in range(2):
        client.create_proposal(TEMPLATE)
    conn.execute(
        "update ops_mission_proposals set template = jsonb_set(template, '{steps,0,params,json}', '1e5000')"
        " where id = (select id from ops_mission_proposals order by id limit 1)"
    )
    return client


def test_the_inbox_shows_what_it_cannot_read_and_the_rest(odd: Client) -> None:
    first, second = odd.inbox()
    assert first.would_run[0]["params"] == {
        "url": "https://example.org/",
        "json": "unreadable: a number of 5001 digits",
    }
    assert second.would_run[0]["params"] == {"url": "https://example.org/"}


@pytest.mark.parametrize("command", [["inbox"], ["inbox", "--json"], ["ps"]])
def test_so_do_the_commands(odd: Client, cli: Cli, command: list[str]) -> None:
    done = cli(*command)
    assert done.code == 0, done


@pytest.mark.parametrize("what", ["proposal", "mission", "step"])
def test_explain_shows_what_it_cannot_read_and_the_rest(odd: Client, cli: Cli, what: str) -> None:
    first, _ = odd.inbox()
    ((subject,),) = odd.conn.execute("select %s::text", (first.id,)).fetchall()
    if what != "proposal":
        odd.conn.execute("update ops_mission_proposals set template = template #- '{steps,0,params,json}'")
        mission = odd.approve_proposal(subject, "ann").mission_id
        odd.conn.execute(
            "update ops_mission_steps set params = '{\"json\": 1e5000}' where mission_id = %s", (mission,)
        )
        odd.conn.execute(
            "update ops_mission_steps set progress = '[-1e5000]' where mission_id = %s", (mission,)
        )
        subject = str(mission)
    if what == "step":
        ((subject,),) = odd.conn.execute("select id::text from ops_mission_steps").fetchall()
    for options in ([], ["--json"]):
        done = cli("explain", subject, *options)
        assert done.code == 0, done
    assert cli("ps", *([subject] if what == "mission" else [])).code == 0


def test_numbers_that_readers_hold_stay_exact() -> None:
    assert jsonio.read("[20000000000000000001, 1.5, " + "9" * 308 + "]") == [
        20000000000000000001,
        1.5,
        int("9" * 308),
    ]
    assert jsonio.read("-1" + "0" * 400) == "unreadable: a number of 401 digits"
    assert jsonio.read('{"a": 1' + "0" * 400 + '.5, "b": 2}') == {
        "a": "unreadable: a number of 401 digits",
        "b": 2,
    }
    assert jsonio.read('"' + "7" * 400 + '"') == "7" * 400
