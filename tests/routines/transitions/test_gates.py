"""Gates: results in one form, scores that are exact, and what directives of a type skip."""

import json
from decimal import Decimal
from fractions import Fraction

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tracked import directive, work

GOOD = {"passed": True, "score": 95, "maxScore": 100, "issues": [], "warnings": [], "details": {}}


def normalize(calculator, result, *, strict=False):
    query = "select fn_normalize_gate_result('G', %s, %s)"
    return calculator.execute(query, (None if result is None else Jsonb(result), strict)).fetchone()[0]


def counted(result):
    return {name: result[name] for name in ("passed", "score", "maxScore")}


def test_a_good_result_stays_as_it_is(calculator):
    result = normalize(calculator, GOOD)
    assert result == GOOD | {"_validation": {"errors": [], "warnings": [], "fixed": 0}}
    assert normalize(calculator, GOOD, strict=True) == result


@pytest.mark.parametrize("result", [None, [], [1], "pass", 1, True])
def test_what_is_no_object_has_failed(calculator, result):
    found = normalize(calculator, result)
    assert counted(found) == {"passed": False, "score": 0, "maxScore": 100}
    assert len(found["_validation"]["errors"]) == 1


@pytest.mark.parametrize(
    ("given", "passed"),
    [({"pass": True}, True), ({"valid": True}, True), ({"pass": True, "passed": False}, False),
     ({"pass": True, "passed": None}, False)],
)  # fmt: skip
def test_other_names_count_only_where_the_canonical_one_is_absent(calculator, given, passed):
    found = normalize(calculator, {**given, "score": 1, "max_score": 10})
    assert counted(found) == {"passed": passed, "score": 1, "maxScore": 10}
    assert not {"pass", "valid", "max_score", "maxscore"} & set(found)


@pytest.mark.parametrize(
    ("given", "passed"),
    [(2, True), (0, False), (-1, False), (0.1, True), ("true", True), ("YES", True), ("1", True), ("pass", True),
     ("false", False), ("no", False), ("", False), ("passed", False), ({}, False), ([True], False), (None, False)],
)  # fmt: skip
def test_passed_of_another_type_is_read_and_noted(calculator, given, passed):
    found = normalize(calculator, GOOD | {"passed": given})
    assert found["passed"] is passed
    assert found["_validation"]["errors"][0].startswith("passed: ")


@pytest.mark.parametrize(
    ("given", "score", "top"),
    [
        ({"score": "89.9"}, 89.9, 100),
        ({"score": "many"}, 0, 100),
        ({"score": "NaN"}, 0, 100),
        ({"score": "Infinity"}, 0, 100),
        ({"score": "-inf"}, 0, 100),
        ({"score": None}, 0, 100),
        ({"score": -5}, 0, 100),
        ({"score": 101}, 100, 100),
        ({"score": 10**30}, 0, 100),
        ({"maxScore": 0}, 95, 100),
        ({"maxScore": -1}, 95, 100),
        ({"maxScore": "50"}, 50, 50),
        ({"maxScore": "NaN"}, 95, 100),
        ({"maxScore": []}, 95, 100),
    ],
)
def test_numbers_that_cannot_be_are_mended_and_noted(calculator, given, score, top):
    found = normalize(calculator, GOOD | given)
    assert (found["score"], found["maxScore"]) == (score, top)
    assert found["_validation"]["errors"]
    with pytest.raises(psycopg.Error, match="OPS_077") as refused:
        normalize(calculator, GOOD | given, strict=True)
    assert '"gate": "G"' in refused.value.diag.message_detail


@pytest.mark.parametrize(
    ("given", "found"), [("one", ["one"]), (None, []), ([1], [1]), ({"a": 1}, [{"a": 1}])]
)
@pytest.mark.parametrize("name", ["issues", "warnings"])
def test_lists_are_lists(calculator, name, given, found):
    result = normalize(calculator, GOOD | {name: given}, strict=True)
    assert result[name] == found


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["passed", "pass", "valid", "score", "maxScore", "max_score", "issues", "warnings",
                             "weight", "required", "tier", "_skipped", "reason"]),
            inner, max_size=6,
        ),
        max_leaves=10,
    )
)  # fmt: skip
def test_whatever_a_gate_returns_becomes_a_result_that_can_be_counted(calculator, result):
    found = normalize(calculator, result)
    assert isinstance(found["passed"], bool)
    assert 0 <= found["score"] <= found["maxScore"]
    assert normalize(calculator, {k: found[k] for k in GOOD}, strict=True)["_validation"]["fixed"] == 0


