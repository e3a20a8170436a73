"""Orchestration of sub-agents: one mission under policy, results one by one, and what they found in all."""

import json

import pytest

from looping import Loop
from tracked import directive


@pytest.fixture(autouse=True)
def _directive(loop):
    directive(loop, sd_type="feature")
    loop.stop_clock("2040-01-01 10:30:00+00")
    loop.allow()


def agent(
    loop: Loop, code: str, *, priority: int = 50, after: tuple[str, ...] = (), **columns: object
) -> None:
    columns = {"phases": ["EXEC"], "executor": "noop", "params": {}, "sd_types": None, **columns}
    loop.do(
        "insert into leo_sub_agents (code, priority, depends_on, phases, executor, params, sd_types)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        code, priority, list(after), columns["phases"], columns["executor"], columns["params"], columns["sd_types"],
    )  # fmt: skip


def ask(loop, sd_id="d1", phase="EXEC", session="s", **options):
    return loop.value("select fn_orchestrate_sub_agents(%s, %s, %s, %s)", sd_id, phase, session, options)


def summary(loop, run):
    return loop.value("select fn_sub_agent_summary(%s)", run)


def end(loop, **found):
    """Ends what can be claimed: a result by code, or None for a failure for good."""
    for work in loop.claim(20):
        result = found[work["key"]]
        if result is None:
            loop.fail(work, "broken", retryable=False)
        else:
            loop.complete(work, result)


def say(verdict="PASS", confidence=90):
    return {"verdict": verdict, "confidence": confidence}


def stored(loop):
    return {
        r["sub_agent_code"]: r
        for r in loop.rows("select * from sub_agent_execution_results order by created_at, id")
    }


def test_those_of_the_phase_and_type_run_as_one_mission(loop):
    agent(loop, "A", phases=["exec", "PLAN"])
    agent(loop, "B", after=("A", "X"), sd_types=["FEATURE"])
    agent(loop, "X", phases=["PLAN"])
    agent(loop, "Y", sd_types=["security"])
    agent(loop, "Z")
    loop.do("update leo_sub_agents set active = false where code = 'Z'")
    made = ask(loop, "SD-d1")
    assert (made["status"], made["agents"], made["reused"], made["idempotent_hit"]) == (
        "auto_approved", ["A", "B"], {}, False,
    )  # fmt: skip
    assert loop.steps(made["mission_id"]) == {"A": "queued", "B": "blocked"}
    assert loop.step(made["mission_id"], "A")["timeout_seconds"] == 60
    assert loop.step(made["mission_id"], "A")["params"]["directive"]["sd_id"] == "d1"


def test_policy_decides_whether_it_runs_by_itself(loop):
    loop.allow("nothing")
    agent(loop, "A")
    made = ask(loop)
    assert (made["status"], made["mission_id"]) == ("pending", None)
    found = summary(loop, made["run_id"])
    assert (found["passed"], found["complete"], found["agents"]["A"]["status"]) == (False, False, "pending")
    assert ask(loop)["run_id"] == made["run_id"]
    mission = loop.approve(made["proposal_id"])["mission_id"]
    assert loop.steps(mission) == {"A": "queued"}


def test_what_is_rejected_closes_the_run_and_never_passes(loop):
    loop.allow("nothing")
    agent(loop, "A")
    made = ask(loop)
    loop.value("select fn_reject_proposal(%s, 'ann', 'no')", made["proposal_id"])
    loop.turn()
    found = summary(loop, made["run_id"])
    assert (found["verdict"], found["complete"]) == ("BLOCKED", True)
    assert ask(loop)["run_id"] != made["run_id"]


def test_each_result_is_stored_when_its_step_completes(loop):
    agent(loop, "A")
    agent(loop, "B", after=("A",))
    made = ask(loop)
    end(loop, A=say(confidence=71.5))
    loop.turn()
    (row,) = stored(loop).values()
    assert (row["sub_agent_code"], row["verdict"], row["confidence"], row["session_id"], row["phase"]) == (
        "A", "PASS", 71.5, "s", "EXEC",
    )  # fmt: skip
    assert (row["metadata"]["orchestrated"], str(row["mission_id"])) == (True, made["mission_id"])
    assert row["execution_time"] is not None
    loop.turn()
    assert len(stored(loop)) == 1
    assert row["metadata"]["hits"] == 0
    end(loop, B=say())
    loop.turn()
    assert set(stored(loop)) == {"A", "B"}
    assert loop.value("select open from sub_agent_runs") is False


