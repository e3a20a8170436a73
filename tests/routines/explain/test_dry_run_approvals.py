"""What other approval_rules would have made of the votes on record: as when the same people vote under them."""

import random
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from approving import Team, rule
from looping import step

PEOPLE = ["ada", "bob", "eve", "kim"]
GROUPS = ["oncall", "leads"]


@pytest.fixture
def team(loop) -> Team:
    """A team, on a morning of its own."""
    loop.stop_clock("2030-05-05 08:00:00+00")
    return Team(loop)


def groups(team: Team, **people: str) -> dict[str, Any]:
    """The groups of a document, by the short names of their logins."""
    return {name: {"logins": [team.login(one) for one in listed.split()]} for name, listed in people.items()}


def dry_run(team: Team, document: dict[str, Any], key: str | None = "approval_rules"):
    rows = team.loop.rows("select * from fn_dry_run_policy(%s, %s, '2030-01-01')", key, Jsonb(document))
    matrix = {(r["old_outcome"], r["new_outcome"]): r["decisions"] for r in rows if r["kind"] == "matrix"}
    return matrix, [r for r in rows if r["kind"] == "decision"]


def test_what_would_have_needed_more_people_comes_with_rule_and_seats(team):
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    before = team.loop.contents()
    draft = {"groups": groups(team, oncall="ada eve"), "rules": [rule("releases", oncall=2)]}
    matrix, (row,) = dry_run(team, draft)
    assert matrix == {("approved", "open"): 1}
    assert (row["proposal_id"], row["rule"]) == (proposal, "approval_rules.rules.releases")
    assert row["reason"] == f"1 of 2: one more of oncall, not {team.login('bob')}, who proposed it"
    assert team.loop.contents() == before


def test_fewer_seats_would_have_started_what_still_waits(team):
    team.rules(rule(oncall=2), groups={"oncall": ["ada", "eve"]})
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    matrix, _ = dry_run(team, {"groups": {}, "rules": []})
    assert matrix == {("open", "approved"): 1}


def test_a_veto_an_expiry_and_a_reason_would_have_ended_it_otherwise(team):
    team.rules(rule("two", oncall=2, veto=["leads"]), groups={"oncall": ["ada", "eve"], "leads": ["kim"]})
    first, second = team.propose("bob"), team.propose("bob")
    team.loop.advance(600)
    team.reject("ada", first)
    team.approve("ada", second)
    team.approve("eve", second, "seen")
    given = groups(team, oncall="ada eve")
    matrix, rows = dry_run(
        team, {"groups": given, "rules": [rule("two", oncall=2, veto=["oncall"], expires_minutes=60)]}
    )
    assert matrix == {("approved", "approved"): 1, ("open", "refused"): 1}
    assert rows[0]["reason"] == f"{team.login('ada')} may end it alone"
    matrix, rows = dry_run(team, {"groups": given, "rules": [rule("two", oncall=2, expires_minutes=5)]})
    assert matrix == {("approved", "expired"): 1, ("open", "expired"): 1}
    assert rows[0]["reason"] == "nobody decided within 5 minutes"
    matrix, _ = dry_run(team, {"groups": given, "rules": [rule("two", oncall=2, reason_required=True)]})
    assert matrix[("approved", "open")] == 1


def test_an_escalation_would_have_let_others_decide_from_its_time_on(team):
    late, early = team.propose("bob"), team.propose("bob")
    team.loop.advance(300)
    team.approve("kim", early)
    team.loop.advance(900)
    team.approve("kim", late)
    given = groups(team, oncall="ada", leads="kim")
    escalate = [{"after_minutes": 10, "group": "leads"}]
    matrix, (row,) = dry_run(team, {"groups": given, "rules": [rule(oncall=1, escalate=escalate)]})
    assert matrix == {("approved", "approved"): 1, ("approved", "open"): 1}
    assert row["proposal_id"] == early


def test_a_vote_that_was_changed_later_counts_until_then(team):
    people = {"oncall": ["ada", "eve"], "leads": ["kim"]}
    team.rules(rule(oncall=2, veto=["leads"]), groups=people)
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    team.reject("ada", proposal)
    team.approve("eve", proposal)
    rules = team.loop.value("select fn_get_policy('approval_rules')")
    assert dry_run(team, rules)[0] == {("open", "open"): 1}
    rules["rules"][0]["require"][0]["count"] = 1
    assert dry_run(team, rules)[0] == {("open", "approved"): 1}


