"""A transition: all of it or none, with its row in the log."""

import pytest

from tracked import ERROR_KEYS, audit, directive, move, work


@pytest.fixture(autouse=True)
def _sound(loop):
    yield
    assert loop.rows("select * from fn_check_invariants('transitions')") == []


def story_states(loop):
    rows = loop.rows("select status, implementation_status from user_stories order by id")
    return [(row["status"], row["implementation_status"]) for row in rows]


def test_one_call_moves_stories_requirement_and_directive(loop):
    directive(loop)
    answer = move(loop, prd_id="d1-p", session_id="s", request_id="r")
    (row,) = audit(loop)
    before = {
        "sd_phase": "EXEC_IMPLEMENTATION",
        "sd_status": "active",
        "transition_version": 1,
        "prd_status": "draft",
        "prd_phase": None,
    }
    after = before | {
        "sd_phase": "EXEC_COMPLETE",
        "transition_version": 2,
        "prd_status": "verification",
        "prd_phase": "verification",
    }
    assert answer == {
        "success": True,
        "audit_id": str(row["id"]),
        "idempotent_hit": False,
        "stories_updated": 2,
        "prd_updated": True,
        "pre_state": before,
        "post_state": after,
        "transition_version": 2,
    }
    assert (row["pre_state"], row["post_state"], row["status"], row["session_id"], row["request_id"]) == (
        before, after, "completed", "s", "r",
    )  # fmt: skip
    assert story_states(loop) == [("blocked", None), ("draft", "validated"), ("completed", "validated")]


def test_a_transition_takes_time_on_record_even_when_the_clock_of_the_loop_stands(loop):
    directive(loop)
    loop.stop_clock()
    move(loop)
    (row,) = audit(loop, "updated_at > created_at and completed_at = updated_at as took")
    assert row["took"]


@pytest.mark.parametrize("name", ["d1", "SD-d1"])
def test_a_directive_is_found_by_id_and_by_sd_key(loop, name):
    directive(loop)
    assert move(loop, name)["success"]
    assert audit(loop, "sd_id") == [{"sd_id": "d1"}]


def test_an_id_counts_before_an_sd_key_that_reads_the_same(loop):
    directive(loop)
    loop.do("insert into strategic_directives (id, sd_key, current_phase) values ('x', 'd1', 'EXEC')")
    move(loop, "d1")
    assert loop.value("select current_phase from strategic_directives where id = 'x'") == "EXEC"


def test_the_four_go_from_lead_to_lead(loop):
    directive(loop, phase="LEAD", status="draft")
    phases = []
    for name in ("lead_to_plan", "plan_to_exec", "exec_to_plan", "plan_to_lead"):
        answer = loop.value(f"select fn_atomic_{name}_transition('SD-d1', 'd1-p', 's', %s)", name)
        phases.append((answer["post_state"]["sd_phase"], answer["post_state"]["sd_status"]))
    assert phases == [
        ("PLAN_PRD", "in_progress"),
        ("EXEC_IMPLEMENTATION", "in_progress"),
        ("EXEC_COMPLETE", "active"),
        ("LEAD_FINAL", "active"),
    ]
    assert loop.value("select transition_version from strategic_directives") == 5


def test_lead_to_plan_touches_neither_stories_nor_requirement(loop):
    directive(loop, phase="LEAD")
    before = work(loop)
    answer = move(loop, kind="lead_to_plan", prd_id="d1-p")
    assert (answer["stories_updated"], answer["prd_updated"]) == (0, False)
    assert work(loop)[1:] == before[1:]


def test_a_new_transition_is_a_new_entry_of_the_policy(loop):
    directive(loop, phase="ANYWHERE")
    rules = loop.value("select fn_get_policy('transition_rules')")
    rules["to_done"] = {"to": "DONE", "sd_status": "completed", "stories": {"set": {"status": "closed"}}}
    loop.value("select fn_set_policy('transition_rules', %s)", rules)
    assert move(loop, kind="to_done")["stories_updated"] == 3
    assert {status for status, _ in story_states(loop)} == {"closed"}


def refused(loop, code, *args, **given):
    """The refusal, after making sure that it changed nothing."""
    before = loop.contents()
    answer = move(loop, *args, **given)
    assert loop.contents() == before
    assert (answer["success"], answer["code"]) == (False, code)
    assert set(answer) == {"success", "code", "error", "hint", "detail"}
    return answer