def test_a_failed_dependency_blocks_its_dependants_and_never_the_others(loop):
    for code, after in (("A", ()), ("B", ("A",)), ("C", ("B",)), ("D", ()), ("E", ("D",))):
        agent(loop, code, after=after)
    made = ask(loop)
    end(loop, A=None, D=say())
    end(loop, E=say())
    loop.turn()
    found = summary(loop, made["mission_id"])
    assert {code: a["verdict"] for code, a in found["agents"].items()} == {
        "A": None, "B": "BLOCKED", "C": "BLOCKED", "D": "PASS", "E": "PASS",
    }  # fmt: skip
    assert (found["verdict"], found["passed"], found["complete"]) == ("BLOCKED", False, True)
    assert {code: row["verdict"] for code, row in stored(loop).items()} == {
        "A": None, "B": "BLOCKED", "C": "BLOCKED", "D": "PASS", "E": "PASS",
    }  # fmt: skip


def test_asked_again_what_is_done_counts_the_hit_and_what_failed_runs_again(loop):
    agent(loop, "A")
    agent(loop, "B")
    agent(loop, "C", after=("A", "B"))
    first = ask(loop)
    assert ask(loop)["mission_id"] == first["mission_id"]
    end(loop, A=say(), B=None)
    loop.turn()
    again = ask(loop)
    assert (again["agents"], list(again["reused"]), again["idempotent_hit"]) == (["B", "C"], ["A"], False)
    assert stored(loop)["A"]["metadata"]["hits"] == 1
    assert loop.steps(again["mission_id"]) == {"B": "queued", "C": "blocked"}
    end(loop, B=say(confidence=80))
    end(loop, C=say(confidence=71))
    loop.turn()
    done = ask(loop)
    assert (done["mission_id"], done["idempotent_hit"]) == (again["mission_id"], True)
    found = summary(loop, done["mission_id"])
    assert (found["verdict"], found["confidence"], found["agents"]["A"]["status"]) == ("PASS", 80, "reused")
    assert loop.value("select count(*) from ops_missions") == 2
    assert all(r["metadata"]["idempotent_hit"] for c, r in stored(loop).items() if r["idempotency_key"])


def test_results_that_were_told_directly_stand_for_a_run(loop):
    agent(loop, "A")
    loop.value("select fn_store_sub_agent_result('d1', 'A', 'EXEC', 's', 'WARNING', 60)")
    made = ask(loop)
    assert (made["status"], made["mission_id"], made["idempotent_hit"]) == ("nothing_to_run", None, True)
    assert ask(loop)["run_id"] == made["run_id"]
    assert summary(loop, made["run_id"])["verdict"] == "WARNING"
    loop.do("delete from sub_agent_execution_results")
    assert summary(loop, made["run_id"])["verdict"] == "BLOCKED"


@pytest.mark.parametrize(
    "other", [{"phase": "exec"}, {"session": None}, {"skip_idempotency": True}, "next hour"]
)
def test_another_phase_session_or_hour_is_another_run_and_so_is_a_forced_one(loop, other):
    agent(loop, "A")
    first = ask(loop)
    end(loop, A=say())
    loop.turn()
    if other == "next hour":
        loop.stop_clock("2040-01-01 11:00:00+00")
        other = {}
    made = ask(loop, **other)
    assert (made["agents"], made["idempotent_hit"]) == (["A"], False)
    assert made["mission_id"] != first["mission_id"]
    end(loop, A=say("FAIL"))
    loop.turn()
    assert loop.value("select count(*) from sub_agent_execution_results") == 2
    assert loop.value("select sum((metadata ->> 'hits')::int) from sub_agent_execution_results") == 0


def test_a_result_told_meanwhile_is_not_counted_as_a_hit_each_turn(loop):
    agent(loop, "A")
    ask(loop)
    end(loop, A=say())
    loop.value("select fn_store_sub_agent_result('d1', 'A', 'EXEC', 's', 'PASS')")
    for _ in range(3):
        loop.turn()
    rows = loop.rows("select * from sub_agent_execution_results")
    assert [r["metadata"]["hits"] for r in rows] == [0, 0]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({"A": say(), "B": say("WARNING"), "C": say()}, "WARNING"),
        ({"A": say(), "B": say(), "C": say("FAIL")}, "CONDITIONAL_PASS"),
        ({"A": say(), "B": say("FAIL"), "C": say()}, "BLOCKED"),
        ({"A": say("FAIL"), "B": say(), "C": say()}, "BLOCKED"),
        ({"A": say(), "B": say(), "C": say("BLOCKED")}, "BLOCKED"),
        ({"A": say(), "B": say(), "C": {}}, "BLOCKED"),
        ({"A": say(), "B": say(), "C": {"verdict": True}}, "BLOCKED"),
        ({"A": say(), "B": say(), "C": say("passed")}, "BLOCKED"),
        ({"A": say(), "B": say(), "C": None}, "BLOCKED"),
        ({"A": say(" pass "), "B": say(), "C": say()}, "PASS"),
    ],
)
def test_the_verdict_of_all_follows_from_each(loop, found, verdict):
    agent(loop, "A", priority=90)
    agent(loop, "B", priority=70)
    agent(loop, "C", priority=69)
    made = ask(loop)
    end(loop, **found)
    answer = summary(loop, made["run_id"])
    assert (answer["verdict"], answer["passed"]) == (verdict, verdict != "BLOCKED")
    as_gate = loop.value("select fn_normalize_gate_result('SUB_AGENTS', %s, true)", answer)
    assert as_gate["passed"] is answer["passed"]


