"""Results of sub-agents: each run once, by directive, sub-agent, session, phase and hour."""

import pytest

from tracked import directive

STORE = "select fn_store_sub_agent_result(%s, 'TESTING', %s, %s, %s, p_skip_idempotency => %s)"


@pytest.fixture(autouse=True)
def _directive(loop):
    directive(loop)
    loop.stop_clock("2040-01-01 10:30:00+00")


def store(loop, sd_id="d1", phase="EXEC", session="s", verdict="PASS", skip=False):
    return loop.value(STORE, sd_id, phase, session, verdict, skip)


def test_the_same_run_told_again_counts_on_the_first_row(loop):
    first = store(loop)
    again = [store(loop, "SD-d1", verdict="FAIL") for _ in range(2)]
    assert (first["idempotent_hit"], [a["idempotent_hit"] for a in again]) == (False, [True, True])
    (row,) = loop.rows("select * from sub_agent_execution_results")
    assert {a["id"] for a in again} == {first["id"]} == {str(row["id"])}
    assert (row["verdict"], row["metadata"]["hits"], row["metadata"]["idempotent_hit"]) == ("PASS", 2, True)
    assert row["metadata"]["idempotency_key"].startswith("idmp_TESTING_")
    assert row["metadata"]["orchestrated"] is False


@pytest.mark.parametrize(
    "other", [{"phase": "PLAN"}, {"phase": None}, {"session": "t"}, {"session": None}, {"skip": True}]
)
def test_another_run_is_a_row_of_its_own(loop, other):
    store(loop)
    assert store(loop, **other)["idempotent_hit"] is False
    assert loop.value("select count(*) from sub_agent_execution_results") == 2


def test_in_the_next_hour_it_is_another_run(loop):
    store(loop)
    loop.stop_clock("2040-01-01 10:59:59+00")
    assert store(loop)["idempotent_hit"]
    loop.stop_clock("2040-01-01 11:00:00+00")
    assert not store(loop)["idempotent_hit"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("'nowhere', 'A'", "OPS_012"),
        ("'d1', ''", "OPS_018"),
        ("'d1', null", "OPS_018"),
        ("'d1', 'A', p_confidence => 101", "OPS_018"),
        ("'d1', 'A', p_confidence => 'NaN'", "OPS_018"),
        ("'d1', 'A', p_execution_time => -1", "OPS_018"),
        ("'d1', 'A', p_execution_time => 'Infinity'", "OPS_018"),
        ("'d1', 'A', p_metadata => '[]'", "OPS_018"),
    ],
)
def test_what_cannot_be_is_refused(loop, call, code):
    loop.do("savepoint a")
    with pytest.raises(Exception, match=code):
        loop.value(f"select fn_store_sub_agent_result({call})")
    loop.do("rollback to a")
