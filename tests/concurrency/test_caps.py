"""Caps hold under concurrency: exactly as many pass as the cap says."""

import time

import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once, run, wait_until, wait_until_blocked

CREATE = "select * from fn_create_proposal(%s, %s)"


@pytest.fixture(autouse=True)
def noon(loop):
    """All of it happens within one hour of the day."""
    loop.do("create or replace function _now() returns timestamptz language plpgsql set search_path from current"
            " as $$ begin return date_trunc('day', now()) + interval '12 hours'"
            " + (clock_timestamp() - date_trunc('day', now())) / 100; end $$")  # fmt: skip


def propose_at_once(session, sessions, each, source=None):
    """So many sessions propose so many each; returns their statuses."""

    def proposer(n):
        mine = session()

        def work():
            return [
                mine.row(CREATE, template(step("a")), source or f"source {n % 2}")["status"]
                for _ in range(each)
            ]

        return work

    return [s for got in at_once([proposer(n) for n in range(sessions)]) for s in got]


def settled(loop):
    """Heartbeats until every proposal whose counter was busy has been gated; returns the statuses."""

    def beat():
        loop.turn()
        return loop.value("select count(*) from ops_mission_proposals where status = 'pending'") == 0

    wait_until(beat, "every proposal is gated")
    return [p["status"] for p in loop.proposals()]


def test_with_a_daily_limit_of_100_and_50_connections_at_once_exactly_100_pass(loop, session):
    loop.policy("proposal_caps", daily_limit=100, over_limit="reject")
    first = propose_at_once(session, 50, 3)
    assert len(first) == 150
    assert first.count("auto_approved") <= 100
    statuses = settled(loop)
    assert statuses.count("auto_approved") == 100
    assert statuses.count("rejected") == 50
    assert loop.value("select count(*) from ops_missions") == 100


def test_the_hourly_limit_and_that_of_a_source_are_as_exact(loop, session):
    loop.policy(
        "proposal_caps", daily_limit=None, hourly_limit=25, per_source={"source 0": 7}, over_limit="reject"
    )
    propose_at_once(session, 12, 4)
    settled(loop)
    passed = [p["source"] for p in loop.proposals() if p["status"] == "auto_approved"]
    assert len(passed) == 25
    assert passed.count("source 0") <= 7


def test_a_source_alone_fills_its_cap_exactly(loop, session):
    loop.policy(
        "proposal_caps", daily_limit=None, per_source={"mail": {"hourly_limit": 9}}, over_limit="reject"
    )
    propose_at_once(session, 10, 2, "mail")
    assert settled(loop).count("auto_approved") == 9


def test_a_busy_counter_leaves_the_proposal_pending_within_a_moment_and_a_heartbeat_gates_it(loop, session):
    loop.policy("proposal_caps", daily_limit=10)
    loop.propose(step("a"))
    holder, other = session(), session()
    holder.do("begin")
    assert holder.propose(step("a"))["status"] == "auto_approved"
    began = time.monotonic()
    made = other.propose(step("a"))
    took = time.monotonic() - began
    assert (made["status"], made["mission_id"]) == ("pending", None)
    assert "busy" in made["reason"]
    assert 0.04 < took < 2, took
    other.turn()
    assert (
        other.value("select status from ops_mission_proposals where id = %s", made["proposal_id"])
        == "pending"
    )
    holder.do("commit")
    other.turn()
    assert (
        other.value("select status from ops_mission_proposals where id = %s", made["proposal_id"])
        == "auto_approved"
    )
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == 3


def test_the_callers_own_lock_timeout_is_left_as_it_was(loop, session):
    loop.policy("proposal_caps", daily_limit=10)
    loop.propose(step("a"))
    holder, other = session(), session()
    holder.do("begin")
    holder.propose(step("a"))
    other.do("set lock_timeout = '7s'")
    other.do("begin")
    assert other.propose(step("a"))["status"] == "pending"
    assert other.value("show lock_timeout") == "7s"
    other.do("commit")
    assert other.value("show lock_timeout") == "7s"
    holder.do("rollback")
    loop.turn()
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == 2


def test_the_first_counter_of_a_day_is_opened_once(loop, session):
    loop.policy("proposal_caps", daily_limit=3, over_limit="reject")
    propose_at_once(session, 8, 1, "mail")
    assert settled(loop).count("auto_approved") == 3
    assert loop.value("select count(*) from ops_cap_counters where scope = 'day'") == 1


def test_a_rejection_beside_a_proposal_frees_exactly_one_place(loop, session):
    loop.policy("proposal_caps", daily_limit=4)
    pending = [loop.propose(step("a", "http", params={"url": "https://x/"}))["proposal_id"] for _ in range(4)]

    def reject(n):
        mine = session()
        return lambda: mine.row("select * from fn_reject_proposal(%s)", pending[n])

    def propose():
        mine = session()
        return lambda: mine.propose(step("a"))

    at_once([reject(0), reject(1), propose(), propose(), propose()])
    loop.do("update ops_mission_proposals set reason = reason")
    loop.turn()
    counted = (
        "select count(*) from ops_mission_proposals where counted_at is not null and status <> 'rejected'"
    )
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == loop.value(counted) <= 4


def test_of_two_who_race_with_one_key_under_a_cap_one_counts(loop, session):
    loop.policy("proposal_caps", daily_limit=50, per_source={"mail": 5}, over_limit="reject")

    def proposer(n):
        mine = session()
        batch = [
            {"template": template(), "source": "mail" if k % 2 else "chat", "dedupe_key": f"k{k}"}
            for k in range(12)
        ]
        return lambda: mine.rows("select * from fn_create_proposals(%s)", Jsonb(batch[n:] + batch[:n]))

    answers = at_once([proposer(n) for n in range(6)])
    assert len({r["proposal_id"] for got in answers for r in got}) == 12
    statuses = settled(loop)
    assert (statuses.count("auto_approved"), statuses.count("rejected")) == (11, 1)
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == 11


def test_a_key_lost_to_another_session_gives_its_place_back(loop, session, connect):
    loop.policy("proposal_caps", daily_limit=5, per_source={"mail": 3, "chat": 3})
    first, second = session(), session()
    first.do("begin")
    first.do("insert into ops_mission_proposals (id, dedupe_key, source, template, template_digest)"
             " select gen_random_uuid(), 'k', 'chat', '{}', ''")  # fmt: skip
    batch = [{"template": template(), "source": "mail", "dedupe_key": k} for k in ("k", "l")]
    waiting = run(second.conn, "select * from fn_create_proposals(%s)", (Jsonb(batch),))
    wait_until_blocked(connect(), second.conn)
    first.do("commit")
    rows = waiting.result()
    assert [r["status"] for r in rows] == ["pending", "auto_approved"]
    assert [r["mission_id"] is not None for r in rows] == [False, True]
    assert loop.value("select used from ops_cap_counters where scope = 'day:mail'") == 1
    loop.do("delete from ops_mission_proposals where dedupe_key = 'k'")


def test_as_many_of_a_source_wait_as_policy_lets_however_many_propose_at_once(loop, session):
    loop.policy("proposal_caps", daily_limit=2, max_waiting=5)
    propose_at_once(session, 12, 2, "mail")
    for _ in range(20):
        loop.turn()
    statuses = [p["status"] for p in loop.proposals()]
    assert (statuses.count("auto_approved"), statuses.count("pending")) == (2, 5)
