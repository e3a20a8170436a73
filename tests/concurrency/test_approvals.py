"""Fifty connections vote, approve, veto and propose at once: exact outcomes, no deadlock, each decision once."""

import random
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once

WORK = step("a", "http", params={"url": "https://x/"})
CREATE = "select proposal_id, status from fn_create_proposal(%s)"
CALLS = {
    "approve": "select status from fn_approve_proposal(%s)",
    "reject": "select status from fn_reject_proposal(%s)",
    "decide": "select code, ok from fn_decide(%s)",
}
#: Refused because somebody was faster, or for the login's own proposal.
EXPECTED = {"OP014", "OP015"}


@pytest.fixture
def people(loop):
    """Twelve logins that may decide; the last two are the vetoing group."""
    tag = uuid4().hex[:6]
    names = [f"p{n:02}_{tag}" for n in range(12)]
    for name in names:
        loop.do(f"create role {name} login in role opsloop_operator, opsloop_producer")
    yield names
    for name in names:
        loop.do(f"drop owned by {name}")
        loop.do(f"drop role {name}")


def as_person(session, name):
    mine = session()
    mine.do(f"set session authorization {name}")
    return mine


def test_fifty_connections_at_once_leave_exact_outcomes(loop, session, people):
    loop.policy("proposal_caps", daily_limit=None)
    loop.policy(
        "approval_rules",
        groups={"oncall": {"logins": people[:10]}, "security": {"logins": people[10:]}},
        rules=[{"name": "three", "require": [{"group": "oncall", "count": 3}], "veto": ["security"]}],
    )
    proposals = [loop.propose(WORK, title=str(n))["proposal_id"] for n in range(12)]
    vetoed = set(proposals[:4])

    def worker(n):
        name = people[n % 12]
        mine = as_person(session, name)
        rng = random.Random(n)

        def work():
            refused, made = [], []
            for proposal in rng.sample(proposals, len(proposals)):
                call = "reject" if name in people[10:] else "approve"
                if call == "reject" and proposal not in vetoed:
                    call = "propose"
                try:
                    if call == "propose":
                        made.append(
                            mine.row(CREATE, template(WORK, title=f"{name} {proposal}"))["proposal_id"]
                        )
                    else:
                        mine.rows(CALLS[call], proposal)
                except psycopg.Error as error:
                    refused.append(error.sqlstate)
            return refused, made

        return work

    results = at_once([worker(n) for n in range(50)], seconds=110)
    assert {code for refused, _ in results for code in refused} <= EXPECTED
    made = [one for _, ids in results for one in ids]
    stored = {p["id"]: p["status"] for p in loop.proposals()}
    assert len(stored) == len(proposals) + len(made)
    assert {stored[p] for p in proposals if p not in vetoed} == {"approved"}
    assert {stored[p] for p in vetoed} <= {"approved", "rejected"}
    assert {stored[p] for p in made} == {"pending"}
    missions = loop.rows("select proposal_id from ops_missions")
    assert sorted(m["proposal_id"] for m in missions) == sorted(
        p for p in proposals if stored[p] == "approved"
    )
    seats = loop.rows(
        "select proposal_id, count(distinct login) as n from ops_approval_seats where held_by = 'in force' group by 1"
    )
    assert {r["n"] for r in seats} == {3}
    votes = loop.value("select count(*) from ops_proposal_votes where decision")
    recorded = loop.rows(
        "select subject_id, action, detail ->> 'voted_login' as login, count(*) as n from ops_audit_log"
        " where action in ('approve', 'reject') group by 1, 2, 3"
    )
    assert {r["n"] for r in recorded} == {1}
    assert len(recorded) == votes
    assert loop.broken() == []


def test_batches_in_any_order_never_wait_for_each_other_in_a_circle(loop, session, people):
    loop.policy("proposal_caps", daily_limit=1000, per_source={"a": 500, "b": 500})
    proposals = [
        loop.row("select * from fn_create_proposal(%s, %s)", template(WORK, title=str(n)), "ab"[n % 2])[
            "proposal_id"
        ]
        for n in range(20)
    ]
    shown = {e["id"]: e["digest"] for e in loop.rows("select id, digest from fn_inbox()")}

    def worker(n):
        mine = as_person(session, people[n % 12])
        order = random.Random(n).sample(proposals, len(proposals))
        decisions = [
            {"id": str(p), "decision": "reject" if n % 2 else "approve", "digest": shown[p]} for p in order
        ]
        return lambda: mine.rows(CALLS["decide"], Jsonb(decisions))

    answers = [a for rows in at_once([worker(n) for n in range(24)], seconds=110) for a in rows]
    assert {a["code"] for a in answers} <= {None, "OPS_014"}
    assert sum(a["ok"] for a in answers) == len(proposals)
    rejected = sum(p["status"] == "rejected" for p in loop.proposals())
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == len(proposals) - rejected
    assert loop.broken() == []


def test_a_grant_is_used_as_often_as_it_says_by_any_number_at_once(loop, session, people):
    loop.policy("proposal_caps", daily_limit=None)
    with psycopg.connect(loop.conn.info.dsn, autocommit=True, options="-c search_path=opsloop") as granter:
        granter.execute(f"set session authorization {people[0]}")
        granter.execute("select fn_grant('{\"kinds\": [\"http\"]}', null, null, 'routine', 7)")

    def worker(n):
        mine = as_person(session, people[1 + n % 11])
        return lambda: [mine.row(CREATE, template(WORK, title=f"{n} {m}"))["status"] for m in range(3)]

    statuses = [s for got in at_once([worker(n) for n in range(20)], seconds=110) for s in got]
    assert (statuses.count("approved"), statuses.count("pending")) == (7, 53)
    assert loop.row("select uses from ops_grants") == {"uses": 7}
    assert loop.broken() == []


def test_the_month_has_as_many_broken_glasses_as_policy_says(loop, session, people):
    loop.policy(
        "approval_rules",
        groups={"leads": {"logins": people}},
        rules=[{"name": "two", "require": [{"group": "leads", "count": 2}]}],
        break_glass={"group": "leads", "per_month": 3},
    )
    proposals = [loop.propose(WORK, title=str(n))["proposal_id"] for n in range(10)]

    def worker(n):
        mine = as_person(session, people[n])

        def work():
            try:
                return mine.row("select status from fn_break_glass(%s, null, 'it burns')", proposals[n])[
                    "status"
                ]
            except psycopg.Error as error:
                return error.sqlstate

        return work

    answers = at_once([worker(n) for n in range(10)], seconds=110)
    assert (answers.count("approved"), answers.count("OP090")) == (3, 7)
    assert loop.broken() == []
