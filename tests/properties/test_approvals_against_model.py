"""Approvals against a plain model of them: random rules, groups, votes, vetoes, grants, break-glass and time.

Each person is a session of its own. The model keeps what the rules said when a proposal was made, each vote with the
groups that its login had then, and tries every assignment of votes to seats. After each act, a proposal has a mission
exactly if the model says that it may have one.
"""

import os
from itertools import permutations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from looping import Loop, step, template

PEOPLE = ["ada", "bob", "eve", "kim"]
GROUPS = ["oncall", "leads"]
MINUTE = 60

RULE = st.fixed_dictionaries(
    {
        "require": st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), max_size=2),
        "expires_minutes": st.sampled_from([None, None, 5, 20]),
        "veto": st.sampled_from([[], [], ["leads"]]),
    }
)
RULES = st.fixed_dictionaries(
    {
        "groups": st.fixed_dictionaries({name: st.sets(st.sampled_from(PEOPLE)) for name in GROUPS}),
        "rules": st.lists(RULE, max_size=2),
        "per_month": st.integers(0, 2),
    }
)
PERSON = st.sampled_from(PEOPLE)
NUMBER = st.integers(0, 7)
ACTS = st.one_of(
    st.tuples(st.just("propose"), PERSON),
    *[st.tuples(st.just("approve"), PERSON, NUMBER)] * 4,
    st.tuples(st.just("reject"), PERSON, NUMBER),
    st.tuples(st.just("glass"), PERSON, NUMBER),
    st.tuples(st.just("rules"), RULES),
    st.tuples(st.just("grant"), PERSON, st.integers(1, 2)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 10])),
)
CLOCK = """
  create sequence test_clock minvalue 0 start 0;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin return timestamptz '2030-01-01 12:00:00+00' + (select last_value from test_clock) * interval '1 s'; end; $$"""


class Case:
    """One proposal of the model."""

    def __init__(self, ident: Any, proposer: str, rules: dict[str, Any], now: int) -> None:
        self.id = ident
        self.proposer = proposer
        self.then = rules
        self.votes: dict[str, set[str]] = {}
        self.asked = now
        self.expires = shortest(rules, now)
        self.status = "open"


def shortest(rules: dict[str, Any], asked: int) -> float:
    """When rules let a proposal expire that was made at `asked`."""
    minutes = [r["expires_minutes"] for r in rules["rules"] if r["expires_minutes"]]
    return asked + min(minutes) * MINUTE if minutes else float("inf")


def seats(rules: dict[str, Any]) -> list[str] | None:
    """The group of each seat; None where no rule asks."""
    if not rules["rules"]:
        return None
    found = [group for r in rules["rules"] for group, count in r["require"].items() for _ in range(count)]
    return found or ["*"]


def groups_of(rules: dict[str, Any], person: str) -> set[str]:
    """The groups of a person."""
    return {name for name, people in rules["groups"].items() if person in people}


def can_sit(wanted: list[str] | None, voters: dict[str, set[str]]) -> bool:
    """Whether some assignment of voters fills every seat: all are tried."""
    if wanted is None:
        return True
    return any(
        all(seat == "*" or seat in voters[who] for seat, who in zip(wanted, chosen, strict=True))
        for chosen in permutations(voters, len(wanted))
    )


