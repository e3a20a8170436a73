"""Documents, batches and counts have limits, which policy may change; what is above one is refused where it enters."""

import json

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

MIB = 1 << 20


def big(size):
    return {"text": "x" * size}


def nested(levels):
    return json.loads('{"a":' * levels + "1" + "}" * levels)


def refused(loop, query, *params):
    """The detail and hint of the OPS_045 that a call raises."""
    error = loop.refused("045", query, *params)
    assert error.message_hint.endswith(".")
    return json.loads(error.message_detail)


def limit(loop, **limits):
    loop.do("select fn_set_policy('size_limits', %s)", limits)


ENTRIES = {
    "an event": ("select fn_emit_event('a', %s)", lambda x: x, "event_bytes"),
    "events": (
        "select fn_emit_events(%s)",
        lambda x: [{"type": "a"}, {"type": "a", "data": x}],
        "event_bytes",
    ),
    "a proposal": (
        "select fn_create_proposal(%s)",
        lambda x: template(step("a", params=x)),
        "template_bytes",
    ),
    "proposals": (
        "select fn_create_proposals(%s)",
        lambda x: [{"template": template(step("a"))}, {"template": template(step("a", params=x))}],
        "template_bytes",
    ),
    "a question": (
        "select fn_is_auto_approvable(%s)",
        lambda x: template(step("a", params=x)),
        "template_bytes",
    ),
    "a message": ("select fn_publish_outbox('a', 'b', 'c', %s)", lambda x: x, "payload_bytes"),
    "a dead letter": ("select fn_archive_dead_letter('a', p_payload => %s)", lambda x: x, "payload_bytes"),
    "an idea": ("select fn_radar_upsert(%s)", lambda x: [{"title": "a", "evidence": x}], "payload_bytes"),
    "policy": ("select fn_set_policy('mine', %s)", lambda x: x, "policy_bytes"),
    "policy by hand": (
        "insert into ops_policy (key, value) values ('mine', %s)",
        lambda x: x,
        "policy_bytes",
    ),
    "a worker": ("select fn_register_worker('w', p_settings => %s)", lambda x: x, "event_bytes"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_too_large_is_refused_with_the_size_found_and_the_limit(loop, entry):
    query, made, setting = ENTRIES[entry]
    built_in = loop.value("select _size_limits()")[setting]
    fault = refused(loop, query, Jsonb(made(big(built_in))))
    assert (fault["setting"], fault["limit"]) == (f"size_limits.{setting}", built_in)
    assert built_in < fault["bytes"] < built_in + 200


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_nested_too_deep_is_refused(loop, entry):
    query, made, _ = ENTRIES[entry]
    fault = refused(loop, query, Jsonb(made(nested(400))))
    assert (fault["setting"], fault["limit"]) == ("size_limits.depth", 100)
    assert 400 <= fault["depth"] <= 404


def test_what_is_just_within_the_limits_is_taken(loop):
    assert loop.value("select fn_emit_event('a', %s)", big(MIB - 12))
    assert loop.value("select fn_emit_event('a', %s)", nested(100))
    refused(loop, "select fn_emit_event('a', %s)", Jsonb(nested(101)))


def test_policy_may_change_a_limit_both_ways(loop):
    limit(loop, event_bytes=2000)
    refused(loop, "select fn_emit_event('a', %s)", Jsonb(big(2000)))
    limit(loop, event_bytes=2 * MIB)
    assert loop.value("select fn_emit_event('a', %s)", big(MIB))


@pytest.mark.parametrize(
    "limits", [{"event_bytes": 1}, {"event_byte": 2000}, {"depth": "100"}, {"lanes": 1e9}]
)
def test_a_limit_that_cannot_be_is_no_sound_policy(loop, limits):
    loop.refused("017", "select fn_set_policy('size_limits', %s)", Jsonb(limits))


def test_a_batch_is_bounded_in_entries_and_in_bytes(loop):
    limit(loop, batch_items=500, batch_bytes=MIB)
    fault = refused(loop, "select fn_emit_events(%s)", Jsonb([{"type": "a"}] * 501))
    assert (fault["setting"], fault["count"], fault["limit"]) == ("size_limits.batch_items", 501, 500)
    fault = refused(loop, "select fn_emit_events(%s)", Jsonb([{"type": "a", "data": big(3000)}] * 400))
    assert fault["setting"] == "size_limits.batch_bytes"
    assert len(loop.rows("select fn_emit_events(%s)", Jsonb([{"type": "a"}] * 500))) == 500


def test_no_more_faults_are_told_than_the_limit_and_the_rest_is_said_to_be_there(loop):
    faulty = template(*[{"kind": "no op", "x": 1} for _ in range(10_000)])
    told = json.loads(loop.refused("004", "select fn_create_proposal(%s)", Jsonb(faulty)).message_detail)
    assert len(told) == 101
    assert told[-1] == "and more, which are not told"
    limit(loop, faults=3)
    told = json.loads(loop.refused("004", "select fn_create_proposal(%s)", Jsonb(faulty)).message_detail)
    assert len(told) == 4


def test_placeholders_are_bounded(loop):
    limit(loop, placeholders=2)
    made = template(step("a"), step("b", params={"x": ["{{steps.a.result.x}}"] * 3}))
    fault = refused(loop, "select fn_create_proposal(%s)", Jsonb(made))
    assert (fault["setting"], fault["count"]) == ("size_limits.placeholders", 3)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reaction_matrix", {"patterns": [{"name": "p"}] * 201}),
        ("auto_approve", {"risk_rules": [{"name": "r"}] * 201}),
        ("worker_policy", {"presets": {f"p{n}": {} for n in range(201)}}),
    ],
)
def test_lists_in_policy_are_bounded(loop, key, value):
    fault = refused(loop, "select fn_set_policy(%s, %s)", key, Jsonb(value))
    assert (fault["setting"], fault["count"], fault["limit"]) == ("size_limits.patterns", 201, 200)