def test_a_glass_is_broken_so_often_a_month_as_the_rules_say(team):
    glass = {"group": "leads", "per_month": 2}
    team.rules(rule(oncall=2), groups={"oncall": ["ada", "eve"], "leads": ["kim"]}, break_glass=glass)
    for _ in range(2):
        proposal = team.propose("bob")
        with team.being("kim"):
            team.loop.row("select * from fn_break_glass(%s, null, 'it burns')", proposal)
    rules = team.loop.value("select fn_get_policy('approval_rules')")
    assert dry_run(team, rules)[0] == {("approved", "approved"): 2}
    rules["break_glass"]["per_month"] = 1
    assert dry_run(team, rules)[0] == {("approved", "approved"): 1, ("approved", "open"): 1}
    del rules["break_glass"]
    assert dry_run(team, rules)[0] == {("approved", "open"): 2}


def test_who_was_in_a_role_then_is_known_where_the_group_had_it_and_else_unknown(team):
    role = f"security_{team.login('ada')}"
    team.loop.do(f"create role {role}")
    team.loop.do(f"grant {role} to {team.login('ada')}")
    team.loop.policy("approval_rules", groups={"security": {"roles": [role]}}, rules=[rule(security=1)])
    team.approve("ada", team.propose("bob"))
    team.loop.do(f"revoke {role} from {team.login('ada')}")
    matrix, _ = dry_run(team, {"groups": {"security": {"roles": [role]}}, "rules": [rule(security=1)]})
    assert matrix == {("approved", "approved"): 1}
    matrix, (row,) = dry_run(
        team, {"groups": {"safety": {"roles": ["opsloop_admin"]}}, "rules": [rule(safety=1)]}
    )
    assert matrix == {("approved", "unknown"): 1}
    assert row["reason"] == "it depends on who was in the roles of its groups then"


def test_a_template_that_was_changed_by_hand_and_votes_that_are_gone_are_unknown(team):
    team.approve("ada", team.propose("bob"))
    team.loop.do("update ops_mission_proposals set template = jsonb_set(template, '{title}', '\"x\"')")
    assert dry_run(team, {"rules": []})[0] == {("approved", "unknown"): 1}
    team.loop.do("delete from ops_mission_proposals")
    team.approve("ada", team.propose("bob"))
    team.loop.do("delete from ops_audit_log where action = 'approve'")
    assert dry_run(team, {"rules": []})[0] == {("approved", "unknown"): 1}


def test_with_auto_approve_beside_it_what_asks_nobody_is_left_out_and_the_risk_is_the_draft_s(team):
    team.approve("ada", team.propose("bob"))
    draft = {
        "approval_rules": {
            "groups": groups(team, oncall="ada eve"),
            "rules": [rule(oncall=2, when={"min_risk": "high"})],
        },
        "auto_approve": {
            "enabled": True,
            "allowed_step_kinds": ["noop"],
            "max_risk_level": "low",
            "risk_rules": [{"name": "calls", "executor": "http", "risk_level": "high"}],
        },
    }
    assert dry_run(team, draft, None)[0] == {("pending", "pending"): 1, ("approved", "open"): 1}
    draft["auto_approve"]["risk_rules"] = []
    draft["auto_approve"]["allowed_step_kinds"] = ["http"]
    assert dry_run(team, draft, None)[0] == {("pending", "auto_approved"): 1}


def test_rules_of_which_everything_is_null_are_none(team):
    team.approve("ada", team.propose("bob"))
    nothing = {"groups": None, "rules": None, "break_glass": None, "publish": None}
    assert dry_run(team, nothing)[0] == {("approved", "approved"): 1}
    empty = {"groups": {"oncall": {"logins": None, "roles": None}}, "rules": [rule(oncall=1)]}
    assert dry_run(team, empty)[0] == {("approved", "open"): 1}


def test_faulty_rules_are_refused_with_every_fault(team):
    team.loop.refused(
        "017", 'select fn_dry_run_policy(\'approval_rules\', \'{"rules": [{"name": "x", "requier": 1}]}\')'
    )


def some_rules(team: Team, chance: random.Random) -> dict[str, Any]:
    """Rules of one or two kinds of seats, on groups of some of the people."""
    return {
        "groups": groups(team, **{g: " ".join(chance.sample(PEOPLE, chance.randint(1, 4))) for g in GROUPS}),
        "rules": [
            rule(
                f"rule {n}",
                **{g: chance.randint(1, 2) for g in chance.sample(GROUPS, chance.randint(0, 2))},
                when={"min_risk": chance.choice(["low", "medium", "high"])},
                veto=chance.choice([[], ["leads"]]),
                reason_required=chance.random() < 0.2,
                expires_minutes=chance.choice([None, 5, 20, 60]),
                on_expiry=chance.choice(["reject", "hold"]),
                escalate=chance.choice([[], [{"after_minutes": 10, "group": "leads"}]]),
            )
            for n in range(chance.randint(0, 2))
        ],
        "break_glass": {"group": "leads", "per_month": chance.randint(0, 2)},
    }


