"""Successes that no pattern watches are not stored: ops_events derives them from attempts and missions."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from looping import step

_WATCH = {"event_type": "*:succeeded"}


def _successes(loop):
    return loop.rows("select * from ops_events where type like '%%:succeeded' order by created_at, id")


def _stored(loop):
    return loop.rows("select * from ops_agent_events where type like '%%:succeeded' order by created_at, id")


def _run(loop, *steps, result=None):
    mission = loop.mission(*steps)
    for one in steps:
        loop.complete(loop.work(mission, one["key"]), result)
    return mission


@pytest.mark.parametrize("result", [None, {"v": 1}, {"n": [n * 7919 % 10007 for n in range(3000)]}])
def test_a_derived_success_says_what_a_stored_one_says(loop, result):
    derived = _run(loop, step("a"), step("b", after=["a"]), result=result)
    assert _stored(loop) == []
    loop.react(_WATCH)
    stored = _run(loop, step("a"), step("b", after=["a"]), result=result)
    assert len(_stored(loop)) == 3

    def said(mission):
        ids = ("step_id", "mission_id", "proposal_id")
        rows = [e for e in _successes(loop) if e["mission_id"] == mission]
        return [(e["type"], e["depth"], {k: v for k, v in e["data"].items() if k not in ids}) for e in rows]

    assert said(derived) == said(stored)
    assert [kind for kind, _, _ in said(derived)] == ["step:noop:succeeded"] * 2 + ["mission:succeeded"]


@pytest.mark.parametrize("watched", ["step:noop:succeeded", "mission:succeeded"])
def test_what_is_watched_is_stored_and_nothing_stands_twice(loop, watched):
    loop.react({**_WATCH, "event_type": watched})
    _run(loop, step("a"))
    assert [e["type"] for e in _stored(loop)] == [watched]
    assert [e["type"] for e in _successes(loop)] == ["step:noop:succeeded", "mission:succeeded"]


def test_a_pattern_set_later_does_not_react_to_what_was_before(loop):
    _run(loop, step("a"))
    loop.react(_WATCH)
    loop.turn()
    assert loop.reactions() == []


def test_a_success_that_a_person_resolved_stands_once(loop):
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    loop.value("select fn_resolve_step(%s, 'succeeded', 'ada')", loop.step(mission)["id"])
    assert [e["type"] for e in _successes(loop)] == ["step:noop:succeeded", "mission:succeeded"]


def test_a_mission_that_comes_back_keeps_its_first_success(loop):
    mission = loop.mission(step("a", on_failure="continue"), step("b", after=["a"]))
    loop.fail_for_good(mission, "a")
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"
    loop.retry(loop.step(mission, "a")["id"])
    loop.complete(loop.work(mission, "a"))
    ends = [e for e in _successes(loop) if e["type"] == "mission:succeeded"]
    assert len({e["id"] for e in ends}) == 2


def test_the_trail_of_a_derived_event_is_that_of_its_mission(loop):
    mission = _run(loop, step("a"))
    whole = loop.rows("select * from fn_trail(%s)", mission)
    for event in _successes(loop):
        trail = loop.rows("select * from fn_trail(%s)", event["id"])
        assert [row for row in trail if row not in whole] == [row for row in trail if row["what"] == "event"]
        assert [row["subject"] for row in trail if row["what"] == "event"] == [event["type"]]
        assert len(trail) == len(whole) + 1


def test_health_counts_them(loop):
    before = loop.value("select recent_events from fn_health()")
    _run(loop, step("a"), step("b"))
    assert loop.value("select recent_events from fn_health()") == before + 3


def test_a_dry_run_sees_derived_successes_as_it_sees_stored_ones(loop):
    loop.allow()
    _run(loop, step("a"))
    matrix = {
        "patterns": [
            {
                "name": "after",
                "event_type": ["step:*:succeeded", "mission:succeeded"],
                "template": {"title": "after {{event.type}}", "steps": [{"kind": "noop"}]},
            }
        ]
    }
    rows = loop.rows("select * from fn_dry_run_policy('reaction_matrix', %s)", Jsonb(matrix))
    assert len([row for row in rows if row["event_id"] in {e["id"] for e in _successes(loop)}]) == 2


def test_settling_a_mission_that_has_ended_keeps_its_derived_success(loop):
    mission = _run(loop, step("a"))
    loop.do("select _settle_missions(array[%s::uuid])", mission)
    assert [e["type"] for e in _successes(loop)] == ["step:noop:succeeded", "mission:succeeded"]
