"""Holding events against the reaction matrix: each once, in bounded batches; cooldowns; what cannot be filled."""

import pytest

from looping import step, template


def evaluate(loop, size=50):
    return tuple(loop.row("select * from fn_evaluate_triggers(%s)", size).values())


def test_every_event_is_looked_at_once_whether_or_not_a_pattern_matches(loop):
    loop.react({"event_type": "signal"})
    loop.emit("signal")
    loop.emit("noise")
    assert evaluate(loop) == (2, 1)
    assert all(e["processed_at"] for e in loop.events())
    assert evaluate(loop) == (0, 0)


def test_a_batch_is_bounded_and_takes_the_oldest_first(loop):
    events = [loop.emit("noise") for _ in range(5)]
    assert evaluate(loop, 3) == (3, 0)
    assert [e["id"] for e in loop.events() if e["processed_at"]] == events[:3]
    assert evaluate(loop, 3) == (2, 0)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(loop, size):
    loop.refused("018", "select * from fn_evaluate_triggers(%s)", size)
    loop.refused("018", "select * from fn_process_reactions(%s)", size)


def test_without_a_size_the_batch_is_fifty(loop):
    loop.rows("select fn_emit_event('noise') from generate_series(1, 60)")
    assert loop.row("select * from fn_evaluate_triggers()")["events"] == 50
    assert loop.row("select * from fn_evaluate_triggers(null)")["events"] == 10


def test_several_patterns_react_to_one_event_each_once(loop):
    loop.react({"name": "one"}, {"name": "two", "event_type": "*"}, {"name": "three", "event_type": "other"})
    event = loop.emit()
    assert evaluate(loop) == (1, 2)
    assert {(r["event_id"], r["pattern"]) for r in loop.reactions()} == {(event, "one"), (event, "two")}


def test_an_event_looked_at_again_does_not_react_again(loop):
    loop.react({})
    event = loop.emit()
    assert evaluate(loop) == (1, 1)
    loop.do("update ops_agent_events set processed_at = null")
    loop.do("insert into ops_ready (lane, id) values (1, %s)", event)
    assert evaluate(loop) == (1, 0)
    assert len(loop.reactions()) == 1


def test_an_event_that_was_deleted_is_no_obstacle(loop):
    loop.emit()
    loop.do("delete from ops_agent_events")
    assert evaluate(loop) == (1, 0)


# Cooldown


def test_within_its_cooldown_a_pattern_reacts_once(loop):
    loop.react({"cooldown_minutes": 10})
    loop.emit()
    loop.emit()
    assert evaluate(loop) == (2, 1)
    loop.emit()
    assert evaluate(loop) == (1, 0)
    loop.advance(601)
    loop.emit()
    assert evaluate(loop) == (1, 1)


def test_the_first_event_of_the_batch_is_the_one_that_reacts(loop):
    loop.react({"cooldown_minutes": 1})
    first = loop.emit()
    loop.emit()
    evaluate(loop)
    assert [r["event_id"] for r in loop.reactions()] == [first]


def test_a_cooldown_may_be_a_part_of_a_minute_and_ends_on_the_dot(loop):
    moment = loop.stop_clock()
    loop.react({"cooldown_minutes": 0.5})
    loop.emit()
    assert evaluate(loop) == (1, 1)
    for seconds, queued in ((29.9, 0), (30, 1)):
        loop.stop_clock(loop.value("select %s::timestamptz + make_interval(secs => %s)", moment, seconds))
        loop.emit()
        assert evaluate(loop) == (1, queued)


def test_patterns_cool_down_apart(loop):
    loop.react(
        {"name": "one", "cooldown_minutes": 5},
        {"name": "two", "cooldown_minutes": 5, "event_type": "other"},
        {"name": "free"},
    )
    loop.emit()
    assert evaluate(loop) == (1, 2)
    loop.emit("other")
    loop.emit()
    assert evaluate(loop) == (2, 2)
    assert sorted(r["pattern"] for r in loop.reactions()) == ["free", "free", "one", "two"]


# Filling


def test_values_of_the_event_are_filled_in_and_keep_their_type_when_alone(loop):
    loop.react(
        {
            "template": template(
                step(
                    "a",
                    params={
                        "n": "{{event.data.n}}",
                        "t": "{{event.data.n}} on {{event.data.host}}",
                        "all": "{{event.data}}",
                        "what": "{{event.type}}",
                    },
                )
            )
        }
    )
    loop.emit("signal", {"n": 5, "host": "db1"})
    loop.turn()
    (proposal,) = loop.proposals()
    assert proposal["template"]["steps"][0]["params"] == {
        "n": 5, "t": "5 on db1", "all": {"n": 5, "host": "db1"}, "what": "signal"
    }  # fmt: skip


def test_a_template_that_cannot_be_filled_fails_the_reaction_and_names_the_path(loop):
    loop.react({"template": template(step("a", params={"deep": {"n": "{{event.data.missing.path}}"}}))})
    loop.emit()
    assert evaluate(loop) == (1, 0)
    (reaction,) = loop.reactions()
    assert reaction["status"] == "failed"
    assert reaction["reason"].startswith("OPS_004: ")
    assert reaction["reason_code"] == "OPS_004"
    assert "steps[0].params.deep.n" in reaction["reason"]
    assert "event.data.missing.path" in reaction["reason"]
    loop.turn()
    assert loop.proposals() == []


def test_one_that_cannot_be_filled_does_not_keep_the_others_from_reacting(loop):
    loop.react(
        {"name": "bad", "template": template(step("a", params={"n": "{{event.data.n}}"}))},
        {"name": "good"},
    )
    loop.emit()
    assert evaluate(loop) == (1, 1)
    assert {r["pattern"]: r["status"] for r in loop.reactions()} == {"bad": "failed", "good": "queued"}


def test_text_that_the_event_brought_in_is_never_read_for_placeholders(loop):
    loop.allow()
    loop.react(
        {
            "template": template(
                step("a", params={"text": "{{event.data.text}}"}),
                step("b", params={"text": "{{event.data.text}}!"}),
            )
        }
    )
    evil = "{{steps.a.result.secret}} {{event.id}}"
    loop.emit("signal", {"text": evil})
    loop.turn()
    (first,) = loop.claim()
    assert first["params"] == {"text": evil}
    loop.complete(first, {"secret": "s"})
    assert loop.claim()[0]["params"] == {"text": evil + "!"}