def test_a_text_that_nobody_would_read_is_refused(loop):
    proposal = loop.propose(step("a", "sql", params={"statement": "select 1"}))["proposal_id"]
    loop.refused("018", "select fn_reject_proposal(%s, 'ada', %s)", proposal, "x" * 10_001)
    loop.refused("018", "select fn_archive_dead_letter(%s)", "x" * 501)
    loop.refused("018", "select fn_record_replay(%s)", "x" * 501)
    loop.refused("018", "select fn_pause('kind', %s)", "x" * 501)
    loop.refused("018", "select fn_register_worker(%s)", "x" * 501)
    loop.refused("018", "select fn_radar_upsert(%s)", Jsonb([{"title": "x" * 501}]))


def test_a_command_with_arguments_that_no_system_takes_is_forbidden(loop):
    loop.policy("worker_policy", command_allow=[["echo", "*"]])
    made = loop.propose(step("a", "command", params={"argv": ["echo", "x" * 131_072]}))
    assert (made["status"], made["reason"][:7]) == ("rejected", "OPS_003")
    assert "131072 bytes" in made["reason"]


def test_an_idea_keeps_the_status_that_it_has_when_none_is_given(loop):
    loop.value("select fn_radar_upsert(%s)", Jsonb([{"title": "a", "status": "building"}]))
    loop.value(
        "select fn_radar_upsert(%s)",
        Jsonb([{"title": "a", "score": 1}, {"title": "b", "status": "watching"}]),
    )
    assert loop.value("select status from ops_demand_radar where title = 'a'") == "building"


def test_the_depth_of_a_document_is_told_however_deep_it_is(calculator):
    for depth in (0, 1, 2, 99, 100, 101, 5000):
        document = "[" * depth + "1" + "]" * depth
        assert calculator.execute("select _json_depth(%s::jsonb)", (document,)).fetchone() == (depth,)


def test_the_lists_of_the_allow_list_have_ten_times_as_many_globs_as_a_list_has_entries(loop):
    allow = [["echo", [f"a{n}" for n in range(1000)]]] * 2
    loop.policy("worker_policy", command_allow=allow)
    document = {
        **loop.value("select fn_get_policy('worker_policy')"),
        "command_allow": [*allow, ["ls", ["x"]]],
    }
    detail = refused(loop, "select fn_set_policy('worker_policy', %s)", document)
    assert (detail["count"], detail["limit"]) == (2001, 2000)
    assert detail["setting"] == "size_limits.patterns"