# Evaluating


def evaluate(loop, results, sd_id="d1"):
    found = loop.value("select fn_evaluate_gates(%s, %s)::text", sd_id, results)
    return json.loads(found, parse_float=Decimal)


def gate(score, **fields):
    return {"passed": True, "score": score, "maxScore": 100, **fields}


@pytest.mark.parametrize(
    ("score", "passed", "shown"),
    [(90, True, "90.00"), (89.9, False, "89.90"), (89.9999, False, "89.99"), (90.0001, True, "90.00")],
)
def test_security_needs_90_and_nothing_is_rounded(loop, score, passed, shown):
    directive(loop, sd_type="Security")
    found = evaluate(loop, {"A": gate(score)})
    assert (found["passed"], found["normalizedScore"], found["threshold"]) == (passed, Decimal(shown), 90)
    if not passed:
        assert found["failedGate"] == "SD_TYPE_THRESHOLD"
        assert found["thresholdViolation"] == {"sdType": "Security", "required": 90, "actual": Decimal(shown)}
        assert found["issues"] == [f"SD type 'Security' requires 90% gate score, got {shown}%"]


def test_a_hair_below_blocks_where_a_division_would_round_up(loop):
    directive(loop, sd_type="security")
    below = Decimal("89." + "9" * 40)
    loop.do("create temp table given (r jsonb)")
    loop.conn.execute(
        f"""insert into given values ('{{"A": {{"passed": true, "score": {below}, "maxScore": 100}}}}')"""
    )
    found = loop.value("select fn_evaluate_gates('d1', r) from given")
    assert (found["passed"], found["normalizedScore"]) == (False, 89.99)


@pytest.mark.parametrize(
    ("sd_type", "threshold"),
    [("security", 90), ("FEATURE", 85), ("infrastructure", 80), ("bugfix", 75), ("orchestrator", 70),
     ("Documentation", 60), ("other", 85), (None, 85)],
)  # fmt: skip
def test_thresholds_of_types(loop, sd_type, threshold):
    assert loop.value("select fn_gate_threshold(%s)", sd_type) == threshold


def test_thresholds_are_policy(loop):
    loop.value("select fn_set_policy('gate_thresholds', %s)", {"feature": 99.5, "default": 1})
    assert loop.value("select fn_gate_threshold('Feature')") == 99.5
    assert loop.value("select fn_gate_threshold('security')") == 1


def test_every_required_gate_must_pass_and_advisory_ones_count_for_nothing(loop):
    directive(loop)
    failing = {"passed": False, "score": 100, "maxScore": 100}
    found = evaluate(
        loop, {"A": gate(100), "B": failing | {"issues": ["b is bad"]}, "C": failing | {"tier": 1}}
    )
    assert (found["passed"], found["failedGate"], found["issues"]) == (
        False, "B", ["b is bad", "gate C did not pass"],
    )  # fmt: skip
    found = evaluate(loop, {"A": gate(90), "B": {**failing, "score": 0, "required": False}})
    assert (found["passed"], found["normalizedScore"]) == (True, 90)


def test_lower_tiers_are_named_first(loop):
    directive(loop)
    failing = {"passed": False, "score": 0, "maxScore": 100}
    assert evaluate(loop, {"A": failing | {"tier": 2}, "Z": failing})["failedGate"] == "Z"


def test_a_skipped_gate_raises_no_score(loop):
    directive(loop)
    skipped = {"_skipped": True, "reason": "no database", "passed": True, "score": 100, "maxScore": 100}
    found = evaluate(loop, {"A": gate(80), "B": skipped})
    assert (found["passed"], found["normalizedScore"]) == (False, 80)
    found = evaluate(loop, {"B": skipped})
    assert (found["passed"], found["normalizedScore"]) == (True, None)
    assert found["reason"]
    del skipped["reason"]
    found = evaluate(loop, {"A": gate(80), "B": skipped})
    assert (found["normalizedScore"], found["fixed"]) == (90, 1)