def sound(document: dict[str, Any]) -> dict[str, Any]:
    """on_expiry needs expires_minutes."""
    for one in document["rules"]:
        if one["expires_minutes"] is None:
            del one["expires_minutes"], one["on_expiry"]
    return document


class Day:
    """Proposals and what people say to them, minute by minute."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.ids: list[Any] = []
        self.ended: dict[int, tuple[int, str]] = {}
        self.accepted: list[tuple[Any, ...]] = []

    def act(self, at: int, act: str, person: str, number: int, reason: str | None) -> None:
        loop = self.team.loop
        loop.stop_clock(f"2030-05-05 {8 + at // 60:02}:{at % 60:02}:00+00")
        loop.rows("select _duty_approvals()")
        if act == "propose":
            kind = step("a", "http", params={"url": "https://x/", "method": "GET" if number % 2 else "POST"})
            with self.team.being(person):
                self.ids.append(loop.propose(kind)["proposal_id"])
            self.accepted.append((at, act, person, number, reason))
            return
        if number >= len(self.ids):
            return
        try:
            with self.team.being(person), loop.savepoint():
                loop.rows(f"select * from fn_{act}(%s, null, %s)", self.ids[number], reason)
        except psycopg.Error:
            return
        self.accepted.append((at, act, person, number, reason))

    def note(self, moment: int) -> None:
        """Which proposals have ended by this act, and how."""
        names = {"pending": "open", "voting": "open", "rejected": "refused"}
        for number, status in self.statuses().items():
            if (number not in self.ended) and names.get(status, status) != "open":
                self.ended[number] = (moment, names.get(status, status))

    def statuses(self) -> dict[int, str]:
        found = {
            r["id"]: r["status"] for r in self.team.loop.rows("select id, status from ops_mission_proposals")
        }
        return {number: found[one] for number, one in enumerate(self.ids)}


def live(team: Team, acts: list[tuple[Any, ...]]) -> Day:
    day = Day(team)
    for moment, act in enumerate(acts):
        day.act(*act)
        day.note(moment)
    return day


@pytest.mark.parametrize("seed", range(12))
def test_unchanged_rules_agree_with_the_record_and_changed_ones_with_the_same_votes_under_them(team, seed):
    chance = random.Random(seed)
    loop = team.loop
    loop.policy("proposal_caps", daily_limit=None)
    for person in PEOPLE:
        team.login(person)
    rules, others = sound(some_rules(team, chance)), sound(some_rules(team, chance))
    loop.value("select fn_set_policy('approval_rules', %s)", Jsonb(rules))
    at, acts = 0, []
    for _ in range(60):
        at += chance.choice([0, 0, 1, 3, 12])
        act = chance.choice(["propose", *["approve_proposal"] * 4, "reject_proposal", "break_glass"])
        number = len([a for a in acts if a[1] == "propose"]) if act == "propose" else chance.randint(0, 9)
        acts.append((at, act, chance.choice(PEOPLE), number, chance.choice([None, "seen"])))
    day = live(team, acts)

    matrix, rows = dry_run(team, rules)
    assert rows == []
    assert sum(matrix.values()) == len(day.ids)
    _, rows = dry_run(team, others)
    found = {number: status for number, (_, status) in day.ended.items()}
    found = {number: found.get(number, "open") for number in range(len(day.ids))}
    found |= {day.ids.index(r["proposal_id"]): r["new_outcome"] for r in rows}

    # The same votes under the other rules, each proposal up to when it ended.
    loop.empty()
    loop.value("select fn_set_policy('approval_rules', %s)", Jsonb(others))
    again = Day(team)
    expected = {}
    for moment, act in enumerate(acts):
        if act in day.accepted:
            if act[1] == "break_glass" and not others["rules"]:
                # One decision is enough then, and the glass stays whole.
                act = (act[0], "approve_proposal", *act[2:])
            again.act(*act)
        else:
            again.act(act[0], "nothing", "ada", 99, None)
        again.note(moment)
        for number, (ended, _) in day.ended.items():
            if ended == moment:
                expected[number] = again.ended.get(number, (0, "open"))[1]
    for number in range(len(day.ids)):
        expected.setdefault(number, again.ended.get(number, (0, "open"))[1])
    assert found == expected
