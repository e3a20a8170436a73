"""Documents that are judged beside those in force: what they would have decided, off the path of what is decided."""

from typing import Any

import pytest

from approving import Team, rule
from looping import Loop, step

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
    loop.refused("018", "select fn_shadow_policy('reaction_matrix', '{\"patterns\": []}')")
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
