"""A decision counts for what was shown, also when policy changes at the same moment."""

import pytest
from psycopg.types.json import Jsonb

from looping import step
from support import start

AS_SHOWN = "select fn_as_shown(%s, %s)"
SET = "select fn_set_policy('worker_policy', fn_get_policy('worker_policy') || %s)"


def rm(loop):
    """worker_policy with another program behind openclaw."""
    presets = loop.value("select fn_get_policy('worker_policy') -> 'presets'")
    return Jsonb({"presets": {**presets, "openclaw": {"argv": ["rm", "{{params.prompt}}"]}}})


def test_a_preset_cannot_change_between_the_check_and_the_decision(loop, session):
    loop.propose(step("a", "openclaw", params={"prompt": "hello"}))
    (entry,) = loop.rows("select * from fn_inbox()")
    person, admin = session(), session()
    person.do("begin")
    person.rows(AS_SHOWN, entry["id"], entry["digest"])
    setting = start(lambda: admin.rows(SET, rm(loop)))
    loop.sees_blocked(admin)
    person.approve(entry["id"])
    person.do("commit")
    setting.result()
    assert loop.value("select status from ops_mission_proposals") == "approved"


def test_whoever_changed_the_preset_first_is_waited_for_and_seen(loop, session):
    loop.propose(step("a", "openclaw", params={"prompt": "hello"}))
    (entry,) = loop.rows("select * from fn_inbox()")
    person, admin = session(), session()
    admin.do("begin")
    admin.rows(SET, rm(loop))
    deciding = start(lambda: person.rows(AS_SHOWN, entry["id"], entry["digest"]))
    loop.sees_blocked(person)
    admin.do("commit")
    with pytest.raises(Exception, match="OPS_016"):
        deciding.result()
    assert loop.value("select status from ops_mission_proposals") == "pending"


def test_a_proposal_whose_gate_came_late_is_told_of_then_and_once(loop, session):
    loop.policy("proposal_caps", daily_limit=100)
    loop.propose(step("a"))
    holder = session()
    holder.do("begin")
    holder.rows("select from ops_cap_counters for update")
    assert loop.propose(step("a", "other"))["status"] == "pending"
    assert loop.events("proposal:%") == []
    holder.do("commit")
    for _ in range(2):
        loop.turn()
        assert [e["type"] for e in loop.events("proposal:%")] == ["proposal:pending"]
