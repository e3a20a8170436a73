"""Whether a proposal of a template would run without a person."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb


def auto_approvable(calculator, *steps, **template):
    return calculator.execute(
        "select fn_is_auto_approvable(%s)", (Jsonb({"steps": list(steps), **template}),)
    ).fetchone()[0]


def test_harmless_steps_need_nobody(calculator):
    assert auto_approvable(calculator, {"kind": "noop"}, {"kind": "radar"}) is True


def test_one_step_that_needs_a_person_is_enough(calculator):
    assert auto_approvable(calculator, {"kind": "noop"}, {"kind": "noop", "executor": "our_own"}) is False


def test_the_declared_risk_counts(calculator):
    assert auto_approvable(calculator, {"kind": "noop"}, risk_level="medium") is False


def test_what_nobody_may_run_is_not_approvable(calculator):
    assert auto_approvable(calculator, {"kind": "command", "params": {"argv": ["true"]}}) is False


def test_a_faulty_template_is_refused_with_every_fault(calculator):
    with pytest.raises(psycopg.DatabaseError) as refused:
        auto_approvable(calculator, {"kind": "noop", "x": 1}, {"kind": ""}, priority="high")
    assert refused.value.sqlstate == "OP004"
    assert [fault.split(":")[0] for fault in json.loads(refused.value.diag.message_detail)] == [
        "priority",
        "steps[0].x",
        "steps[1].kind",
    ]
