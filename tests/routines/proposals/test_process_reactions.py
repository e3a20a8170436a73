"""Reactions become gated proposals, each at most once; a bad one fails alone."""

from looping import step, template


def process(loop, size=50):
    return tuple(loop.row("select * from fn_process_reactions(%s)", size).values())


def signals(loop, count=1, **data):
    for n in range(count):
        loop.emit("signal", {"n": n, **data})
    loop.row("select * from fn_evaluate_triggers(1000)")


def test_a_reaction_becomes_a_proposal_of_source_trigger_that_knows_where_it_came_from(loop):
    loop.react({"name": "p", "template": template(step("a"), title="for {{event.data.n}}", priority=3)})
    signals(loop)
    assert process(loop) == (1, 1)
    (proposal,), (reaction,) = loop.proposals(), loop.reactions()
    assert (proposal["source"], proposal["title"], proposal["priority"]) == ("trigger", "for 0", 3)
    assert (proposal["reaction_id"], proposal["event_id"]) == (reaction["id"], reaction["event_id"])
    assert (reaction["status"], reaction["proposal_id"], reaction["reason"]) == ("done", proposal["id"], None)
    assert proposal["status"] == "auto_approved"


def test_a_batch_is_bounded(loop):
    loop.react({})
    signals(loop, 5)
    assert process(loop, 3) == (3, 3)
    assert process(loop, 3) == (2, 2)
    assert process(loop, 3) == (0, 0)


def test_a_dedupe_key_seen_before_makes_the_reaction_done_with_the_first_proposal(loop):
    loop.react({"dedupe_key": "host {{event.data.host}}"})
    signals(loop, 2, host="db1")
    assert process(loop) == (2, 1)
    signals(loop, 1, host="db1")
    assert process(loop) == (1, 0)
    signals(loop, 1, host="db2")
    assert process(loop) == (1, 1)
    first, *_ = loop.proposals()
    assert [p["dedupe_key"] for p in loop.proposals()] == ["host db1", "host db2"]
    assert [r["status"] for r in loop.reactions()] == ["done"] * 4
    assert [r["proposal_id"] == first["id"] for r in loop.reactions()] == [True, True, True, False]
    assert "before" in loop.reactions()[1]["reason"]


def test_the_gate_is_asked_for_each(loop):
    loop.react(
        {"name": "free"},
        {"name": "asks", "template": template(step("a", "http", params={"url": "https://x/"}))},
    )
    loop.policy("proposal_caps", daily_limit=3, over_limit="reject")
    signals(loop, 2)
    assert process(loop) == (4, 4)
    statuses = sorted(p["status"] for p in loop.proposals())
    assert len(statuses) == 4
    assert statuses.count("rejected") == 1


def test_a_reaction_that_cannot_be_processed_fails_alone_with_its_sqlstate(loop):
    loop.react({"dedupe_key": "{{event.data.key}}"})
    for key in ("fine", "poison", "fine too"):
        loop.emit("signal", {"key": key})
    loop.row("select * from fn_evaluate_triggers()")
    loop.do("alter table ops_mission_proposals add constraint no_poison check (dedupe_key <> 'poison')")
    assert process(loop) == (3, 2)
    assert [r["status"] for r in loop.reactions()] == ["done", "failed", "done"]
    assert "23514" in loop.reactions()[1]["reason"]
    assert [r["reason_code"] for r in loop.reactions()] == [None, "23514", None]
    assert sorted(p["dedupe_key"] for p in loop.proposals()) == ["fine", "fine too"]
    assert loop.broken() == []


def test_a_reaction_put_back_by_hand_makes_no_second_proposal_and_takes_nobody_elses(loop):
    loop.react({})
    signals(loop)
    process(loop)
    loop.do("update ops_agent_reactions set status = 'queued', proposal_id = null")
    loop.do("insert into ops_ready (lane, id) select 2, id from ops_agent_reactions")
    signals(loop)
    assert process(loop) == (2, 1)
    again, new = loop.reactions()
    assert (again["status"], new["status"]) == ("failed", "done")
    assert new["proposal_id"] == loop.proposals()[1]["id"]
    assert loop.proposals()[1]["reaction_id"] == new["id"]


def test_a_deleted_reaction_is_no_obstacle(loop):
    loop.react({})
    signals(loop, 2)
    loop.do("delete from ops_agent_reactions where id = %s", loop.reactions()[0]["id"])
    assert process(loop) == (2, 1)


def test_the_mission_and_its_events_are_one_deeper_than_the_event(loop):
    loop.allow()
    loop.react(
        {"event_type": "signal", "template": template(step("a"))},
        {"name": "next", "event_type": "step:noop:succeeded"},
    )
    signals(loop)
    process(loop)
    (work,) = loop.claim()
    assert loop.the_mission(work["mission_id"])["depth"] == 0
    loop.complete(work, events=[{"type": "found"}])
    assert {e["type"]: e["depth"] for e in loop.events()} == {
        "signal": 0, "found": 1, "step:noop:succeeded": 1, "mission:succeeded": 1
    }  # fmt: skip
    loop.turn()
    assert [p["depth"] for p in loop.proposals()] == [0, 1]
