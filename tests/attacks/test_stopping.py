"""An agent keeps others from stopping the loop, or starts it again."""

from logins import sqlstate
from looping import step

DENIED = "42501"


def test_starting_again_what_was_stopped(scene, agent):
    scene.operator.approve(scene.propose())
    scene.operator.row("select fn_kill_switch('ada', 'stop')")
    for call in ("select fn_resume('all')", "delete from ops_pauses", "update ops_control set epoch = 0"):
        assert sqlstate(agent.rows, call) == DENIED
    scene.nothing_ran()


def test_holding_every_lock_that_the_stop_button_takes(scene, agent, loop):
    """Numbers may be locked by anybody who can connect. The button does not ask for their leave."""
    scene.operator.approve(scene.propose())
    agent.do("begin")
    for number in range(6):
        agent.rows(
            "select pg_advisory_lock_shared('opsloop.ops_control'::regclass::oid::integer, %s)", number
        )
    killed = scene.operator.value("select fn_kill_switch('ada', 'stop')")
    assert killed["changed"]
    scene.nothing_ran()
    agent.do("rollback")
    agent.rows("select pg_advisory_unlock_all()")
    assert scene.operator.value("select fn_resume('all', null, 'ada', 'go on')")
    scene.work()
    assert scene.mark.exists()


def test_holding_the_rows_that_the_stop_button_takes(scene, agent):
    for lock in ("for update", "for no key update", "for share", "for key share"):
        assert sqlstate(agent.rows, f"select from ops_control {lock}") == DENIED
    agent.do("begin")
    agent.rows("select from ops_control")  # only looks
    agent.propose(step("a"))
    assert scene.operator.value("select fn_pause('all', null, 'ada', 'stop')")["changed"]
    agent.do("rollback")
