"""The schema of a template and the routine on the path of every proposal say the same."""

import jsonschema
import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from routines.documents import in_one_database, templates
from routines.templates.test_template_faults import SOUND

#: What one field of a template or of a step can say, and its faults.
FIELDS = [
    {field: value}
    for field in ("title", "rationale", "refs", "risk_level", "priority", "run_after", "x")
    for value in (
        "t",
        "",
        "low",
        0,
        -101,
        1.5,
        "2030-01-31T09:00:00Z",
        "2030-01-31T09:00",
        True,
        [],
        ["a"],
        ["a", ""],
        ["a"] * 51,
        ["a" * 2001],
        {},
        None,
    )
]
OF_STEPS = [
    {field: value}
    for field in (
        [
            "key",
            "kind",
            "executor",
            "params",
            "depends_on",
            "max_retries",
            "timeout_seconds",
            "on_failure",
            "on_lease_lost",
            "needs_approval",
            "for_each",
            "run_after",
            "x",
        ]
    )
    for value in ("a", "a b", "", "fail", "hold", "retry", 0, 1, 604801, True, [], ["a", 5], {}, None)
]


@pytest.fixture
def schema(calculator):
    found = calculator.execute("select fn_policy_schema('reaction_matrix')").fetchone()[0]
    return jsonschema.Draft202012Validator({"$ref": "#/$defs/template", "$defs": found["$defs"]})


def faults(calculator, template):
    return calculator.execute("select _template_faults(%s, true)", (Jsonb(template),)).fetchone()[0]


@pytest.mark.parametrize("document", SOUND.values(), ids=SOUND.keys())
def test_a_sound_template_is_sound_by_the_schema(schema, document):
    schema.validate(document)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_both_refuse_the_same_fields_of_a_template(calculator, schema, field):
    document = {"steps": [{"kind": "noop"}], **field}
    assert schema.is_valid(document) is (faults(calculator, document) == [])


@pytest.mark.parametrize("field", OF_STEPS, ids=str)
def test_both_refuse_the_same_fields_of_a_step(calculator, schema, field):
    document = {"steps": [{"key": "a", "kind": "noop", "depends_on": []}, {"kind": "noop", **field}]}
    found = [
        fault for fault in faults(calculator, document) if "is not a step" not in fault and "too" not in fault
    ]
    assert schema.is_valid(document) is (found == [])


@in_one_database
@given(template=templates)
def test_what_the_schema_refuses_the_routine_refuses(calculator, schema, template):
    if not schema.is_valid(template):
        assert faults(calculator, template) != []
