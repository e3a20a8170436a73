"""Documents that are judged beside those in force: what they would have decided, off the path of what is decided."""

import copy
import random
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from approving import Team, rule
from looping import Loop, step, template

HTTP = step("a", "http", params={"url": "https://x/"})
OPEN = {"enabled": True, "allowed_step_kinds": ["noop", "http"], "max_risk_level": "high"}


@pytest.fixture(autouse=True)
def morning(loop: Loop) -> None:
    """It is morning of a day nobody else proposes on."""
    loop.stop_clock("2030-05-05 08:00:00+00")


def shadow(loop: Loop, value: dict[str, Any] | None, key: str = "auto_approve") -> bool:
    return loop.value("select fn_shadow_policy(%s, %s, 'ann', 'a week of looking')", key, value)


def judge(loop: Loop, *limit: int) -> None:
    """What the heartbeat does in half a minute."""
    for _ in range(2):
        loop.advance(15)
        loop.rows(f"select _duty_explain({limit[0] if limit else ''})")


def found(loop: Loop, key: str = "auto_approve"):
    rows = loop.rows("select * from fn_shadow_decisions(%s)", key)
    matrix = {(r["old_outcome"], r["new_outcome"]): r["decisions"] for r in rows if r["kind"] == "matrix"}
    return matrix, [r for r in rows if r["kind"] == "decision"]


def test_what_is_proposed_from_then_on_is_judged_once_and_decides_nothing(loop):
    loop.propose(HTTP)
    loop.advance(1)
    assert shadow(loop, OPEN)
    made = loop.propose(HTTP, title="look")
    assert made["status"] == "pending"
    loop.propose(step("a"))
    judge(loop)
    judge(loop)
    matrix, (row,) = found(loop)
    assert matrix == {("pending", "auto_approved"): 1, ("auto_approved", "auto_approved"): 1}
    assert (row["proposal_id"], row["title"], row["reason"]) == (
        made["proposal_id"],
        "look",
        "policy allows it",
    )
    (told,) = loop.rows("select * from fn_list_shadows()")
    assert (told["key"], told["decisions"], told["differing"], told["set_by"]) == (
        "auto_approve",
        2,
        1,
        "ann",
    )
    assert loop.row("select status from ops_mission_proposals where id = %s", made["proposal_id"]) == {
        "status": "pending"
    }


def test_it_says_of_each_decision_what_a_dry_run_says(loop):
    caps = {"daily_limit": 4}
    shadow(loop, caps, "proposal_caps")
    for n in range(9):
        loop.propose(step("a"), source="ab"[n % 2])
        loop.advance(7)
        if n % 3 == 0:
            judge(loop)
    judge(loop)
    rehearsed = loop.rows("select * from fn_dry_run_policy('proposal_caps', %s, '2030-01-01')", caps)
    matrix, rows = found(loop, "proposal_caps")
    assert matrix == {
        (r["old_outcome"], r["new_outcome"]): r["decisions"] for r in rehearsed if r["kind"] == "matrix"
    }
    assert matrix[("auto_approved", "waits")] == 5
    assert sorted(r["proposal_id"] for r in rows) == sorted(
        r["proposal_id"] for r in rehearsed if r["kind"] == "decision"
    )


def test_of_a_batch_larger_than_a_turn_may_judge_the_rest_comes_with_the_next(loop):
    shadow(loop, OPEN)
    for _ in range(7):
        loop.propose(HTTP)
        loop.advance(1)
    judge(loop, 3)
    assert found(loop)[0] == {("pending", "auto_approved"): 3}
    judge(loop, 3)
    judge(loop, 3)
    judge(loop, 3)
    assert found(loop)[0] == {("pending", "auto_approved"): 7}


def test_the_newest_ten_thousand_differences_are_kept_and_all_are_counted(loop):
    shadow(loop, OPEN)
    loop.do(
        "insert into ops_shadow_decisions (key, old_outcome, new_outcome, proposal_id, source, decided_at)"
        " select 'auto_approve', 'pending', 'rejected', gen_random_uuid(), 'x', '2030-05-05'"
        " from generate_series(1, 10000)"
    )
    loop.propose(HTTP)
    judge(loop)
    assert loop.value("select count(*) from ops_shadow_decisions") == 10000
    assert found(loop)[1][0]["new_outcome"] == "auto_approved"