def test_confidence_is_rounded_down_and_a_missing_one_counts_as_0(loop):
    for code in "ABC":
        agent(loop, code)
    made = ask(loop)
    end(loop, A=say(confidence=90), B=say(confidence=90.9), C={"verdict": "PASS", "confidence": "high"})
    answer = summary(loop, made["run_id"])
    assert (answer["confidence"], answer["score"]) == (60, 60)
    assert answer["warnings"] == ["sub-agent C gave no confidence: it counts as 0"]


@pytest.mark.parametrize(
    "result",
    [
        {"stdout": json.dumps(say()) + "\n", "exit_code": 0},
        {"json": say(), "status": 200},
        {"rows": [say()], "rowcount": 1},
    ],
)
def test_findings_are_read_from_what_the_built_in_executors_return(loop, result):
    agent(loop, "A")
    made = ask(loop)
    end(loop, A=result)
    assert summary(loop, made["run_id"])["verdict"] == "PASS"


@pytest.mark.parametrize(
    "stdout", ["", "PASS", "[]", '{"verdict": "PASS"', "[" * 100000, '"\\u0000"', "null"]
)
def test_output_that_is_no_finding_is_no_verdict(loop, stdout):
    agent(loop, "A")
    made = ask(loop)
    end(loop, A={"stdout": stdout, "exit_code": 0})
    loop.turn()
    answer = summary(loop, made["run_id"])
    assert (answer["verdict"], answer["agents"]["A"]["verdict"]) == ("BLOCKED", None)


def test_none_required_is_a_pass_that_says_so(loop):
    made = ask(loop, phase="NOWHERE")
    answer = summary(loop, made["run_id"])
    assert (answer["verdict"], answer["passed"], answer["score"], answer["reason"]) == (
        "PASS", True, 100, "no sub-agent is required",
    )  # fmt: skip


def test_what_runs_is_a_reason_why_the_directive_does_not_move(loop):
    agent(loop, "A")
    agent(loop, "B", after=("A",))
    made = ask(loop)
    loop.claim(1)
    (says,) = loop.rows("select * from fn_explain_directive('d1')")
    assert says["reason"] == "agents"
    assert says["detail"] == "sub-agents of EXEC are not done: A running, B blocked"
    assert made["run_id"] in says["statement"]


def test_a_command_gets_the_directive_as_its_stdin_and_an_own_stdin_stays(loop):
    agent(loop, "A", executor="command", params={"argv": ["true"]})
    agent(loop, "B", executor="command", params={"argv": ["true"], "stdin": "mine"})
    loop.policy("worker_policy", command_allow=[["true"]])
    loop.allow(max_risk_level="high")
    made = ask(loop)
    assert json.loads(loop.step(made["mission_id"], "A")["params"]["stdin"])["sd_id"] == "d1"
    assert loop.step(made["mission_id"], "B")["params"]["stdin"] == "mine"


def test_a_directive_that_is_gone_closes_its_runs(loop):
    agent(loop, "A")
    ask(loop)
    end(loop, A=say())
    loop.do("delete from strategic_directives")
    loop.turn()
    assert loop.value("select open from sub_agent_runs") is False
    assert stored(loop) == {}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("'nowhere', 'EXEC'", "OPS_012"),
        ("'d1', null", "OPS_018"),
        ("'d1', ''", "OPS_018"),
        ("'d1', '{{steps.A.result}}'", "OPS_018"),
        ("'d1', 'EXEC', '{{x}}'", "OPS_018"),
        ("'d1', 'EXEC', 's', '[]'", "OPS_018"),
        ("'d1', 'EXEC', 's', '{\"force\": true}'", "OPS_018"),
        ("'d1', 'EXEC', 's', '{\"skip_idempotency\": 1}'", "OPS_018"),
    ],
)
def test_what_cannot_be_is_refused(loop, call, code):
    agent(loop, "A")
    with pytest.raises(Exception, match=code):
        loop.value(f"select fn_orchestrate_sub_agents({call})")


def test_sub_agents_that_wait_for_each_other_are_refused(loop):
    agent(loop, "A", after=("B",))
    agent(loop, "B", after=("A",))
    with pytest.raises(Exception, match="OPS_004"):
        ask(loop)


def test_an_unknown_mission_has_no_summary(loop):
    with pytest.raises(Exception, match="OPS_012"):
        summary(loop, "00000000-0000-0000-0000-000000000000")
