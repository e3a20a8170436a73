"""What policy judges is what runs: judged at the gate, and again in the claim on what would really run."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

SQL = {"statement": "select 1"}


def parked(loop, mission, key="a"):
    """Claims nothing; returns why the step waits."""
    assert loop.claim(10) == []
    row = loop.step(mission, key)
    assert row["status"] == "waiting"
    assert row["attempt"] == 0
    return row["wait_reason"]


# Policy changed between approval and claim


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"enabled": False}, "enabled"),
        ({"allowed_step_kinds": ["radar"]}, "allowed_step_kinds"),
        ({"allowed_executors": ["radar"]}, "allowed_executors"),
        ({"risk_rules": [{"name": "noop is odd", "executor": "noop", "risk_level": "high"}]}, "high"),
    ],
)
def test_policy_tightened_after_approval_parks_the_step_with_the_reason(loop, changes, word):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", **changes)
    reason = parked(loop, mission)
    assert reason.startswith("OPS_009: ")
    assert word in reason
    assert loop.broken() == []


def test_what_is_parked_does_not_lie_in_front_of_what_may_run(loop):
    loop.allow("noop", "sql")
    first = loop.mission(step("a", "sql", params=SQL))
    second = loop.mission(step("a"))
    loop.allow("noop")
    assert [w["mission_id"] for w in loop.claim(10)] == [second]
    assert loop.step(first)["status"] == "waiting"


def test_a_policy_that_changed_without_touching_it_lets_the_step_run(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", allowed_step_kinds=["noop", "radar", "sql"])
    assert loop.work(mission)["key"] == "a"


def test_what_a_person_approved_runs_though_policy_would_not_approve_it(loop):
    loop.policy("auto_approve", enabled=False)
    mission = loop.mission(step("a"))
    assert loop.the_mission(mission)["auto_approved"] is False
    loop.policy("worker_policy")  # judged again
    assert loop.work(mission)["key"] == "a"


def test_but_not_when_it_has_become_riskier_than_what_he_approved(loop):
    loop.policy("auto_approve", enabled=False)
    mission = loop.mission(step("a"))
    loop.policy(
        "auto_approve", risk_rules=[{"name": "noop is odd", "executor": "noop", "risk_level": "medium"}]
    )
    assert parked(loop, mission) == "OPS_009: risk medium is higher than the low that was approved"


def test_retrying_a_parked_step_approves_exactly_what_would_run(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    parked(loop, mission)
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.work(mission)["attempt"] == 1


def test_and_for_that_only(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    parked(loop, mission)
    loop.retry(loop.step(mission)["id"])
    loop.do("update ops_mission_steps set params = %s", {"other": 1})
    loop.policy("auto_approve", enabled=False)
    assert parked(loop, mission).startswith("OPS_009: ")


def test_a_command_taken_off_the_allow_list_is_parked_and_cannot_be_retried(loop):
    loop.policy("worker_policy", command_allow=[["git", "status"]])
    mission = loop.mission(step("a", "command", params={"argv": ["git", "status"]}))
    loop.policy("worker_policy", command_allow=[])
    assert parked(loop, mission).startswith("OPS_003: ")
    loop.refused("003", "select fn_retry_step(%s)", loop.step(mission)["id"])
    loop.policy("worker_policy", command_allow=[["git", "status"]])
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.work(mission)["run_with"] == "command"


# Values that are equal as jsonb and differ as text


@pytest.mark.parametrize("params", [[1, 1.0], [1.0, 1]])
def test_numbers_that_are_written_differently_are_judged_one_by_one(loop, params):
    rule = {"name": "a point", "risk_level": "high", "params": {"n": r"\."}}
    loop.policy("auto_approve", risk_rules=[rule])
    steps = [step(params={"n": n}) for n in params]
    mixed = loop.propose(*steps)
    assert mixed["status"] == "pending"
    assert "a point" in mixed["reason"]
    batch = Jsonb([{"template": template(one)} for one in steps])
    answers = loop.rows("select status from fn_create_proposals(%s)", batch)
    assert [a["status"] for a in answers] == ["pending" if "." in str(n) else "auto_approved" for n in params]


# What the results of earlier steps make of it


def second(loop, mission, result):
    """Completes the first step with a result."""
    assert loop.complete(loop.work(mission, "find"), result) == "accepted"


def test_results_are_filled_in_and_keep_their_type(loop):
    mission = loop.mission(
        step("find"),
        step(
            "a",
            params={
                "n": "{{steps.find.result.n}}",
                "t": "n={{steps.find.result.n}}",
                "all": ["{{steps.find.result}}"],
            },
        ),
    )
    second(loop, mission, {"n": 3, "list": [1, None]})
    assert loop.work(mission)["params"] == {"n": 3, "t": "n=3", "all": [{"n": 3, "list": [1, None]}]}


def test_the_stored_params_stay_as_written(loop):
    mission = loop.mission(step("find"), step("a", params={"n": "{{steps.find.result.n}}"}))
    second(loop, mission, {"n": 3})
    loop.work(mission)
    assert loop.step(mission)["params"] == {"n": "{{steps.find.result.n}}"}


def test_text_that_a_result_brought_in_is_never_read_for_placeholders(loop):
    evil = "{{steps.find.result.secret}}"
    mission = loop.mission(
        step("find"),
        step("a", params={"x": "{{steps.find.result.x}}", "y": "a {{steps.find.result.x}}"}),
    )
    second(loop, mission, {"x": evil, "secret": "s"})
    work = loop.work(mission)
    assert work["params"] == {"x": evil, "y": f"a {evil}"}
    assert loop.fail(work, after=0) == "queued"
    assert loop.work(mission)["params"] == {"x": evil, "y": f"a {evil}"}


def test_a_placeholder_without_a_value_fails_the_step_and_names_the_path(loop):
    mission = loop.mission(step("find"), step("a", params={"deep": ["{{steps.find.result.missing}}"]}))
    second(loop, mission, {"n": 3})
    assert loop.claim(5) == []
    row = loop.step(mission)
    assert (row["status"], row["attempt"]) == ("failed", 0)
    assert row["last_error"].startswith("OPS_004: ")
    assert "deep[0]" in row["last_error"]
    assert "steps.find.result.missing" in row["last_error"]
    assert loop.status(mission) == "failed"
    (letter,) = loop.rows("select * from dead_letter_archive")
    assert letter["original_msg_id"] == str(row["id"])
    assert loop.broken() == []


def test_params_that_rendering_made_riskier_than_what_was_approved_are_parked(loop):
    loop.allow(
        risk_rules=[{"name": "deep", "executor": "noop", "params": {"path": "^/etc"}, "risk_level": "high"}]
    )
    mission = loop.mission(step("find"), step("a", params={"path": "{{steps.find.result}}"}))
    second(loop, mission, "/etc/passwd")
    assert parked(loop, mission) == "OPS_009: risk high is higher than the low that was approved"
    loop.retry(loop.step(mission)["id"])
    assert loop.work(mission)["params"] == {"path": "/etc/passwd"}


def test_harmless_rendered_params_run(loop):
    loop.allow(
        risk_rules=[{"name": "deep", "executor": "noop", "params": {"path": "^/etc"}, "risk_level": "high"}]
    )
    mission = loop.mission(step("find"), step("a", params={"path": "{{steps.find.result}}"}))
    second(loop, mission, "/tmp")
    assert loop.work(mission)["params"] == {"path": "/tmp"}


def test_approving_parked_params_covers_them_and_not_what_a_later_rendering_makes_of_them(loop):
    loop.allow(
        risk_rules=[{"name": "deep", "executor": "noop", "params": {"path": "^/etc"}, "risk_level": "high"}]
    )
    mission = loop.mission(step("find"), step("a", params={"path": "{{steps.find.result}}"}))
    second(loop, mission, "/etc/hosts")
    parked(loop, mission)
    loop.retry(loop.step(mission)["id"])
    loop.do("update ops_mission_steps set result = '\"/etc/passwd\"' where key = 'find'")
    assert parked(loop, mission).startswith("OPS_009: ")


def test_a_command_that_rendering_takes_off_the_allow_list_is_parked(loop):
    loop.policy("worker_policy", command_allow=[["git", "checkout", "*"], ["git", "checkout", "main", "now"]])
    mission = loop.mission(
        step("find"), step("a", "command", params={"argv": ["git", "checkout", "{{steps.find.result}}"]})
    )
    loop.policy("worker_policy", command_allow=[["git", "checkout", "v*"]])
    second(loop, mission, "main")
    assert parked(loop, mission).startswith("OPS_003: ")


def test_a_command_that_stays_on_the_allow_list_runs_with_the_value_as_one_argument(loop):
    loop.policy("worker_policy", command_allow=[["git", "checkout", "*"]])
    mission = loop.mission(
        step("find"), step("a", "command", params={"argv": ["git", "checkout", "{{steps.find.result}}"]})
    )
    second(loop, mission, "main; rm -rf /")
    assert loop.work(mission)["params"]["argv"] == ["git", "checkout", "main; rm -rf /"]


def test_a_preset_comes_expanded_and_says_what_runs_it(loop):
    mission = loop.mission(step("a", "wreckit", params={"prompt": "tidy up"}))
    work = loop.work(mission)
    assert (work["executor"], work["run_with"]) == ("wreckit", "command")
    assert work["params"]["argv"] == ["wreckit", "run", "--", "tidy up"]


def test_a_digest_tells_any_change_of_template_or_slots(loop):
    loop.propose(step("find"), step("a", params={"x": "{{steps.find.result}}"}))
    assert loop.value(
        "select template_digest = _digest(jsonb_build_array(template, slots)) from ops_mission_proposals"
    )
    loop.do("update ops_mission_proposals set slots = '[]'")
    assert loop.value(
        "select template_digest <> _digest(jsonb_build_array(template, slots)) from ops_mission_proposals"
    )
    assert [b["invariant"][0] for b in loop.broken()] == ["5"]


# Agents


def test_an_agent_of_a_role_that_policy_does_not_name_is_refused_whoever_asks(loop):
    loop.allow()
    made = loop.propose(step("a", "agent", params={"role": "nobody", "prompt": "?"}))
    assert (made["status"], made["reason"]) == (
        "rejected",
        "OPS_003: steps.a: agent_roles has no role nobody",
    )


def test_an_agent_waits_for_a_person_unless_policy_allows_agents_and_their_risk(loop):
    said = {"role": "planner", "prompt": "?"}
    assert loop.propose(step("a", "agent", params=said))["status"] == "pending"
    loop.allow("noop", "agent")
    made = loop.propose(step("a", "agent", params=said))
    assert (made["status"], made["reason"]) == (
        "pending", "OPS_009: steps.a: risk medium (risk rule agents) is above auto_approve.max_risk_level low"
    )  # fmt: skip
    loop.allow("noop", "agent", max_risk_level="medium")
    assert loop.propose(step("a", "agent", params=said))["status"] == "auto_approved"


def test_an_agent_called_noop_is_judged_by_its_executor(loop):
    made = loop.propose(step("a", "noop", executor="agent", params={"role": "planner", "prompt": "?"}))
    assert made["status"] == "pending"
    assert "executor agent is not in" in made["reason"]


def test_a_claim_obeys_policy_even_where_the_row_of_control_is_gone(loop):
    loop.mission(step("a"))
    loop.policy("worker_policy", blocked_executors=["noop"])
    loop.do("delete from ops_control")
    assert loop.claim(5) == []


# Templates of very many steps


def test_of_a_thousand_steps_with_one_reason_ten_are_named(loop):
    given = template(*(step(f"s{n}", kind="shell", depends_on=[]) for n in range(1000)))
    (made,) = loop.rows("select status, reason from fn_create_proposal(%s)", Jsonb(given))
    why = "kind shell is not in auto_approve.allowed_step_kinds"
    named = "; ".join(f"steps.s{n}: {why}" for n in range(10))
    assert (made["status"], made["reason"]) == ("pending", f"OPS_009: {named}; 990 more steps: {why}")


def test_no_number_of_harmless_steps_hides_the_reason_of_another_one(loop):
    loop.policy("auto_approve", allowed_step_kinds=["sql"])
    padding = [step(f"s{n}", kind=f"{n:0128}", depends_on=[]) for n in range(200)]
    given = template(*padding, step("wipe", kind="sql", params={"statement": "drop table customers"}))
    (made,) = loop.rows("select status, reason from fn_create_proposal(%s)", Jsonb(given))
    assert made["status"] == "pending"
    assert "steps.wipe: risk high (" in made["reason"]


def test_each_step_of_a_template_has_its_own_slots(loop):
    given = template(
        step("a"),
        step("b", params={"x": "{{steps.a.result.n}}"}),
        step("c"),
        step("d", params={"y": ["{{steps.b.result.m}}", "{{steps.a.result.n}}"]}),
    )
    mission = loop.mission(*given["steps"])
    slots = loop.rows(
        "select key, slots from ops_mission_steps where mission_id = %s order by position", mission
    )
    assert [(row["key"], [slot["path"] for slot in row["slots"] or []]) for row in slots] == [
        ("a", []),
        ("b", [["x"]]),
        ("c", []),
        ("d", [["y", "0"], ["y", "1"]]),
    ]
