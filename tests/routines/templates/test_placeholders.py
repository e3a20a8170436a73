"""Placeholders: their places are fixed when the template is written; what fills them is never read again."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from routines.documents import PLACEHOLDERS, documents, in_one_database, plain_texts, texts

EVENT = {
    "id": "0190",
    "type": "disk:full",
    "depth": 2,
    "mission_id": None,
    "data": {
        "host": "db1",
        "n": 5,
        "big": 12345678901234567890,
        "on": True,
        "none": None,
        "list": [1, {"a": "z"}],
        "": "e",
    },
}


def slots(calculator, document):
    return calculator.execute("select _template_slots(%s)", (Jsonb(document),)).fetchone()[0]


def fill_event(calculator, document, event=None):
    return calculator.execute(
        "select f.template, f.slots, f.fault from (values (%s::jsonb)) v (t),"
        " _fill_event(t, _template_slots(t), %s) f",
        (Jsonb(document), Jsonb(EVENT if event is None else event)),
    ).fetchone()


def fill_step(calculator, params, results):
    return calculator.execute(
        "select f.params, f.fault from (values (%s::jsonb)) v (p), _fill_step(p, _template_slots(p), %s) f",
        (Jsonb(params), Jsonb(results)),
    ).fetchone()


def test_slots_say_where_placeholders_are_and_what_stands_around_them(calculator):
    document = {
        "title": "On {{event.data.host}}!",
        "steps": [{"params": {"a": ["-", "{{ steps.x.result.0 }}"]}}],
    }
    assert slots(calculator, document) == [
        {"path": ["steps", "0", "params", "a", "1"], "segments": [{"ref": "steps.x.result.0"}]},
        {"path": ["title"], "segments": [{"lit": "On "}, {"ref": "event.data.host"}, {"lit": "!"}]},
    ]


def test_a_document_without_placeholders_has_no_slots(calculator):
    assert slots(calculator, {"a": "{}", "b": ["}}", {"c": 1}]}) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{event.data.host}}", "db1"),
        ("{{event.data.n}}", 5),
        ("{{event.data.big}}", 12345678901234567890),
        ("{{event.data.on}}", True),
        ("{{event.data.none}}", None),
        ("{{event.data.list}}", [1, {"a": "z"}]),
        ("{{event.data.list.1.a}}", "z"),
        ("{{ event.type }}", "disk:full"),
        ("{{event.depth}}", 2),
        ("{{event.data}}", EVENT["data"]),
    ],
)
def test_alone_in_its_text_a_placeholder_keeps_the_type_of_its_value(calculator, text, value):
    assert fill_event(calculator, {"params": {"x": text}}) == ({"params": {"x": value}}, [], None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on {{event.data.host}}", "on db1"),
        ("{{event.data.host}}{{event.data.n}}", "db15"),
        ("{{event.data.on}}.", "true."),
        ("<{{event.data.list}}>", '<[1, {"a": "z"}]>'),
        ("{{{event.data.n}}}", "{5}"),
        ("a\n{{event.data.host}}\n\\", "a\ndb1\n\\"),
    ],
)
def test_among_other_text_a_value_is_written_out(calculator, text, value):
    assert fill_event(calculator, {"params": {"x": text}}) == ({"params": {"x": value}}, [], None)


def test_a_title_is_always_text(calculator):
    filled, _, _ = fill_event(calculator, {"title": "{{event.data.n}}", "steps": []})
    assert filled["title"] == "5"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{event.data.nothing}}", "steps[1].params.a[0].x: {{event.data.nothing}} is not there"),
        ("a {{event.data.list.7}}", "steps[1].params.a[0].x: {{event.data.list.7}} is not there"),
        ("{{event.data.host.x}}", "steps[1].params.a[0].x: {{event.data.host.x}} is not there"),
        (
            "a {{event.data.none}}",
            "steps[1].params.a[0].x: {{event.data.none}} is null and cannot be part of a text",
        ),
    ],
)
def test_what_cannot_be_filled_is_named(calculator, text, fault):
    document = {"steps": [{}, {"params": {"a": [{"x": text}]}}]}
    assert fill_event(calculator, document)[2] == fault


def test_results_are_filled_later_and_values_of_the_event_at_once(calculator):
    document = {
        "steps": [
            {"params": {"a": "{{event.data.host}}", "b": "{{steps.s.result.y}} on {{event.data.host}}"}}
        ]
    }
    filled, left, fault = fill_event(calculator, document)
    assert fault is None
    assert filled["steps"][0]["params"]["a"] == "db1"
    assert left == [
        {
            "path": ["steps", "0", "params", "b"],
            "segments": [{"ref": "steps.s.result.y"}, {"lit": " on "}, {"lit": "db1"}],
        }
    ]
    relative = [{**slot, "path": slot["path"][3:]} for slot in left]
    assert calculator.execute(
        "select params, fault from _fill_step(%s, %s, %s)",
        (Jsonb(filled["steps"][0]["params"]), Jsonb(relative), Jsonb({"s": {"y": [1]}})),
    ).fetchone() == ({"a": "db1", "b": "[1] on db1"}, None)


@pytest.mark.parametrize(
    ("text", "results", "value"),
    [
        ("{{steps.a.result}}", {"a": {"x": 1}}, {"x": 1}),
        ("{{steps.a.result.x.0}}", {"a": {"x": [None, 2]}}, None),
        ("{{steps.a.result.x}} and {{steps.b-1.result}}", {"a": {"x": 1}, "b-1": "z"}, "1 and z"),
        ("{{steps.a.result.result}}", {"a": {"result": 3}}, 3),
    ],
)
def test_results_of_steps_are_filled(calculator, text, results, value):
    assert fill_step(calculator, {"p": text}, results) == ({"p": value}, None)


@pytest.mark.parametrize(
    ("text", "results", "fault"),
    [
        ("{{steps.a.result.x}}", {"a": {"y": 1}}, "p: {{steps.a.result.x}} is not there"),
        ("{{steps.a.result}}", {}, "p: {{steps.a.result}} is not there"),
        ("x{{steps.a.result}}", {"a": None}, "p: {{steps.a.result}} is null and cannot be part of a text"),
    ],
)
def test_a_result_that_is_not_there_is_named(calculator, text, results, fault):
    assert fill_step(calculator, {"p": text}, results)[1] == fault


def test_a_step_without_slots_keeps_its_params(calculator):
    assert calculator.execute(
        "select params, fault from _fill_step('{\"a\": \"{{x}}\"}', null, '{}')"
    ).fetchone() == (
        {"a": "{{x}}"},
        None,
    )


def test_a_slot_may_be_the_whole_document(calculator):
    assert fill_step(calculator, "{{steps.a.result}}", {"a": [1]}) == ([1], None)


PLACES = [
    "{{event.data.x}}",
    "<{{event.data.x}}>",
    "{{event.data.x}}{{event.type}}",
    "{{steps.a.result}}",
    "plain",
]


def by_hand(document: Any, refs: dict[str, Any]) -> Any:
    """The document filled by Python: each text on its own, values put in and not looked at."""
    if isinstance(document, dict):
        return {name: by_hand(value, refs) for name, value in document.items()}
    if isinstance(document, list):
        return [by_hand(value, refs) for value in document]
    if not isinstance(document, str):
        return document
    if document in refs:
        return copy.deepcopy(refs[document])
    return {
        "<{{event.data.x}}>": lambda: f"<{refs['{{event.data.x}}']}>",
        "{{event.data.x}}{{event.type}}": lambda: refs["{{event.data.x}}"] + refs["{{event.type}}"],
    }.get(document, lambda: document)()


@in_one_database
@given(
    params=st.recursive(
        st.sampled_from(PLACES) | st.integers(),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(plain_texts, inner, max_size=8),
        max_leaves=40,
    ),
    value=texts,
    kind=st.sampled_from(PLACEHOLDERS),
    result=documents(),
)
def test_text_that_came_from_data_is_never_read_for_placeholders(calculator, params, value, kind, result):
    """Values full of placeholders arrive as they are, at their places and nowhere else."""
    document = {"steps": [{"kind": "noop", "params": {"p": params}}]}
    event = {"data": {"x": value}, "type": kind}
    filled, left, fault = fill_event(calculator, document, event)
    assert fault is None
    refs = {"{{event.data.x}}": value, "{{event.type}}": kind}
    expected = by_hand(document, refs)
    assert filled == expected
    assert {segment.get("ref") for slot in left for segment in slot["segments"]} <= {"steps.a.result"}

    relative = [{**slot, "path": slot["path"][3:]} for slot in left]
    rendered, fault = calculator.execute(
        "select params, fault from _fill_step(%s, %s, %s)",
        (Jsonb(filled["steps"][0]["params"]), Jsonb(relative), Jsonb({"a": result})),
    ).fetchone()
    assert fault is None
    # Numbers as the database writes them: it keeps every digit, Python's floats do not.
    both = by_hand({"p": params}, refs | {"{{steps.a.result}}": result})
    assert rendered == calculator.execute("select %s::jsonb", (Jsonb(both),)).fetchone()[0]


@in_one_database
@given(document=documents())
def test_no_json_makes_the_reading_of_slots_fail(calculator, document):
    found = slots(calculator, document)
    assert ("{{" in json.dumps(document, ensure_ascii=False)) or found == []


def test_many_slots_are_filled_as_few_are(calculator):
    document = {
        "title": "{{event.data.host}}",
        "steps": [{"kind": "noop", "params": {"a": {"b": ["{{event.data.n}}", i]}}} for i in range(500)],
    }
    filled, left, fault = fill_event(calculator, document)
    assert (left, fault) == ([], None)
    assert filled["title"] == "db1"
    assert [step["params"]["a"]["b"] for step in filled["steps"]] == [[5, i] for i in range(500)]