def test_rules_of_approval_are_held_against_what_was_asked(loop):
    team = Team(loop)
    team.rules(rule(oncall=1), groups={"oncall": ["ada", "eve"]})
    rules = loop.value("select fn_get_policy('approval_rules')")
    rules["rules"][0]["require"][0]["count"] = 2
    rules["rules"][0]["expires_minutes"] = 60
    shadow(loop, rules, "approval_rules")
    proposal = team.propose("bob")
    loop.propose(step("a"))
    team.approve("ada", proposal)
    judge(loop)
    matrix, (row,) = found(loop, "approval_rules")
    assert matrix == {("asks", "asks more"): 1}
    assert row["reason"] == "2 of oncall, within 60 minutes instead of 1 of oncall"
    assert row["rule"] == "approval_rules.rules.two"
    # Unchanged rules ask the same.
    shadow(loop, loop.value("select fn_get_policy('approval_rules')"), "approval_rules")
    team.propose("bob")
    judge(loop)
    assert found(loop, "approval_rules") == ({("asks", "asks"): 1}, [])


def test_the_same_document_does_not_begin_anew_another_does_and_none_ends_it(loop):
    shadow(loop, OPEN)
    loop.propose(HTTP)
    judge(loop)
    assert not shadow(loop, OPEN)
    assert found(loop)[0] == {("pending", "auto_approved"): 1}
    assert shadow(loop, {**OPEN, "enabled": False})
    assert found(loop)[0] == {}
    assert shadow(loop, None)
    assert not shadow(loop, None)
    assert loop.rows("select * from fn_list_shadows()") == []
    assert [r["action"] for r in loop.rows("select action from ops_audit_log order by id desc limit 3")] == [
        "end_shadow",
        "shadow_policy",
        "shadow_policy",
    ]
    loop.refused("012", "select * from fn_shadow_decisions('auto_approve')")


def test_what_cannot_be_one_is_refused(loop):
    loop.refused("018", "select fn_shadow_policy('outbox', '{}')")
    loop.refused("017", "select fn_shadow_policy('auto_approve', '{\"enabeld\": true}')")
    shadow(loop, OPEN)
    loop.refused("018", "select fn_shadow_decisions('auto_approve', 20000)")


def test_the_heartbeat_judges_by_it_and_costs_nothing_without_one(loop):
    before = loop.contents(
        "ops_agent_events", "distributed_locks", "ops_counts", "ops_count_times", "ops_counters"
    )
    loop.rows("select _duty_explain()")
    assert before == loop.contents(
        "ops_agent_events", "distributed_locks", "ops_counts", "ops_count_times", "ops_counters"
    )
    shadow(loop, OPEN)
    loop.propose(HTTP)
    for _ in range(3):
        loop.advance(15)
        assert loop.heartbeat()["ok"]
    assert found(loop)[0] == {("pending", "auto_approved"): 1}


def test_after_a_restore_a_ticket_of_another_server_does_not_stand_in_the_way(loop):
    shadow(loop, OPEN)
    loop.propose(HTTP)
    loop.advance(15)
    loop.rows("select _duty_explain()")
    loop.do("update ops_policy_shadows set ticket = '99999999999999'")
    judge(loop)
    assert found(loop)[0] == {("pending", "auto_approved"): 1}


# Of the reaction matrix


def patterns(*given: dict[str, Any]) -> dict[str, Any]:
    """A reaction matrix; a pattern without a template gets one."""
    return {"patterns": [{"template": template(step("a")), **one} for one in given]}


def reactions(loop: Loop):
    """What the shadow of the matrix has counted, and by type and pattern what differs."""
    matrix, rows = found(loop, "reaction_matrix")
    types = {r["id"]: r["type"] for r in loop.rows("select id, type from ops_events")}
    return matrix, sorted(
        (types[r["event_id"]], r["pattern"], r["old_outcome"], r["new_outcome"]) for r in rows
    )


