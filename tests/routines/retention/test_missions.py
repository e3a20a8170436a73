"""A mission goes whole once its time has come, and nothing goes that something open still needs."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template


def tables_with(loop, *ids):
    """The tables in which a row has one of these ids in it, but for the records of the purge and of the audit."""
    found = []
    for name in loop._tables():
        if name in ("ops_purged", "ops_audit_log") or name.endswith("_archive"):
            continue
        wanted = "|".join(str(i) for i in ids)
        if loop.value(f"select exists (select from {name} t where t::text ~ %s)", wanted):
            found.append(name)
    return found


def test_without_a_document_nothing_goes(loop, retention):
    retention.finished()
    retention.days(3000)
    before = loop.contents("ops_retention")
    assert loop.value("select fn_apply_retention()") == {"purged": {}, "more": False}
    assert loop.contents("ops_retention") == before


def test_a_mission_goes_whole_when_its_time_has_come(loop, retention):
    retention.document(missions_days=90)
    mission = retention.finished(step("a"), step("b", after=["a"]), key="k")
    proposal = loop.the_mission(mission)["proposal_id"]
    steps = [r["id"] for r in loop.rows("select id from ops_mission_steps where mission_id = %s", mission)]
    retention.days(89)
    assert retention.purge() == {}
    retention.days(2)
    loop.turn()  # its timers are over, and it is purged
    assert loop.value("select purged from ops_retention where part = 'missions'") == 1
    assert retention.purge() == {}
    assert tables_with(loop, mission, proposal, *steps) == ["ops_spent_keys"]
    assert loop.broken() == []


def test_its_events_and_their_reactions_go_with_it(loop, retention):
    loop.react({"event_type": "step:noop:succeeded"}, {"event_type": "mission:succeeded"})
    retention.document(missions_days=90)
    mission = retention.finished(step("a"))
    loop.do("update ops_policy set value = '{\"patterns\": []}' where key = 'reaction_matrix'")
    loop.turn()
    assert loop.value("select count(*) from ops_agent_events where mission_id = %s", mission) == 2
    retention.days(91)
    assert retention.purge() == {"missions": 1}
    assert tables_with(loop, mission) == []


@pytest.mark.parametrize("days", [None, 365])
def test_failed_missions_stay_as_long_as_the_document_says(loop, retention, days):
    retention.document(missions_days=90, **({"keep_failed_days": days} if days else {}))
    loop.allow()
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    retention.days(91)
    assert retention.purge().get("missions", 0) == (0 if days else 1)
    retention.days(300)
    retention.purge()
    assert loop.rows("select id from ops_missions where id = %s", mission) == []
    assert loop.broken() == []


def test_open_missions_and_what_they_came_of_stay(loop, retention):
    loop.allow()
    loop.react({"event_type": "step:noop:succeeded", "template": template(step("child", kind="noop"))})
    retention.document(missions_days=90)
    first = loop.mission(step("a"))
    loop.complete(loop.work(first))
    loop.turn()
    child = loop.value("select id from ops_missions where id <> %s", first)
    retention.days(91)
    assert retention.purge() == {}
    loop.do("update ops_policy set value = '{\"patterns\": []}' where key = 'reaction_matrix'")
    loop.complete(loop.work(child, "child"))
    loop.turn()
    # Nothing is open any more: the first goes, the child has its own time.
    assert retention.purge() == {"missions": 1}
    assert loop.rows("select id from ops_missions") == [{"id": child}]
    assert loop.broken() == []


def test_a_mission_whose_event_still_waits_stays(loop, retention):
    retention.document(missions_days=90)
    mission = retention.finished()
    loop.emit("signal", mission=mission)
    retention.days(91)
    assert retention.purge() == {}
    loop.turn()
    assert retention.purge() == {"missions": 1}


def test_what_a_step_proposed_keeps_its_mission_while_it_is_open(loop, retention):
    retention.document(missions_days=90)
    loop.allow()
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.allow("nothing")
    made = loop.row(
        "select * from fn_propose_for_step(%s, %s, %s)",
        work["step_id"],
        work["lease_token"],
        Jsonb([template(step("b"))]),
    )
    assert made["status"] == "pending"
    loop.complete(work)
    retention.days(91)
    assert retention.purge() == {}
    loop.value("select status from fn_reject_proposal(%s, 'ada', 'no')", made["proposal_id"])
    loop.turn()
    assert retention.purge()["missions"] == 1


def test_a_child_stays_while_a_mission_above_it_is_open(loop, retention):
    retention.document(missions_days=90)
    loop.allow()
    below = step("m", "mission", params=template(step("n", "mission", params=template(step("x")))))
    above = loop.mission(below, step("b"))
    for _ in range(3):
        loop.turn()
    (least,) = loop.rows("select mission_id from ops_mission_steps where key = 'x'")
    loop.complete(loop.work(least["mission_id"], "x"))
    for _ in range(3):
        loop.turn()
    assert loop.steps(above) == {"m": "succeeded", "b": "queued"}
    retention.days(91)
    assert retention.purge() == {}
    loop.complete(loop.work(above, "b"))
    # Nothing is open any more: both go, the mission above has its own time.
    assert retention.purge() == {"missions": 2}
    assert [r["id"] for r in loop.rows("select id from ops_missions")] == [above]
    assert loop.broken() == []


def test_a_batch_is_bounded_and_says_that_there_is_more(loop, retention):
    retention.document(missions_days=90)
    loop.allow()
    for _ in range(7):
        retention.finished()
    retention.days(91)
    assert retention.purge(10000) == {"missions": 7}
    assert loop.value("select count(*) from ops_missions") == 0


@pytest.mark.parametrize("limit", [0, 100001, None])
def test_a_limit_that_cannot_be_is_refused(loop, limit):
    loop.refused("018", "select fn_apply_retention(%s)", limit)


def test_refused_proposals_go_with_the_votes_of_agents(loop, retention):
    retention.document(missions_days=90)
    loop.allow("nothing")
    made = loop.propose(step("a"))
    loop.value("select status from fn_reject_proposal(%s, 'ada', %s)", made["proposal_id"], "x" * 5000)
    retention.days(91)
    assert retention.purge() == {"proposals": 1}
    (vote,) = loop.rows("select * from ops_proposal_votes")
    assert (vote["vote"], len(vote["reason"])) == ("reject", 200)
    retention.document(missions_days=90, history_days=30)
    assert retention.purge()["votes"] == 1
    assert loop.broken() == []
