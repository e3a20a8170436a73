"""An extension of leases waits for nothing, and a claim holds nothing that one needs while it waits."""

import pytest

from looping import step

EXTEND = "select ok from fn_extend_leases('w', jsonb_build_array(jsonb_build_object('step_id', %s, 'lease_token', %s)))"


def test_an_extension_goes_on_while_the_row_of_its_worker_is_locked(loop, session):
    loop.value("select fn_register_worker('w')")
    work = loop.work(loop.mission(step("a")))
    holder = session()
    holder.do("begin")
    holder.rows("select from ops_workers for update")
    loop.do("set lock_timeout = '2s'")

    assert loop.value(EXTEND, work["step_id"], work["lease_token"])
    holder.do("rollback")


@pytest.mark.parametrize(
    "held", ["ops_missions m where m.id = %s", "ops_mission_steps s where s.mission_id = %s"]
)
def test_a_claim_takes_other_work_than_what_somebody_holds_and_leaves_that_queued(loop, session, held):
    first, second = loop.mission(step("a")), loop.mission(step("a"))
    holder = session()
    holder.do("begin")
    holder.rows(f"select from {held} for update", first)
    loop.do("set lock_timeout = '2s'")

    assert [w["mission_id"] for w in loop.claim(1)] == [second]
    assert loop.claim(10) == []
    assert loop.steps(first) == {"a": "queued"}
    holder.do("rollback")
    assert [w["mission_id"] for w in loop.claim(10)] == [first]


def test_a_claim_leaves_what_has_to_be_parked_where_somebody_holds_its_mission(loop, session):
    held, other = loop.mission(step("a", params={"x": 1})), loop.mission(step("a"))
    odd = {"name": "x", "executor": "noop", "params": {"x": "1"}, "risk_level": "high"}
    loop.policy("auto_approve", risk_rules=[odd])
    holder = session()
    holder.do("begin")
    holder.rows("select from ops_missions where id = %s for update", held)
    loop.do("set lock_timeout = '2s'")

    assert [w["mission_id"] for w in loop.claim(10)] == [other]
    holder.do("rollback")
    assert loop.claim(10) == []
    assert loop.steps(held) == {"a": "waiting"}


def test_a_claim_that_finds_only_held_and_paused_steps_parks_the_paused_ones(loop, session):
    held, paused = loop.mission(step("a")), loop.mission(step("a", kind="check", executor="noop"))
    loop.value("select fn_pause('kind', 'check')")
    holder = session()
    holder.do("begin")
    holder.rows("select from ops_missions where id = %s for update", held)

    assert loop.claim(10) == []
    assert loop.steps(paused) == {"a": "waiting"}
    holder.do("rollback")
