"""Decisions of people beside transactions that somebody less privileged leaves open: two seconds, and a name."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from logins import Logins, logins
from looping import Loop, step
from support import run

LIMIT = 2.0


@pytest.fixture
def people(dsn: str) -> Iterator[Logins]:
    """Makes logins for this test's own database."""
    with logins(dsn) as made:
        yield made


def held(session: psycopg.Connection[Any], query: str, *params: Any) -> dict[str, Any]:
    """The refusal of a call that somebody's open transaction is in the way of; it must come in time."""
    begun = time.monotonic()
    with pytest.raises(psycopg.Error) as raised:
        session.execute(query, params or None)
    assert raised.value.sqlstate == "OP031", raised.value
    assert LIMIT - 0.5 < time.monotonic() - begun < 3 * LIMIT
    diag = raised.value.diag
    detail: dict[str, Any] = json.loads(diag.message_detail or "")
    return {**detail, "message": diag.message_primary, "hint": diag.message_hint}


def opened(session: psycopg.Connection[Any], query: str, *params: Any) -> int:
    """Calls something in a transaction that stays open; returns the pid of the session."""
    session.execute("begin")
    session.execute(query, params or None)
    return session.info.backend_pid


@pytest.fixture
def pending(loop: Loop) -> Any:
    """A proposal that waits for a person; a default role may vote on it."""
    return loop.propose(step("a", "http", params={"url": "https://x/"}))["proposal_id"]


VOTE = "select * from fn_cast_vote(%s, 'reviewer', 'reject')"


@pytest.mark.parametrize("decision", ["fn_approve_proposal", "fn_reject_proposal"])
def test_an_open_vote_holds_no_decision_up(loop: Loop, people: Logins, pending: Any, decision: str) -> None:
    login = people.make("producer")
    voting = people.open(login)
    pid = opened(voting, VOTE, pending)
    operator = people.session("operator")
    said = held(operator, f"select * from {decision}(%s)", pending)
    (holder,) = said["holders"]
    assert (holder["pid"], holder["login"]) == (pid, login)
    assert f"proposal {pending} is held by session {pid} of login {login}" in said["message"]
    assert f"select pg_terminate_backend({pid});" in said["hint"]
    voting.execute("commit")
    operator.execute(f"select * from {decision}(%s)", (pending,))


def test_of_many_who_are_at_it_only_the_one_in_the_way_is_named(
    loop: Loop, people: Logins, pending: Any
) -> None:
    bystander = people.session("producer")
    opened(bystander, "select * from fn_create_proposal(%s)", json.dumps({"steps": [step("a")]}))
    voting = people.session("producer")
    pid = opened(voting, VOTE, pending)
    said = held(people.session("operator"), "select * from fn_approve_proposal(%s)", pending)
    assert [holder["pid"] for holder in said["holders"]] == [pid]
    bystander.execute("rollback")
    voting.execute("rollback")


def test_a_prepared_vote_is_named_by_its_gid(loop: Loop, people: Logins, pending: Any) -> None:
    login = people.make("producer")
    voting = people.open(login)
    opened(voting, VOTE, pending)
    voting.execute("prepare transaction 'it''s a vote'")
    voting.close()
    said = held(people.session("operator"), "select * from fn_approve_proposal(%s)", pending)
    (holder,) = said["holders"]
    assert (holder["gid"], holder["login"]) == ("it's a vote", login)
    assert "rollback prepared 'it''s a vote';" in said["hint"]
    loop.do("rollback prepared 'it''s a vote'")


def test_a_vote_waits_no_longer_for_another_vote(loop: Loop, people: Logins, pending: Any) -> None:
    first, second = people.session("producer"), people.session("producer")
    pid = opened(first, VOTE, pending)
    assert [h["pid"] for h in held(second, VOTE, pending)["holders"]] == [pid]
    first.execute("commit")