def test_what_policy_skips_is_skipped_whatever_its_result(loop):
    directive(loop, sd_type="documentation")
    found = evaluate(loop, {"testing": {"passed": False}, "DOCMON": gate(61)})
    assert (found["passed"], found["normalizedScore"]) == (True, 61)
    assert found["gates"]["testing"]["reason"] == "NON_APPLICABLE_SD_TYPE"


@pytest.mark.parametrize("weight", [0, -1, "2", None, [], "NaN"])
def test_a_weight_that_cannot_be_is_one_and_noted(loop, weight):
    directive(loop)
    found = evaluate(loop, {"A": gate(100, weight=weight), "B": gate(50)})
    assert (found["normalizedScore"], found["fixed"]) == (75, 1)


def test_unknown_directives_and_results_of_another_form_are_refused(loop):
    directive(loop)
    for sd_id, results, code in (("x", "{}", "OPS_012"), ("d1", "[]", "OPS_018"), ("d1", '"A"', "OPS_018")):
        loop.do("savepoint a")
        with pytest.raises(psycopg.Error, match=code):
            loop.value("select fn_evaluate_gates(%s, %s)", sd_id, results)
        loop.do("rollback to a")


_numbers = st.decimals(min_value=0, max_value=1000, places=4, allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(_numbers, _numbers.filter(bool), _numbers.filter(bool)), min_size=1, max_size=26))
def test_the_score_is_that_of_exact_fractions(shared_dsn, parts):
    gates = ",".join(
        f'"G{n}": {{"passed": true, "score": {min(score, top)}, "maxScore": {top}, "weight": {weight}}}'
        for n, (score, top, weight) in enumerate(parts)
    )
    total = sum(Fraction(weight) for _, _, weight in parts)
    exact = sum(Fraction(w) * 100 * Fraction(min(s, t)) / Fraction(t) for s, t, w in parts) / total
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        conn.execute("insert into strategic_directives (id) values ('d1')")
        passed, shown = conn.execute(
            "select e ->> 'passed', (e ->> 'normalizedScore')::numeric from fn_evaluate_gates('d1', %s::jsonb) e",
            ("{" + gates + "}",),
        ).fetchone()
        conn.rollback()
    assert (passed == "true") == (exact >= 85)
    assert shown == Decimal(int(exact * 100)) / 100


# Skipping


@pytest.mark.parametrize(
    ("gate", "sd_type", "reason"),
    [
        ("TESTING", "documentation", "NON_APPLICABLE_SD_TYPE"),
        ("testing", "DOCS", "NON_APPLICABLE_SD_TYPE"),
        ("file_scope", "chore", "LIGHTWEIGHT_SD_TYPE"),
        ("DELIVERABLES_PLANNING", "uat", "LIGHTWEIGHT_SD_TYPE"),
        ("TESTING", "feature", None),
        ("FILE_SCOPE", "feature", None),
        ("UNHEARD_OF", "documentation", None),
        ("TESTING", "unheard of", None),
        ("TESTING", None, None),
        (None, "documentation", None),
    ],
)
def test_what_a_type_skips(calculator, gate, sd_type, reason):
    query = "select fn_should_skip_gate(%s, %s)"
    found = calculator.execute(query, (gate, sd_type)).fetchone()[0]
    assert set(found) == {"shouldSkip", "reason", "sdType", "validatorName", "result", "policyVersion"}
    assert (found["shouldSkip"], found["reason"], found["policyVersion"]) == (reason is not None, reason, 1)
    assert (found["result"] is None) == (reason is None)


def test_a_type_that_is_like_documentation_skips_code_gates_also_where_the_matrix_is_silent(loop):
    loop.value(
        "select fn_set_policy('gate_applicability', %s)",
        {"documentation": {"types": ["Process"], "gates": ["testing"]}},
    )
    assert loop.value("select fn_should_skip_gate('TESTING', 'process')")["reason"] == "DOCUMENTATION_SD_TYPE"


def test_many_at_once_are_answered_like_one(calculator):
    gates = ["TESTING", "FILE_SCOPE", "DOCMON", "x"]
    batch = calculator.execute("select fn_should_skip_gates(%s, 'docs')", (gates,)).fetchone()[0]
    for name in gates:
        one = calculator.execute("select fn_should_skip_gate(%s, 'docs')", (name,)).fetchone()[0]
        assert batch[name] == one


# Handing over