def test_of_a_matrix_events_are_judged_once_all_that_reacted_is_proposed(loop):
    loop.value(
        "select fn_set_policy('reaction_matrix', %s)",
        Jsonb(patterns({"name": "old", "event_type": "disk"}, {"name": "both", "event_type": "mail"})),
    )
    loop.emit("disk")
    loop.turn()
    loop.advance(1)
    shadow(
        loop,
        patterns(
            {"name": "both", "event_type": "mail", "template": template(HTTP)},
            {"name": "new", "event_type": "cpu"},
        ),
        "reaction_matrix",
    )
    for kind in ("disk", "mail", "cpu", "else"):
        loop.emit(kind)
    judge(loop)
    assert reactions(loop) == ({}, [])
    loop.rows("select * from fn_evaluate_triggers()")
    judge(loop)
    assert reactions(loop) == ({}, [])
    loop.turn()
    judge(loop)
    judge(loop)
    assert reactions(loop) == (
        {("auto_approved", "none"): 1, ("auto_approved", "pending"): 1, ("none", "auto_approved"): 1},
        [
            ("cpu", "new", "none", "auto_approved"),
            ("disk", "old", "auto_approved", "none"),
            ("mail", "both", "auto_approved", "pending"),
        ],
    )
    (told,) = loop.rows("select * from fn_list_shadows()")
    assert (told["decisions"], told["differing"]) == (3, 3)
    assert len(loop.proposals()) == 3


def test_a_matrix_is_held_against_successes_that_nobody_watched(loop):
    shadow(
        loop,
        patterns(
            {"name": "step", "event_type": "step:noop:succeeded"}, {"name": "end", "event_type": "mission:*"}
        ),
        "reaction_matrix",
    )
    for _ in range(2):
        mission = loop.mission(step("a"))
        loop.complete(loop.work(mission), {})
    assert loop.value("select count(*) from ops_agent_events where type like '%%succeeded'") == 0
    judge(loop)
    judge(loop)
    assert reactions(loop)[0] == {("none", "auto_approved"): 4}
    assert [row[:2] for row in reactions(loop)[1]] == [
        ("mission:succeeded", "end"), ("mission:succeeded", "end"),
        ("step:noop:succeeded", "step"), ("step:noop:succeeded", "step"),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_a_matrix_says_of_each_event_what_a_dry_run_says(loop, seed):
    chance = random.Random(seed)
    in_force = patterns(
        {
            "name": "look",
            "event_type": "disk",
            "probability": 0.7,
            "dedupe_key": "{{event.data.host}}:{{event.id}}",
        },
        {"name": "cool", "event_type": ["disk", "mail"], "cooldown_minutes": 20, "template": template(HTTP)},
        {"name": "once", "event_type": "mail", "dedupe_key": "k"},
    )
    tried = copy.deepcopy(in_force)
    tried["patterns"][1]["cooldown_minutes"] = 90
    tried["patterns"][2]["dedupe_key"] = "{{event.data.host}}"
    tried["patterns"].append(patterns({"name": "more", "event_type": "*", "source": "x"})["patterns"][0])
    loop.value("select fn_set_policy('reaction_matrix', %s)", Jsonb(in_force))
    loop.policy("proposal_caps", daily_limit=40)
    shadow(loop, tried, "reaction_matrix")
    for _ in range(40):
        for _ in range(chance.randint(0, 3)):
            data = {"host": chance.choice("ab"), "source": chance.choice("xyz")}
            loop.emit(chance.choice(["disk", "mail", "cpu"]), data)
        loop.turn()
        loop.advance(chance.randint(10, 900))
        if chance.random() < 0.4:
            judge(loop, chance.choice([1, 5, 5000]))
    for _ in range(3):
        # Longer than it rests after a turn on a slow machine.
        loop.advance(900)
        judge(loop)
    rehearsed = loop.rows("select * from fn_dry_run_policy('reaction_matrix', %s, '2030-01-01')", tried)
    matrix, rows = found(loop, "reaction_matrix")
    assert matrix == {
        (r["old_outcome"], r["new_outcome"]): r["decisions"] for r in rehearsed if r["kind"] == "matrix"
    }
    told = ("event_id", "pattern", "old_outcome", "new_outcome", "rule")
    assert len(rows) > 10
    assert sorted([tuple(map(str, (r[f] for f in told))) for r in rows]) == sorted(
        [tuple(map(str, (r[f] for f in told))) for r in rehearsed if r["kind"] == "decision"]
    )
