"""`opsloop dead`: looking at what gave up, and putting it back."""

import json
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from opsloop.client import Client

Conn = psycopg.Connection[Any]
EVIL = "bad\x1b[2J\u202e\n  put back     never"


@pytest.fixture
def client(conn: Conn) -> Client:
    """Calls functions on this test's database."""
    return Client(conn)


def failed_step(client: Client, error: str = "no", kind: str = "noop") -> str:
    """A step that failed for good; the id of its letter."""
    client.create_proposal({"title": "t", "steps": [{"key": "a", "kind": kind}]})
    (step,) = client.claim_steps("w")
    client.fail_step(step.step_id, step.lease_token, error, retryable=False)
    return client.list_dead_letters(limit=1)[0].dl_msg_id


def dead_message(client: Client, number: int = 1) -> str:
    """A message that a relay gave up; the id of its letter."""
    event = client.publish_outbox("order", str(number), "paid", {})
    client.claim_outbox_events("relay")
    client.complete_outbox_events("relay", [{"event_id": event, "outcome": "dead", "error": "gone"}])
    return client.list_dead_letters(limit=1)[0].dl_msg_id


def test_the_list_is_empty_at_first(cli: Cli) -> None:
    assert cli("dead", "list").out == "no dead letters\n"
    assert cli("dead", "redrive").out == "no dead letters to put back\n"


def test_letters_are_listed_newest_first_and_each_field_of_the_filter_picks(cli: Cli, client: Client) -> None:
    step, message = failed_step(client), dead_message(client)
    done = cli("dead", "list")
    assert done.out.index(message) < done.out.index(step)
    assert f"next: opsloop dead show {message}" in done.out
    mission = client.list_missions()[0].mission_id
    for options, found in (
        (["--what", "step"], [step]),
        (["--executor", "noop"], [step]),
        (["--kind", "noop"], [step]),
        (["--mission", str(mission)], [step]),
        (["--mission", str(mission)[-8:]], [step]),
        (["--event-type", "paid"], [message]),
        (["--reason", "go%"], [message]),
        (["--pattern", "p"], []),
        (["--since", "yesterday"], [message, step]),
        (["--until", "yesterday"], []),
        (["--limit", "1"], [message]),
        (["--redriven"], []),
    ):
        assert [f["dl_msg_id"] for f in cli("dead", "list", *options, "--json").json] == found, options


@pytest.mark.parametrize(
    "options", [["--since", "teatime"], ["--what", "stone"], ["--limit", "0"], ["--mission", "m"]]
)
def test_a_filter_that_cannot_be_is_named(cli: Cli, options: list[str]) -> None:
    for name in ("list", "redrive"):
        done = cli("dead", name, *options, "--json")
        assert (done.code, done.error["code"]) == (2, "OPS_018")
        assert options[1] in done.error["message"] or options[0] in done.error["message"]


def test_one_is_shown_whole_and_cannot_steer_the_terminal(cli: Cli, client: Client) -> None:
    letter = failed_step(client, EVIL)
    out = cli("dead", "show", letter).out
    assert "  reason       bad\\x1b[2J\\u202e\\n  put back     never\n" in out
    assert [line for line in out.splitlines() if line.startswith("  put back ")] == [
        f"  put back     opsloop dead redrive {letter}"
    ]
    assert "    1. attempt 1" in out
    assert '"key": "a"' in out
    assert not {"\x1b", "\u202e"} & set(out)
    shown = cli("dead", "show", letter, "--json").json
    assert shown["payload"]["error_history"][0]["error"] == EVIL


def test_one_that_is_not_there_is_said_so(cli: Cli) -> None:
    assert cli("dead", "show", "step:x:1", "--json").error["code"] == "OPS_012"
    done = cli("dead", "redrive", "step:x:1")
    assert done.code == 1
    assert "OPS_012" in done.out


