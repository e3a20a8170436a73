"""Metrics and checks of transitions, with the thresholds of the runbook."""

import pytest

from tracked import directive, move


def check(loop, name):
    return loop.row("select status, value from fn_check_health() where name = %s", name)


def metric(loop, name):
    return loop.value("select value from fn_metrics() where name = %s", name)


def audited(loop, status, number):
    loop.do(
        "insert into sd_transition_audit (id, sd_id, transition_type, status)"
        " select gen_random_uuid(), 'd', 'x', %s from generate_series(1, %s)",
        status, number,
    )  # fmt: skip


def test_completed_failed_and_repeated_transitions_are_counted(loop):
    directive(loop)
    move(loop, prd_id="nowhere", request_id="r")
    for _ in range(3):
        move(loop, request_id="r")
    assert [
        metric(loop, name)
        for name in (
            "opsloop_transitions_completed_total",
            "opsloop_transitions_failed_total",
            "opsloop_transition_idempotent_hits_total",
        )
    ] == [1, 1, 2]


@pytest.mark.parametrize(("failed", "status"), [(0, "ok"), (4, "ok"), (6, "warn")])
def test_more_than_five_in_a_hundred_that_fail_are_a_warning(loop, failed, status):
    assert check(loop, "transitions failed") == {"status": "ok", "value": "none"}
    audited(loop, "completed", 100 - failed)
    audited(loop, "failed", failed)
    assert check(loop, "transitions failed")["status"] == status


def test_handoffs_that_take_a_minute_are_a_warning(loop):
    handoff = (
        "insert into sd_phase_handoffs (id, sd_id, handoff_type, from_phase, to_phase, execution_time_ms)"
        " values (gen_random_uuid(), 'd', 'X', 'a', 'b', %s)"
    )
    loop.do(handoff, 10)
    assert check(loop, "handoff duration")["status"] == "ok"
    loop.do(handoff, 130_000)
    assert check(loop, "handoff duration")["status"] == "warn"


def test_a_gate_whose_results_are_mended_often_is_a_warning_with_its_name(loop):
    directive(loop)
    for number in range(10):
        results = {
            "GOOD": {"passed": False, "score": 1, "maxScore": 100},
            "LAX": {"pass" if number < 2 else "passed": False, "score": 1, "maxScore": 100},
        }
        loop.value("select fn_execute_handoff('EXEC-TO-PLAN', 'd1', p_gate_results => %s)", results)
    found = check(loop, "gate results mended")
    assert (found["status"], "LAX" in found["value"]) == ("warn", True)


@pytest.mark.parametrize(("hits", "status"), [(4, "ok"), (6, "warn")])
def test_requests_of_which_more_than_half_were_done_before_are_a_warning(loop, hits, status):
    assert check(loop, "transitions repeated") == {"status": "ok", "value": "none"}
    loop.rows("select _count('opsloop_transitions_completed_total', %s)", 10 - hits)
    loop.rows("select _count('opsloop_transition_idempotent_hits_total', %s)", hits)
    for _ in range(2):
        found = check(loop, "transitions repeated")
        assert (found["status"], found["value"]) == (status, f"{hits * 10}.0 % of 10")
        loop.rows("select _duty_base()")
    loop.advance(86400 + 1200)
    assert check(loop, "transitions repeated") == {"status": "ok", "value": "none"}


def test_the_first_few_requests_are_no_warning(loop):
    loop.rows("select _count('opsloop_transition_idempotent_hits_total', 9)")
    assert check(loop, "transitions repeated")["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "threshold"),
    [
        ("transitions failed", 5),
        ("handoff duration", 60),
        ("transitions repeated", 50),
        ("gate results mended", 10),
    ],
)
def test_the_thresholds_are_those_of_the_runbook(loop, name, threshold):
    assert loop.value("select warn from _measures() where check_name = %s", name) == threshold