def hand_over(loop, results, request_id=None, kind="EXEC-TO-PLAN"):
    query = "select fn_execute_handoff(%s, 'SD-d1', 'd1-p', 's', %s, %s)"
    return loop.value(query, kind, results, request_id)


def handoffs(loop):
    return loop.rows("select * from sd_phase_handoffs order by id")


def test_a_handoff_that_passes_moves_the_directive_and_leaves_one_row(loop):
    directive(loop)
    answer = hand_over(loop, {"A": gate(90)}, "r")
    (row,) = handoffs(loop)
    assert (answer["success"], answer["status"], row["status"]) == (True, "accepted", "accepted")
    assert (row["from_phase"], row["to_phase"], str(row["audit_id"])) == (
        "EXEC_IMPLEMENTATION", "EXEC_COMPLETE", answer["audit_id"],
    )  # fmt: skip
    assert row["execution_time_ms"] > 0
    assert loop.rows("select * from fn_check_invariants('transitions')") == []


def test_the_same_request_again_leaves_no_second_row(loop):
    directive(loop)
    first = hand_over(loop, {"A": gate(90)}, "r")
    again = hand_over(loop, {"A": gate(0)}, "r")
    assert again == first | {"idempotent_hit": True}
    assert len(handoffs(loop)) == 1


def test_a_handoff_that_is_blocked_moves_nothing_leaves_its_row_and_may_be_tried_again(loop):
    directive(loop, sd_type="security")
    before = work(loop)
    answer = hand_over(loop, {"A": gate(89.9)}, "r")
    assert (answer["success"], answer["status"], answer["code"]) == (False, "blocked", "OPS_078")
    assert work(loop) == before
    assert loop.rows("select * from sd_transition_audit") == []
    assert hand_over(loop, {"A": gate(90)}, "r")["status"] == "accepted"
    assert [row["status"] for row in handoffs(loop)] == ["blocked", "accepted"]


@pytest.mark.parametrize("results", [None, {}])
def test_a_handoff_whose_rule_wants_gates_does_not_pass_without_results(loop, results):
    directive(loop)
    assert hand_over(loop, results)["status"] == "blocked"
    loop.do("update strategic_directives set current_phase = 'LEAD'")
    assert hand_over(loop, results, kind="LEAD-TO-PLAN")["status"] == "accepted"


def test_a_handoff_whose_transition_is_refused_is_rejected(loop):
    directive(loop, phase="PLAN_PRD")
    answer = hand_over(loop, {"A": gate(90)})
    assert (answer["status"], answer["code"]) == ("rejected", "OPS_072")
    assert [row["status"] for row in handoffs(loop)] == ["rejected"]


def test_an_unknown_directive_or_handoff_leaves_no_row(loop):
    assert hand_over(loop, {"A": gate(90)})["code"] == "OPS_012"
    directive(loop)
    assert hand_over(loop, {"A": gate(90)}, kind="EXEC-TO-MARS")["code"] == "OPS_012"
    assert handoffs(loop) == []


def test_mended_results_are_counted(loop):
    directive(loop)
    hand_over(loop, {"A": gate("90"), "B": gate(95)})
    counts = {
        row["name"]: row["n"]
        for row in loop.rows("select name, n from ops_counts where name like 'opsloop_gate%%'")
    }
    assert counts == {"opsloop_gate_results_total": 2, "opsloop_gate_results_mended_total": 1}


def test_why_a_directive_does_not_move_is_told_with_what_frees_it(loop):
    directive(loop, sd_type="security")
    reasons = lambda: [r["reason"] for r in loop.rows("select * from fn_explain_directive('SD-d1')")]  # noqa: E731
    assert reasons() == []
    hand_over(loop, {"A": gate(89.9)})
    loop.value("select fn_claim_directive('d1', 's')")
    found = loop.rows("select * from fn_explain_directive('d1')")
    assert [r["reason"] for r in found] == ["claim", "gate"]
    assert "0.10 short" in found[1]["detail"]
    loop.conn.execute(found[0]["statement"])
    assert reasons() == ["gate"]
    loop.do("update strategic_directives set current_phase = 'NOWHERE'")
    assert reasons() == ["phase", "gate"]
    loop.do("update strategic_directives set status = 'deferred'")
    assert reasons() == ["ended", "gate"]
    loop.conn.execute(loop.rows("select * from fn_explain_directive('d1')")[0]["statement"])
    assert reasons() == ["phase", "gate"]
