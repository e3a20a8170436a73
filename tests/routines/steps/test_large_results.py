"""A result that is too large fails its step, which says what to do instead; the rest of its batch goes on."""

import pytest
from psycopg.types.json import Jsonb

from looping import step

LIMIT = 4 << 20


def reports(loop, *brings):
    """One claimed step for each, with its report."""
    loop.mission(*[step(f"s{n}", after=[]) for n in range(len(brings))])
    return [
        {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"]), **bring}
        for work, bring in zip(loop.claim(limit=len(brings)), brings, strict=True)
    ]


def outcomes(loop, batch):
    rows = loop.rows("select step_id::text, outcome from fn_complete_steps(%s)", Jsonb(batch))
    said = {row["step_id"]: row["outcome"] for row in rows}
    return [said[report["step_id"]] for report in batch]


@pytest.mark.parametrize(
    "bring",
    [
        {"result": "x" * LIMIT},
        {"usage": {"log": "x" * LIMIT}},
        {"events": [{"type": "a", "data": {"x": "y" * (1 << 20)}}]},
        {"outbox": [{"aggregate_type": "a", "aggregate_id": "b", "event_type": "c", "payload": "x" * LIMIT}]},
    ],
)
def test_a_result_that_is_too_large_fails_its_step_for_good(loop, bring):
    batch = reports(loop, bring, {"result": 1})
    assert outcomes(loop, batch) == ["OPS_045", "accepted"]
    assert outcomes(loop, batch) == ["OPS_045", "accepted"]
    failed = loop.row("select * from ops_mission_steps where id = %s", batch[0]["step_id"])
    assert (failed["status"], failed["failure_count"], failed["last_error_code"]) == ("failed", 1, "OPS_045")
    assert "elsewhere and give a reference" in failed["last_error"]
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_result_that_is_too_deep_fails_its_step(loop):
    deep: object = 1
    for _ in range(101):
        deep = [deep]
    assert outcomes(loop, reports(loop, {"result": deep}, {"result": deep[0]})) == ["OPS_045", "accepted"]


def test_a_large_result_under_a_lost_lease_changes_nothing(loop):
    (report,) = reports(loop, {"result": "x" * LIMIT})
    report["lease_token"] = "00000000-0000-4000-8000-000000000000"
    assert outcomes(loop, [report]) == ["OPS_006"]
    assert loop.value("select status from ops_mission_steps where id = %s", report["step_id"]) == "running"


def test_progress_that_is_too_large_is_refused(loop):
    (report,) = reports(loop, {"progress": "x" * LIMIT})
    loop.refused("045", "select * from fn_extend_leases('w1', %s)", Jsonb([report]))


def test_many_events_of_one_report_are_stored_without_copying_it_for_each(loop):
    loop.do("set local statement_timeout = '10s'")
    (report,) = reports(loop, {"events": [{"type": "a"}] * 10_000})
    assert outcomes(loop, [report]) == ["accepted"]
    assert loop.value("select count(*) from ops_agent_events where type = 'a'") == 10_000