def test_letters_by_id_come_back_once(cli: Cli, client: Client) -> None:
    step, message = failed_step(client), dead_message(client)
    done = cli("dead", "redrive", step, message, step, "--json")
    assert done.code == 0
    assert [(d["dl_msg_id"], d["outcome"]) for d in done.json] == [(step, "redriven"), (message, "redriven")]
    again = cli("dead", "redrive", step)
    assert again.code == 0
    assert "was redriven before" in again.out
    assert len(client.claim_steps("w", 10)) == 1
    out = cli("dead", "show", step).out
    assert "by tester, as step:" in out
    assert step in cli("dead", "list", "--redriven").out


def test_by_filter_nothing_is_done_without_yes(cli: Cli, client: Client) -> None:
    letters = [dead_message(client, n) for n in range(3)]
    failed_step(client)
    done = cli("dead", "redrive", "--what", "outbox", "--limit", "2")
    assert done.code == 0
    assert letters[0] in done.out
    assert letters[2] not in done.out
    assert (
        "nothing was changed; to put them back: opsloop dead redrive --what outbox --limit 2 --yes"
        in done.out
    )
    assert len(client.list_dead_letters()) == 4
    done = cli("dead", "redrive", "--what", "outbox", "--limit", "2", "--yes", "--json")
    assert [d["outcome"] for d in done.json] == ["redriven", "redriven"]
    assert len(client.list_dead_letters()) == 2


def test_one_that_cannot_come_back_is_exit_code_1_and_the_others_do(
    cli: Cli, client: Client, conn: Conn
) -> None:
    gone = failed_step(client)
    conn.execute("delete from ops_mission_steps")
    message = dead_message(client)
    done = cli("dead", "redrive", "--yes")
    assert done.code == 1
    assert "OPS_012" in done.out
    assert [f.dl_msg_id for f in client.list_dead_letters()] == [gone]
    assert cli("dead", "redrive", gone, message).code == 1


def test_ids_and_a_filter_exclude_each_other(cli: Cli) -> None:
    assert cli("dead", "redrive", "x", "--what", "step", "--json").error["code"] == "OPS_018"


def test_a_letter_of_another_system_is_kept_from_text_file_and_stdin(
    cli: Cli, shell: Cli, client: Client, tmp_path: Any
) -> None:
    letter = {"dl_msg_id": "dl-1", "original_msg_id": "m-1", "payload": {"n": 1}, "reason": "poison",
              "reclaim_count": 3, "dead_lettered_at": "2026-01-02T03:04:05Z", "archived_by": "bob"}  # fmt: skip
    done = cli("dead", "archive", json.dumps(letter))
    assert (done.code, done.out) == (0, "kept; to look at it: opsloop dead show dl-1\n")
    (kept,) = client.list_dead_letters()
    assert (kept.what, kept.original_msg_id, kept.payload, kept.attempts, kept.archived_by) == (
        "other", "m-1", {"n": 1}, 3, "bob",
    )  # fmt: skip
    (tmp_path / "letter.json").write_text('{"dl_msg_id": "dl-1", "reason": "other"}')
    assert cli("dead", "archive", f"@{tmp_path}/letter.json", "--json").json["dl_msg_id"] == "dl-1"
    assert shell("dead", "archive", "-", stdin='{"dl_msg_id": "dl-2"}').code == 0
    assert [f.dl_msg_id for f in client.list_dead_letters()] == ["dl-2", "dl-1"]
    assert client.list_dead_letters()[1].reason == "poison"


@pytest.mark.parametrize(
    "document",
    ["{}", "[]", "{", '{"dl_msg_id": 1}', '{"dl_msg_id": "x", "reasn": "y"}', '{"dl_msg_id": "x", "payload": 1}',
     '{"dl_msg_id": "x", "reclaim_count": "many"}', '{"dl_msg_id": "x", "dead_lettered_at": "teatime"}',
     '{"dl_msg_id": "x", "reason": ["a"]}', '{"dl_msg_id": "x", "dead_lettered_at": true}',
     '{"dl_msg_id": "x", "archived_by": "opsloop"}', "@/no/such/file"],
)  # fmt: skip
def test_a_letter_that_cannot_be_kept_is_refused(cli: Cli, client: Client, document: str) -> None:
    done = cli("dead", "archive", document, "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018"), done.err
    assert client.list_dead_letters() == []
