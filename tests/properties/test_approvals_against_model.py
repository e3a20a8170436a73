"""Approvals against a plain model of them: random rules, groups, votes, vetoes, grants, break-glass and time.

Each person is a session of its own. The model keeps what the rules said when a proposal was made, each vote with the
groups that its login had then, what a heartbeat has timed, held and escalated, and tries every assignment of votes to
seats. Rules are edited and taken back, groups and roles change, the clock jumps with and without a heartbeat, and steps
in the middle of missions are decided like proposals. After each act, a proposal has a mission exactly if the model says
that it may have one.
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
        "on_expiry": st.sampled_from(["reject", "hold"]),
        "escalate": st.dictionaries(st.sampled_from(GROUPS), st.sampled_from([2, 8]), max_size=1),
        "veto": st.sampled_from([[], [], ["leads"]]),
    }
)
GROUP = st.fixed_dictionaries({"logins": st.sets(st.sampled_from(PEOPLE)), "role": st.booleans()})
RULES = st.fixed_dictionaries(
    {
        "groups": st.fixed_dictionaries(dict.fromkeys(GROUPS, GROUP)),
        "rules": st.lists(RULE, max_size=2),
        "per_month": st.integers(0, 2),
    }
)
PERSON = st.sampled_from(PEOPLE)
NUMBER = st.integers(0, 7)
#: What follows the name of an act, and how often it is drawn.
ACTS: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "propose": (3, (PERSON,)),
    "park": (2, (PERSON,)),
    "approve": (12, (PERSON, NUMBER)),
    "reject": (2, (PERSON, NUMBER)),
    "glass": (1, (PERSON, NUMBER)),
    "grant": (1, (PERSON, st.integers(1, 2))),
    "rules": (3, (RULES,)),
    "rollback": (2, ()),
    "groups": (1, (st.sampled_from(GROUPS), GROUP)),
    "member": (1, (PERSON, st.booleans())),
    "wait": (5, (st.sampled_from([0, 1, 3, 10]),)),
    "jump": (2, (st.sampled_from([-3, 2, 6, 30]),)),
}
NAMES = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]


@st.composite
def acts(draw: st.DrawFn) -> tuple[Any, ...]:
    """One act: its name, and what its method takes."""
    name = draw(st.sampled_from(NAMES))
    return (name, *(draw(one) for one in ACTS[name][1]))


CLOCK = """
  create sequence test_clock minvalue 0 start 0;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin return timestamptz '2030-01-01 12:00:00+00' + (select last_value from test_clock) * interval '1 s'; end; $$"""


class Case:
    """One proposal of the model, or a step that is parked for an approval."""

    def __init__(self, ident: Any, proposer: str, rules: dict[str, Any], version: int, now: int) -> None:
        self.id = ident
        self.is_step = False
        self.proposer = proposer
        self.then = rules
        #: By whom, with the groups of then, and when.
        self.votes: dict[str, tuple[set[str], int]] = {}
        self.asked = now
        self.expires = float("inf")
        self.on_expiry: str | None = None
        self.held: int | None = None
        self.pending: set[tuple[str, str, int]] = set()
        self.escalated: set[tuple[str, str]] = set()
        self.status = "open"
        self.seen = version
        self.retime(rules)

    def retime(self, rules: dict[str, Any]) -> None:
        """What these rules add to when it expires and whom it escalates to."""
        if self.held is None:
            self.expires = min(self.expires, shortest(rules, self.asked))
        said = {r["on_expiry"] for r in rules["rules"] if r["expires_minutes"]}
        if said:
            strict = "reject" if "reject" in said or self.on_expiry == "reject" else "hold"
            self.on_expiry = strict
        for rule, group, minutes in escalations(rules):
            if (rule, group) not in self.escalated:
                self.pending.add((rule, group, self.asked + minutes * MINUTE))

    def turn(self, rules: dict[str, Any], version: int, now: int) -> None:
        """What a heartbeat does about it."""
        if self.status != "open":
            return
        if self.seen != version:
            self.seen = version
            self.retime(rules)
        if now >= self.expires:
            if self.on_expiry == "reject":
                self.status = "expired"
                return
            self.held = now
            self.expires = float("inf")
        due = {one for one in self.pending if one[2] <= now}
        self.pending -= due
        self.escalated |= {(rule, group) for rule, group, _ in due}


def shortest(rules: dict[str, Any], asked: int) -> float:
    """When rules let a proposal expire that was made at `asked`."""
    minutes = [r["expires_minutes"] for r in rules["rules"] if r["expires_minutes"]]
    return asked + min(minutes) * MINUTE if minutes else float("inf")


def escalations(rules: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Rule, group and minutes of each escalation."""
    return [
        (f"rule {n}", group, minutes)
        for n, r in enumerate(rules["rules"])
        for group, minutes in r["escalate"].items()
    ]