def test_an_unknown_directive_is_refused_and_leaves_no_row(loop):
    refused(loop, "OPS_012", "TEST", request_id="r")
    refused(loop, "OPS_012", None)


@pytest.mark.parametrize("kind", ["exec_to_mars", "description", "", None])
def test_an_unknown_transition_is_refused(loop, kind):
    directive(loop)
    refused(loop, "OPS_012", kind=kind)


def test_another_phase_is_refused_with_both(loop):
    directive(loop, phase="PLAN_PRD")
    answer = refused(loop, "OPS_072")
    assert (answer["detail"]["found"], answer["detail"]["expected"]) == (
        "PLAN_PRD",
        ["EXEC_IMPLEMENTATION", "EXEC"],
    )
    # Where the transitions of its phase are listed.
    assert "fn_show_directive()" in answer["hint"]


def test_another_version_is_refused_with_both_and_the_right_one_is_taken(loop):
    directive(loop)
    answer = refused(loop, "OPS_073", expected_version=7)
    assert (answer["detail"]["found"], answer["detail"]["expected"]) == (1, 7)
    assert move(loop, expected_version=1)["success"]


@pytest.mark.parametrize("status", ["completed", "cancelled", "deferred"])
def test_an_ended_directive_takes_no_transition(loop, status):
    directive(loop, status=status)
    refused(loop, "OPS_076")


@pytest.mark.parametrize("requirement", ["nowhere", "d2-p", ""])
def test_a_requirement_that_is_not_the_directives_undoes_all_and_is_told(loop, requirement):
    directive(loop)
    directive(loop, "d2")
    before = work(loop)
    answer = move(loop, prd_id=requirement, request_id="r")
    assert work(loop) == before
    (row,) = audit(loop)
    assert (row["status"], row["error_details"]) == ("failed", {k: answer[k] for k in ERROR_KEYS})
    assert (answer["code"], answer["error_code"], answer["success"]) == ("OPS_074", "OP074", False)
    assert (answer["failed_step"], answer["partial_state"]) == (
        "4b. Transition PRD",
        {"user_stories_updated": 2, "prd_updated": False},
    )
    assert move(loop, prd_id="d1-p", request_id="r")["success"]


# Claims


def claim(loop, session="s1", ttl=900, sd_id="d1"):
    return loop.value("select fn_claim_directive(%s, %s, %s)", sd_id, session, ttl)


def release(loop, session="s1"):
    return loop.value("select fn_release_directive('SD-d1', %s)", session)


@pytest.mark.parametrize("session", ["s2", None])
def test_another_sessions_live_claim_is_refused_with_its_particulars(loop, session):
    directive(loop)
    claim(loop, "s1", sd_id="SD-d1")
    answer = refused(loop, "OPS_071", session_id=session)
    assert answer["detail"]["session_id"] == "s1"
    assert {"claimed_at", "heartbeat_at", "expires_at"} <= set(answer["detail"])
    assert move(loop, session_id="s1")["success"]


def test_a_transition_of_the_holder_extends_the_claim_by_its_own_time(loop):
    directive(loop)
    loop.stop_clock()
    claim(loop, ttl=600)
    loop.advance(300)
    loop.stop_clock()
    move(loop, session_id="s1")
    row = loop.row(
        "select extract(epoch from expires_at - _now()) as left, heartbeat_at = _now() as now from sd_session_claims"
    )
    assert (row["left"], row["now"]) == (600, True)


def test_a_claim_that_expired_is_taken_over_and_can_neither_be_released_nor_hold_anybody_up(loop):
    directive(loop)
    claim(loop, "s1", 60)
    assert claim(loop, "s2")["code"] == "OPS_071"
    loop.advance(60)
    assert release(loop, "s1")["code"] == "OPS_071"
    assert claim(loop, "s2")["taken_over_from"] == "s1"
    assert release(loop, "s1")["detail"]["session_id"] == "s2"
    assert release(loop, "s2")["success"]
    assert loop.rows("select * from sd_session_claims") == []


def test_claiming_again_extends_and_keeps_the_beginning(loop):
    directive(loop)
    first = claim(loop, ttl=60)
    loop.advance(30)
    second = claim(loop, ttl=60)
    assert second["claimed_at"] == first["claimed_at"]
    assert second["expires_at"] > first["expires_at"]
    assert second["taken_over_from"] is None


