"""An extension of leases waits for nothing, and a claim holds nothing that one needs while it waits."""

from looping import step
from support import run

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


def test_a_claim_that_waits_for_a_mission_holds_no_row_of_its_worker(loop, session):
    loop.value("select fn_register_worker('w')")
    loop.do("update ops_workers set idle = true")
    mission = loop.mission(step("a"))
    holder, claimer = session(), session()
    holder.do("begin")
    holder.rows("select from ops_missions where id = %s for update", mission)
    claim = run(claimer.conn, "select step_id from fn_claim_steps('w')")
    loop.sees_blocked(claimer)
    loop.do("set lock_timeout = '2s'")

    assert loop.rows("select worker_id from ops_workers for update nowait") == [{"worker_id": "w"}]
    holder.do("rollback")
    assert len(claim.result()) == 1