def seats(rules: dict[str, Any], case: Case, now: int) -> list[set[str]] | None:
    """The groups that may fill each seat; None where no rule asks.

    Escalations count that a heartbeat has told of and that are due by these very rules.
    """
    if not rules["rules"]:
        return None
    more = {
        (rule, group)
        for rule, group, minutes in escalations(rules)
        if (rule, group) in case.escalated and case.asked + minutes * MINUTE <= now
    }
    found = [
        {group, *(g for rule, g in more if rule == f"rule {n}")}
        for n, r in enumerate(rules["rules"])
        for group, count in r["require"].items()
        for _ in range(count)
    ]
    return found or [{"*"}]


def can_sit(wanted: list[set[str]] | None, voters: dict[str, set[str]]) -> bool:
    """Whether some assignment of voters fills every seat: all are tried."""
    if wanted is None:
        return True
    return any(
        all(seat & {"*", *voters[who]} for seat, who in zip(wanted, chosen, strict=True))
        for chosen in permutations(voters, len(wanted))
    )


class World:
    """The loop, its people, and the model of both."""

    def __init__(self, loop: Loop, sessions: dict[str, psycopg.Connection[Any]]) -> None:
        self.loop = loop
        self.sessions = sessions
        self.rules: dict[str, Any] = {}
        self.versions: dict[int, dict[str, Any]] = {}
        self.version = 0
        self.members: set[str] = set()
        self.now = 0
        self.cases: list[Case] = []
        self.glass = 0

    def call(self, person: str, query: str, *params: Any) -> str | None:
        """The SQLSTATE that this person's call is refused with."""
        try:
            self.sessions[person].execute(query, params)
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def groups_of(self, person: str) -> set[str]:
        """The groups of a person now: by name, or as a member of the role."""
        return {
            name
            for name, group in self.rules["groups"].items()
            if person in group["logins"] or (group["role"] and person in self.members)
        }

    def is_due(self, case: Case) -> bool:
        if case.held is not None:
            return False
        return self.now >= min(case.expires, shortest(self.rules, case.asked))

    def is_satisfied(self, case: Case) -> bool:
        """Whether the seats of both the rules then and now can be filled by the votes that count."""
        voters = {
            who: had & self.groups_of(who)
            for who, (had, at) in case.votes.items()
            if who != case.proposer and (case.held is None or at > case.held)
        }
        return all(can_sit(seats(rules, case, self.now), voters) for rules in (case.then, self.rules))

    def asks(self, case: Case) -> bool:
        return bool(case.then["rules"] or self.rules["rules"])

    def do(self, act: tuple[Any, ...]) -> None:
        self.set_clock(self.now + 1)
        getattr(self, f"do_{act[0]}")(*act[1:])

    def set_clock(self, now: int) -> None:
        self.now = max(now, 0)
        self.loop.rows("select setval('test_clock', %s)", self.now)

    def do_rules(self, rules: dict[str, Any]) -> None:
        document = {
            "groups": {
                name: {
                    "logins": sorted(f"model_{p}" for p in group["logins"]),
                    **({"roles": ["model_role"]} if group["role"] else {}),
                }
                for name, group in rules["groups"].items()
            },
            "rules": [
                {
                    "name": f"rule {n}",
                    "require": [{"group": g, "count": c} for g, c in r["require"].items()],
                    "veto": r["veto"],
                    "escalate": [{"group": g, "after_minutes": m} for g, m in r["escalate"].items()],
                    **(
                        {"expires_minutes": r["expires_minutes"], "on_expiry": r["on_expiry"]}
                        if r["expires_minutes"]
                        else {}
                    ),
                }
                for n, r in enumerate(rules["rules"])
            ],
            "break_glass": {"group": "leads", "per_month": rules["per_month"]},
        }
        self.version = self.loop.value("select fn_set_policy('approval_rules', %s)", Jsonb(document))
        self.rules = self.versions[self.version] = rules

    def do_groups(self, name: str, group: dict[str, Any]) -> None:
        self.do_rules({**self.rules, "groups": {**self.rules["groups"], name: group}})

    def do_member(self, person: str, is_in: bool) -> None:
        (self.members.add if is_in else self.members.discard)(person)
        self.loop.do(f"{'grant model_role to' if is_in else 'revoke model_role from'} model_{person}")

    def do_rollback(self) -> None:
        """Back to the version before, where this example has made it."""
        if (before := self.versions.get(self.version - 1)) is not None:
            self.version = self.loop.value("select fn_rollback_policy('approval_rules')")
            self.rules = self.versions[self.version] = before

    def do_wait(self, minutes: int) -> None:
        self.set_clock(self.now + minutes * MINUTE)
        self.loop.rows("select _duty_approvals()")
        self.loop.rows("select _duty_missions()")
        for case in self.cases:
            case.turn(self.rules, self.version, self.now)

    def do_jump(self, minutes: int) -> None:
        """The clock moves, and no heartbeat comes."""
        self.set_clock(self.now + minutes * MINUTE)

    def do_grant(self, person: str, uses: int) -> None:
        assert (
            self.call(person, "select fn_grant('{\"kinds\": [\"http\"]}', null, null, 'model', %s)", uses)
            is None
        )

    def do_propose(self, person: str) -> None:
        work = template(step("a", "http", params={"url": "https://x/"}), title=str(len(self.cases)))
        row = self.sessions[person].execute("select * from fn_create_proposal(%s)", [Jsonb(work)]).fetchone()
        assert row is not None
        case = Case(row[0], person, self.rules, self.version, self.now)
        self.cases.append(case)
        for use in self.loop.rows(
            "select g.granted_login from ops_grant_uses u join ops_grants g on g.id = u.grant_id"
            " where u.proposal_id = %s",
            case.id,
        ):
            who = use["granted_login"].removeprefix("model_")
            assert who != person
            case.votes[who] = (self.groups_of(who), self.now)
        if case.votes and self.is_satisfied(case):
            case.status = "approved"

    def do_park(self, person: str) -> None:
        """A mission of this person's that policy lets run, and that waits for an approval in its first step."""
        work = template(step("gate", "approval"))
        row = self.sessions[person].execute("select * from fn_create_proposal(%s)", [Jsonb(work)]).fetchone()
        assert row is not None
        assert row[1] == "auto_approved", row
        ident = self.loop.value("select id from ops_mission_steps where mission_id = %s", row[2])
        case = Case(ident, person, self.rules, self.version, self.now)
        case.is_step = True
        self.cases.append(case)

    def the(self, number: int) -> Case | None:
        return self.cases[number % len(self.cases)] if self.cases else None

    def do_approve(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None:
            return
        refused = self.call(person, "select * from fn_approve_proposal(%s)", case.id)
        if case.is_step and case.status != "open":
            assert refused in ("OP012", "OP014")
        elif case.status == "approved":
            assert refused is None
        elif case.status != "open":
            assert refused == "OP014"
        elif person == case.proposer:
            assert refused == "OP015"
        elif self.asks(case) and self.is_due(case):
            assert refused == "OP087"
        else:
            own = self.groups_of(person)
            wanted = [seats(rules, case, self.now) or [] for rules in (case.then, self.rules)]
            if self.asks(case) and not any(seat & {"*", *own} for rules in wanted for seat in rules):
                assert refused == "OP085"
                return
            assert refused is None
            had, at = case.votes.get(person, (None, 0))
            if had != own or (case.held is not None and at <= case.held):
                case.votes[person] = (own, self.now)
            if self.is_satisfied(case):
                case.status = "approved"

    def do_reject(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None or case.status != "open":
            return
        refused = self.call(person, "select * from fn_reject_proposal(%s)", case.id)
        if case.is_step and person == case.proposer:
            assert refused == "OP015"
            return
        if self.asks(case) and self.is_due(case):
            assert refused == "OP087"
            return
        assert refused is None
        vetoing = {g for rules in (case.then, self.rules) for r in rules["rules"] for g in r["veto"]}
        case.votes.pop(person, None)
        if not vetoing or person == case.proposer or vetoing & self.groups_of(person):
            case.status = "rejected"

    def do_glass(self, person: str, number: int) -> None:
        if (case := self.the(number)) is None:
            return
        refused = self.call(person, "select * from fn_break_glass(%s, null, 'it burns')", case.id)
        may = (
            case.status == "open"
            and not case.is_step
            and person != case.proposer
            and "leads" in self.groups_of(person)
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
        steps = {r["id"]: r["status"] for r in self.loop.rows("select id, status from ops_mission_steps")}
        for case in self.cases:
            if case.is_step:
                wanted = {"open": "waiting", "approved": "succeeded"}.get(case.status, "failed")
                assert steps[case.id] == wanted, (case.id, case.status, case.votes)
                continue
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
    loop.do("drop role if exists model_role")
    loop.do("create role model_role")
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
    @given(RULES, st.lists(acts(), min_size=15, max_size=40))
    def run(rules: dict[str, Any], day: list[tuple[Any, ...]]) -> None:
        loop.do(
            "truncate ops_mission_proposals, ops_proposal_votes, ops_approvals, ops_approval_seats, ops_break_glass,"
            " ops_grants, ops_grant_uses, ops_missions, ops_mission_steps, ops_parked_steps, ops_action_runs,"
            " ops_ready, ops_agent_events, ops_cap_counters"
        )
        for person in PEOPLE:
            loop.do(f"revoke model_role from model_{person}")
        world = World(loop, sessions)
        world.set_clock(0)
        world.do_rules(rules)
        world.do_propose("bob")
        for act in day:
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
        loop.do("drop role model_role")
