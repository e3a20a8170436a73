"""Which events a pattern of the reaction matrix reacts to: all of its conditions must hold."""

import pytest

from looping import step, template


def reacts(loop, pattern, kind="signal", data=None):
    """Whether the pattern reacts to such an event."""
    loop.react(pattern)
    loop.emit(kind, data)
    result = loop.turn()["triggerResult"]
    assert result["events"] == 1
    return result["queued"] == 1


@pytest.mark.parametrize(
    ("event_type", "matches", "differs"),
    [
        ("disk:full", ["disk:full"], ["disk:fuller", "a:disk:full", "DISK:FULL"]),
        ("*", ["disk:full", "x"], []),
        ("job:*:failed", ["job:sql:failed", "job:a:b:failed"], ["job:sql:succeeded", "job:failed"]),
        ("disk:*", ["disk:full", "disk:"], ["disk", "mydisk:full"]),
        ("*:full", ["disk:full"], ["disk:full:now"]),
        (["disk:full", "mail:*"], ["disk:full", "mail:lost"], ["disk:fine"]),
        ([], [], ["disk:full"]),
        ("100%_a\\b", ["100%_a\\b"], ["100%xa\\b", "1000_a\\b"]),
        ("a?c.+", ["a?c.+"], ["abc.+", "a?cc"]),
    ],
)
def test_event_type_is_text_or_a_list_and_only_the_star_is_special(loop, event_type, matches, differs):
    loop.react({"event_type": event_type})
    for kind in matches:
        loop.emit(kind, {"expect": True})
    for kind in differs:
        loop.emit(kind, {"expect": False})
    assert loop.turn()["triggerResult"] == {"events": len(matches + differs), "queued": len(matches)}
    assert all(
        loop.value("select data -> 'expect' from ops_agent_events where id = %s", r["event_id"])
        for r in loop.reactions()
    )


@pytest.mark.parametrize(
    ("wanted", "data", "expected"),
    [
        (["db"], {"tags": ["db"]}, True),
        (["db", "prod"], {"tags": ["prod", "x", "db"]}, True),
        (["db", "prod"], {"tags": ["db"]}, False),
        (["db"], {"tags": []}, False),
        (["db"], {}, False),
        (["db"], {"tags": None}, False),
        (["db"], {"tags": {"db": 1}}, False),
        ([], {"tags": ["db"]}, True),
        ([], {}, True),
    ],
)
def test_all_tags_of_the_pattern_must_be_among_those_of_the_event(loop, wanted, data, expected):
    assert reacts(loop, {"tags": wanted}, data=data) is expected


@pytest.mark.parametrize("tags", ["db", None, {"db": 1}, 5])
def test_a_pattern_without_tags_does_not_care_what_the_event_calls_tags(loop, tags):
    assert reacts(loop, {}, data={"tags": tags})


@pytest.mark.parametrize(
    ("wanted", "data", "expected"),
    [
        ("cron", {"source": "cron"}, True),
        ("cron", {"source": "mail"}, False),
        ("cron", {}, False),
        (["cron", "mail"], {"source": "mail"}, True),
        (["cron", "mail"], {"source": "disk"}, False),
        (["cron", "mail"], {}, False),
        (["cron", "mail"], {"source": []}, False),
        (["cron", "mail"], {"source": ["cron"]}, False),
        ("cron", {"source": None}, False),
    ],
)
def test_the_source_of_the_event_must_be_one_of_the_pattern(loop, wanted, data, expected):
    assert reacts(loop, {"source": wanted}, data=data) is expected


def test_a_pattern_that_is_switched_off_does_not_react(loop):
    assert not reacts(loop, {"enabled": False})


def test_probability_is_a_share_of_the_events(loop):
    loop.react(
        {"name": "some", "probability": 0.25},
        {"name": "all", "probability": 1},
        {"name": "none", "probability": 0},
    )
    loop.rows("select fn_emit_event('signal', '{}') from generate_series(1, 400)")
    loop.row("select * from fn_evaluate_triggers(400)")
    counts = {
        r["pattern"]: r["n"]
        for r in loop.rows("select pattern, count(*) n from ops_agent_reactions group by 1")
    }
    assert counts["all"] == 400
    assert 60 <= counts["some"] <= 140  # six standard deviations and more
    assert "none" not in counts


def test_probability_is_reproducible_for_the_same_event_and_pattern(loop):
    loop.react({"name": "half", "probability": 0.5})
    loop.rows("select fn_emit_event('signal', '{}') from generate_series(1, 40)")
    loop.row("select * from fn_evaluate_triggers(40)")
    chosen = {r["event_id"] for r in loop.reactions()}
    assert 0 < len(chosen) < 40
    loop.do("delete from ops_agent_reactions")
    loop.do("update ops_agent_events set processed_at = null")
    loop.do("insert into ops_ready (lane, id) select 1, id from ops_agent_events where type = 'signal'")
    loop.row("select * from fn_evaluate_triggers(40)")
    assert {r["event_id"] for r in loop.reactions()} == chosen


def test_two_patterns_throw_their_own_dice(loop):
    loop.react({"name": "one", "probability": 0.5}, {"name": "two", "probability": 0.5})
    loop.rows("select fn_emit_event('signal', '{}') from generate_series(1, 60)")
    loop.row("select * from fn_evaluate_triggers(60)")
    sets = [{r["event_id"] for r in loop.reactions() if r["pattern"] == p} for p in ("one", "two")]
    assert sets[0] != sets[1]


@pytest.mark.parametrize(
    ("depth", "max_depth", "expected"), [(2, 2, True), (3, 2, False), (5, None, True), (6, None, False)]
)
def test_a_pattern_stops_reacting_past_its_max_depth_of_five_by_default(loop, depth, max_depth, expected):
    loop.react({"max_depth": max_depth} if max_depth is not None else {})
    event = loop.emit()
    loop.do("update ops_agent_events set depth = %s where id = %s", depth, event)
    loop.turn()
    assert (len(loop.reactions()) == 1) is expected


def test_a_catch_all_cannot_feed_itself_for_ever(loop):
    loop.allow()
    loop.react({"event_type": "*", "template": template(step("a"))})
    loop.policy("proposal_caps", daily_limit=None)
    loop.emit("signal")
    for _ in range(30):
        loop.turn()
        for work in loop.claim(100):
            loop.complete(work)
    assert loop.value("select max(depth) from ops_agent_events") == 6
    assert loop.value("select count(*) from ops_agent_events where processed_at is null") == 0
    assert loop.claim() == []
    assert loop.broken() == []
