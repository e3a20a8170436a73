"""A shadow judges what was committed late, too, and keeps no heartbeat from its work."""

import json

from looping import Loop, step

OPEN = {"enabled": True, "allowed_step_kinds": ["noop", "http"], "max_risk_level": "high"}
HTTP = step("a", "http", params={"url": "https://x/"})
PAST = "update ops_policy_shadows set next_to = clock_timestamp(), next_at = '-infinity'"


def judged(loop: Loop) -> int:
    return loop.value("select decisions from fn_list_shadows()")


def test_what_is_committed_after_the_ticket_was_taken_is_waited_for(conn, connect):
    loop, late = Loop(conn), connect(autocommit=False)
    loop.rows("select fn_shadow_policy('auto_approve', %s)", OPEN)
    late.execute("select fn_create_proposal(%s)", [json.dumps({"title": "late", "steps": [HTTP]})])
    loop.propose(HTTP)
    loop.rows("select _duty_explain()")
    loop.do(PAST)
    loop.rows("select _duty_explain()")
    assert judged(loop) == 0
    late.commit()
    loop.rows("select _duty_explain()")
    assert judged(loop) == 2


def test_a_turn_passes_a_shadow_that_somebody_holds_and_somebody_does_not_wait_for_a_turn(conn, connect):
    loop, other = Loop(conn), connect(autocommit=False)
    loop.rows("select fn_shadow_policy('auto_approve', %s)", OPEN)
    other.execute("select from ops_policy_shadows for update")
    loop.rows("select _duty_explain()")
    assert loop.row("select ticket from ops_policy_shadows") == {"ticket": None}
    loop.refused("031", "select fn_shadow_policy('auto_approve')")
    other.rollback()
    assert loop.value("select fn_shadow_policy('auto_approve')")
