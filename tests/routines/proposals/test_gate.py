"""The gate: its codes, and that fn_gate_proposal says the same without writing."""

from uuid import uuid4

import pytest

from looping import step

HTTP = step("a", "http", params={"url": "https://x/", "method": "GET"})


def gate(loop, proposal):
    before = loop.contents()
    said = tuple(loop.row("select * from fn_gate_proposal(%s)", proposal).values())
    assert loop.contents() == before
    return said


def test_an_approved_proposal_passed(loop):
    made = loop.propose(step("a"))
    ok, code, reason = gate(loop, made["proposal_id"])
    assert (ok, code) == (True, None)
    assert reason == "auto_approved: policy allows it"


def test_a_pending_one_needs_a_person_by_ops_009_until_policy_changes(loop):
    made = loop.propose(HTTP)
    ok, code, reason = gate(loop, made["proposal_id"])
    assert (ok, code) == (False, "OPS_009")
    assert made["reason"] == f"OPS_009: {reason}"
    loop.allow("http")
    assert gate(loop, made["proposal_id"]) == (True, None, "policy allows it")


def test_one_whose_template_was_changed_is_ops_016(loop):
    made = loop.propose(HTTP)
    loop.do(
        "update ops_mission_proposals set template = %s where id = %s",
        {"steps": [step("a")]},
        made["proposal_id"],
    )
    assert gate(loop, made["proposal_id"])[:2] == (False, "OPS_016")


def test_a_rejected_one_keeps_the_code_it_was_rejected_with(loop):
    loop.policy("proposal_caps", per_source={"manual": 0})
    made = loop.propose(step("a"))
    assert made["status"] == "rejected"
    assert gate(loop, made["proposal_id"])[:2] == (False, "OPS_003")


def test_one_that_a_person_rejected_is_ops_014(loop):
    made = loop.propose(HTTP)
    loop.row("select * from fn_reject_proposal(%s, 'ada', 'no')", made["proposal_id"])
    assert gate(loop, made["proposal_id"]) == (False, "OPS_014", "rejected: no")


def test_a_command_that_is_not_on_the_allow_list_is_rejected_by_ops_003(loop):
    made = loop.propose(step("a", "command", params={"argv": ["rm", "-rf", "/"]}))
    assert made["status"] == "rejected"
    assert made["reason"].startswith("OPS_003: ")
    assert "command_allow" in made["reason"]
    assert loop.value("select count(*) from ops_missions") == 0


def test_a_command_on_the_allow_list_is_of_high_risk_and_waits_for_a_person(loop):
    loop.policy("worker_policy", command_allow=[["git", "status"]])
    made = loop.propose(step("a", "command", params={"argv": ["git", "status"]}))
    assert made["status"] == "pending"
    assert loop.proposals()[0]["risk_level"] == "high"


def test_a_cap_is_asked_only_for_what_was_not_counted_yet(loop):
    made = loop.propose(HTTP)
    loop.policy("proposal_caps", daily_limit=1)
    assert gate(loop, made["proposal_id"])[1] == "OPS_009"
    loop.do("update ops_mission_proposals set counted_at = null")
    loop.propose(HTTP)
    assert gate(loop, made["proposal_id"])[:2] == (False, "OPS_003")


def test_an_unknown_proposal_is_ops_012(loop):
    loop.refused("012", "select * from fn_gate_proposal(%s)", uuid4())
    loop.refused("012", "select * from fn_gate_proposal(null)")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"enabled": False}, "enabled"),
        ({"allowed_step_kinds": ["radar"]}, "allowed_step_kinds"),
        ({"allowed_step_kinds": []}, "allowed_step_kinds"),
        ({"allowed_executors": ["radar"]}, "allowed_executors"),
        (
            {"risk_rules": [{"name": "noop is odd", "executor": "noop", "risk_level": "medium"}]},
            "noop is odd",
        ),
    ],
)
def test_the_reason_names_the_rule_that_kept_it_from_running(loop, changes, word):
    loop.policy("auto_approve", **changes)
    made = loop.propose(step("a"))
    assert made["status"] == "pending"
    assert word in made["reason"]


def test_every_step_must_be_allowed(loop):
    assert loop.propose(step("a"), step("b", "http", params={"url": "https://x/"}))["status"] == "pending"


def test_the_declared_risk_counts_too(loop):
    assert loop.propose(step("a"), risk_level="medium")["status"] == "pending"
    loop.policy("auto_approve", max_risk_level="medium")
    assert loop.propose(step("a"), risk_level="medium")["status"] == "auto_approved"


def test_nobody_lowers_his_own_risk(loop):
    loop.allow()
    made = loop.propose(step("a", "sql", params={"statement": "drop table x"}), risk_level="low")
    assert made["status"] == "pending"
    assert loop.proposals()[0]["risk_level"] == "high"


def test_kind_and_executor_must_both_be_allowed(loop):
    loop.allow("noop")
    disguised = loop.propose(step("a", "noop", executor="sql", params={"statement": "select 1"}))
    assert disguised["status"] == "pending"
    assert "executor sql" in disguised["reason"]
    renamed = loop.propose(step("a", "tidy", executor="noop"))
    assert renamed["status"] == "pending"
    assert "kind tidy" in renamed["reason"]
    loop.allow("noop", "tidy")
    assert loop.propose(step("a", "tidy", executor="noop"))["status"] == "auto_approved"


def test_what_waits_for_persons_does_not_slow_the_gate_of_the_heartbeat(loop):
    loop.do(
        "insert into ops_mission_proposals (id, source, template, template_digest, counted_at)"
        " select gen_random_uuid(), 'manual', '{\"steps\": []}', '', now() from generate_series(1, 5000)"
    )
    loop.row("select _duty_proposals(50)")
    (plan,) = loop.value("explain (analyze, buffers, format json) select _duty_proposals(50)")
    assert plan["Plan"]["Shared Hit Blocks"] < 100