@pytest.mark.parametrize(("session", "ttl"), [("", 1), (None, 1), ("s", 0), ("s", 604801), ("s", None)])
def test_a_claim_that_cannot_be_is_refused(loop, session, ttl):
    directive(loop)
    loop.do("savepoint a")
    with pytest.raises(Exception, match="OPS_018"):
        claim(loop, session, ttl)
    loop.do("rollback to a")


# Request ids


def test_a_request_that_was_completed_gets_the_first_answer(loop):
    directive(loop)
    first = move(loop, prd_id="d1-p", session_id="s1", request_id="r")
    before = work(loop), audit(loop)
    again = move(loop, "SD-d1", session_id="s2", request_id="r", expected_version=1)
    assert again == first | {"idempotent_hit": True}
    assert (work(loop), audit(loop)) == before


def test_a_request_id_of_another_directive_or_transition_is_refused(loop):
    directive(loop)
    directive(loop, "d2")
    move(loop, request_id="r")
    assert refused(loop, "OPS_075", "d2", request_id="r")["detail"]["sd_id"] == "d1"
    refused(loop, "OPS_075", kind="plan_to_lead", request_id="r")


def test_a_request_that_was_refused_runs_again(loop):
    directive(loop, phase="PLAN_PRD")
    refused(loop, "OPS_072", request_id="r")
    loop.do("update strategic_directives set current_phase = 'EXEC'")
    assert move(loop, request_id="r")["success"]


@pytest.mark.parametrize("request_id", [None, ""])
def test_without_a_request_id_every_call_is_a_request_of_its_own(loop, request_id):
    directive(loop)
    move(loop, request_id=request_id)
    assert move(loop, request_id=request_id)["code"] == "OPS_072"
    loop.do("update strategic_directives set current_phase = 'EXEC'")
    assert move(loop, request_id=request_id)["idempotent_hit"] is False


def test_a_chain_that_is_run_twice_gives_the_same_and_changes_nothing_more(loop):
    directive(loop, phase="LEAD")
    chain = ["lead_to_plan", "plan_to_exec", "exec_to_plan", "plan_to_lead"]
    first = [move(loop, kind=kind, prd_id="d1-p", request_id=f"run:{kind}") for kind in chain]
    before = work(loop), audit(loop)
    second = [move(loop, kind=kind, prd_id="d1-p", request_id=f"run:{kind}") for kind in chain]
    assert [a | {"idempotent_hit": False} for a in second] == first
    assert (work(loop), audit(loop)) == before


# The log


def test_what_was_decided_is_in_the_audit_log_with_the_versions_of_policy(loop):
    directive(loop)
    answer = move(loop, session_id="s", context={"why": "test"})
    row = loop.row("select * from ops_audit_log where action = 'transition'")
    assert (row["subject_type"], row["subject_id"], row["actor"]) == ("directive", "d1", "s")
    assert (row["detail"]["audit_id"], row["detail"]["context"]) == (answer["audit_id"], {"why": "test"})
    assert row["versions"]["transition_rules"] == 1


def test_deleting_a_directive_keeps_its_log_and_it_may_be_made_anew(loop):
    directive(loop)
    move(loop)
    loop.do("delete from strategic_directives")
    assert len(audit(loop)) == 1
    loop.do("update sd_transition_audit set created_at = created_at - interval '1 day'")
    directive(loop)
    assert move(loop)["transition_version"] == 2


# Invariants


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update strategic_directives set transition_version = 9", "10"),
        ("update strategic_directives set current_phase = 'EXEC'", "12"),
        ("delete from sd_transition_audit", "13"),
        (
            "drop index sd_transition_audit_request;"
            "insert into sd_transition_audit select gen_random_uuid(), sd_id, transition_type, prd_id, session_id,"
            " request_id, pre_state, post_state, 0, false, 2, 'completed' from sd_transition_audit",
            "10",
        ),
    ],
)  # fmt: skip
def test_what_was_changed_by_hand_is_reported(loop, change, found):
    directive(loop)
    loop.value(
        "select fn_execute_handoff('EXEC-TO-PLAN', 'd1', null, 's', "
        """'{"A": {"passed": true, "score": 95, "maxScore": 100}}', 'r')"""
    )
    assert loop.rows("select * from fn_check_invariants('transitions')") == []
    loop.do("savepoint a")
    loop.conn.execute(change)
    broken = loop.rows("select * from fn_check_invariants('transitions')")
    assert found in {row["invariant"].split()[0] for row in broken}
    loop.do("rollback to a")