@pytest.mark.parametrize(
    "decision",
    ["fn_cancel_mission((select mission_id from ops_mission_steps where key = 'b'))",
     "fn_retry_step((select id from ops_mission_steps where key = 'b'))",
     "fn_resolve_step((select id from ops_mission_steps where key = 'b'), 'failed')"],
)  # fmt: skip
def test_a_report_that_is_not_committed_holds_no_decision_up(
    loop: Loop, people: Logins, decision: str
) -> None:
    mission = loop.mission(step("a"), step("b", depends_on=[]))
    login = people.make("worker")
    working = people.open(login)
    one = working.execute("select step_id, lease_token from fn_claim_steps('w1', 1)").fetchone()
    assert one is not None
    pid = opened(working, "select * from fn_complete_step(%s, %s)", *one)
    said = held(people.session("operator"), f"select {decision}")
    assert [(h["pid"], h["login"]) for h in said["holders"]] == [(pid, login)]
    assert f"mission {mission}" in said["message"]
    working.execute("commit")
    assert loop.status(mission) == "running"


def test_an_open_proposal_holds_no_rejection_up_by_its_cap(loop: Loop, people: Logins, pending: Any) -> None:
    loop.policy("proposal_caps", daily_limit=100)
    again = loop.propose(step("a", "http", params={"url": "https://y/"}))["proposal_id"]
    proposing = people.session("producer")
    pid = opened(proposing, "select * from fn_create_proposal(%s)", json.dumps({"steps": [step("a")]}))
    said = held(people.session("operator"), "select * from fn_reject_proposal(%s)", again)
    assert pid in [h["pid"] for h in said["holders"]]
    proposing.execute("commit")


RECORD = "select * from fn_record_replay('m', 'l')"


@pytest.mark.parametrize(
    ("open_call", "call"),
    [
        (RECORD, RECORD),
        (RECORD, "select * from fn_redrive_dead_letter('l')"),
        ("select * from fn_redrive_dead_letter('l')", "select * from fn_redrive_dead_letter('l')"),
        ("select fn_archive_dead_letter('new')", "select fn_archive_dead_letter('new')"),
        ("select * from fn_idempotent('k')", "select * from fn_idempotent('k')"),
    ],
)
def test_letters_replays_and_keys_of_an_open_transaction_are_told_with_its_name(
    loop: Loop, people: Logins, open_call: str, call: str
) -> None:
    loop.value("select fn_archive_dead_letter('l', 'm')")
    login = people.make("worker", "operator")
    first, second = people.open(login), people.session("worker", "operator")
    pid = opened(first, open_call)
    assert (pid, login) in [(h["pid"], h["login"]) for h in held(second, call)["holders"]]
    first.execute("rollback")
    second.execute(call)


@pytest.mark.parametrize(
    "call",
    ["select fn_emit_event('signal', '{}', 'k')", "select fn_publish_outbox('a', 'b', 'c', '{}', 'k')",
     """select * from fn_create_proposal('{"steps": [{"kind": "noop"}]}', 'manual', 'k')""",
     """select * from fn_create_proposals('[{"template": {"steps": [{"kind": "noop"}]}, "dedupe_key": "k"}]')"""],
)  # fmt: skip
def test_a_dedupe_key_of_an_open_transaction_is_waited_for_two_seconds(
    session: Callable[[], Loop], people: Logins, call: str
) -> None:
    first, second = people.session("producer"), people.session("producer")
    opened(first, call)
    waiting = run(second, call)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        waiting.result(3 * LIMIT)
    # Nor do heartbeats wait for it.
    assert session().heartbeat()["ok"]
    first.execute("commit")
    second.execute(call)


def test_explain_names_the_session_that_holds_a_queued_step(loop: Loop, session: Callable[[], Loop]) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    other = session()
    with other.conn.transaction():
        other.do("update ops_mission_steps set priority = priority")
        assert loop.claim() == []
        (reason,) = loop.rows("select * from fn_explain_mission(%s)", mission)
        pid = other.conn.info.backend_pid
        assert (reason["reason"], reason["code"]) == ("session", "OPS_031")
        assert f"session {pid} of " in reason["detail"]
        assert reason["frees"] == f"select pg_terminate_backend({pid});"
    (reason,) = loop.rows("select * from fn_explain_mission(%s)", mission)
    assert reason["reason"] == "queue"