class World:
    """The loop, its people, and the model of both."""

    def __init__(self, loop: Loop, sessions: dict[str, psycopg.Connection[Any]]) -> None:
        self.loop = loop
        self.sessions = sessions
        self.rules: dict[str, Any] = {"groups": {g: set() for g in GROUPS}, "rules": [], "per_month": 0}
        self.now = 0
        self.cases: list[Case] = []
        self.grant_uses: set[tuple[Any, Any]] = set()
        self.glass = 0

    def call(self, person: str, query: str, *params: Any) -> str | None:
        """The SQLSTATE that this person's call is refused with."""
        try:
            self.sessions[person].execute(query, params)
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def is_due(self, case: Case) -> bool:
        return self.now >= min(case.expires, shortest(self.rules, case.asked))

    def is_satisfied(self, case: Case) -> bool:
        """Whether the seats of both the rules then and now can be filled by the votes that count."""
        voters = {
            who: had & groups_of(self.rules, who) for who, had in case.votes.items() if who != case.proposer
        }
        return can_sit(seats(case.then), voters) and can_sit(seats(self.rules), voters)

    def asks(self, case: Case) -> bool:
        return bool(case.then["rules"] or self.rules["rules"])

    def do(self, act: tuple[Any, ...]) -> None:
        getattr(self, f"do_{act[0]}")(*act[1:])

    def do_rules(self, rules: dict[str, Any]) -> None:
        document = {
            "groups": {
                name: {"logins": [f"model_{p}" for p in people]} for name, people in rules["groups"].items()
            },
            "rules": [
                {
                    "name": f"rule {n}",
                    "require": [{"group": g, "count": c} for g, c in r["require"].items()],
                    "veto": r["veto"],
                    **({"expires_minutes": r["expires_minutes"]} if r["expires_minutes"] else {}),
                }
                for n, r in enumerate(rules["rules"])
            ],
            "break_glass": {"group": "leads", "per_month": rules["per_month"]},
        }
        self.loop.rows("select fn_set_policy('approval_rules', %s)", Jsonb(document))
        self.rules = rules

    def do_wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.loop.rows("select setval('test_clock', %s)", self.now)
        self.loop.rows("select _duty_approvals()")
        for case in self.cases:
            if case.status == "open":
                case.expires = min(case.expires, shortest(self.rules, case.asked))
                if self.now >= case.expires:
                    case.status = "expired"

    def do_grant(self, person: str, uses: int) -> None:
        assert (
            self.call(person, "select fn_grant('{\"kinds\": [\"http\"]}', null, null, 'model', %s)", uses)
            is None
        )

    def do_propose(self, person: str) -> None:
        work = template(step("a", "http", params={"url": "https://x/"}), title=str(len(self.cases)))
        row = self.sessions[person].execute("select * from fn_create_proposal(%s)", [Jsonb(work)]).fetchone()
        assert row is not None
        case = Case(row[0], person, self.rules, self.now)
        self.cases.append(case)
        for use in self.loop.rows(
            "select g.granted_login from ops_grant_uses u join ops_grants g on g.id = u.grant_id"
            " where u.proposal_id = %s",
            case.id,
        ):
            who = use["granted_login"].removeprefix("model_")
            assert who != person
            case.votes[who] = groups_of(self.rules, who)
        if case.votes and self.is_satisfied(case):
            case.status = "approved"

    def the(self, number: int) -> Case | None:
        return self.cases[number % len(self.cases)] if self.cases else None

    def do_approve(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None:
            return
        refused = self.call(person, "select * from fn_approve_proposal(%s)", case.id)
        if case.status == "approved":
            assert refused is None
        elif case.status != "open":
            assert refused == "OP014"
        elif person == case.proposer:
            assert refused == "OP015"
        elif self.asks(case) and self.is_due(case):
            assert refused == "OP087"
        else:
            own = groups_of(self.rules, person)
            wanted = {*(seats(case.then) or []), *(seats(self.rules) or [])}
            if self.asks(case) and not wanted & {"*", *own}:
                assert refused == "OP085"
                return
            assert refused is None
            case.votes[person] = own
            if self.is_satisfied(case):
                case.status = "approved"

    def do_reject(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None or case.status != "open":
            return
        refused = self.call(person, "select * from fn_reject_proposal(%s)", case.id)
        if self.asks(case) and self.is_due(case):
            assert refused == "OP087"
            return
        assert refused is None
        vetoing = {g for rules in (case.then, self.rules) for r in rules["rules"] for g in r["veto"]}
        case.votes.pop(person, None)
        if not vetoing or person == case.proposer or vetoing & groups_of(self.rules, person):
            case.status = "rejected"

    def do_glass(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None:
            return
        refused = self.call(person, "select * from fn_break_glass(%s, null, 'it burns')", case.id)
        may = (
            case.status == "open"
            and person != case.proposer
            and "leads" in groups_of(self.rules, person)
            and self.asks(case)
            and not self.is_due(case)
            and self.glass < self.rules["per_month"]
        )
        assert (refused is None) == may, refused
        if may:
            self.glass += 1
            case.status = "approved"

    def check(self) -> None:
        """The database says of every proposal what the model says."""
        found = {
            r["id"]: r
            for r in self.loop.rows(
                "select p.id, p.status, m.id as mission from ops_mission_proposals p"
                " left join ops_missions m on m.proposal_id = p.id"
            )
        }
        for case in self.cases:
            row = found[case.id]
            status = "open" if row["status"] in ("pending", "voting") else row["status"]
            assert status == case.status, (case.id, row, case.votes)
            assert (row["mission"] is not None) == (case.status == "approved")


@pytest.mark.timeout(600)
def test_no_mission_starts_but_by_the_seats_that_the_rules_ask_for(conn: Any, connect: Any) -> None:
    loop = Loop(conn)
    loop.do(CLOCK)
    loop.policy("proposal_caps", daily_limit=None)
    sessions = {}
    for person in PEOPLE:
        loop.do(f"drop role if exists model_{person}")
        loop.do(f"create role model_{person} login in role opsloop_operator, opsloop_producer")
        sessions[person] = connect()
        sessions[person].execute(f"set session authorization model_{person}")

    @settings(
        max_examples=int(os.environ.get("OPSLOOP_EXAMPLES", "60")),
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(RULES, st.lists(ACTS, min_size=5, max_size=30))
    def run(rules: dict[str, Any], acts: list[tuple[Any, ...]]) -> None:
        loop.do(
            "truncate ops_mission_proposals, ops_proposal_votes, ops_approvals, ops_approval_seats, ops_break_glass,"
            " ops_grants, ops_grant_uses, ops_missions, ops_mission_steps, ops_ready, ops_agent_events,"
            " ops_cap_counters"
        )
        loop.rows("select setval('test_clock', 0)")
        world = World(loop, sessions)
        world.do_rules(rules)
        world.do_propose("bob")
        for act in acts:
            world.do(act)
            world.check()
        assert loop.rows("select * from fn_check_invariants('approvals')") == []

    try:
        run()
    finally:
        for person in PEOPLE:
            sessions[person].close()
            loop.do(f"drop owned by model_{person}")
            loop.do(f"drop role model_{person}")
