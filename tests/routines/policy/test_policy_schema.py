"""The schema of a policy document is what the validator works by: an independent reader of it judges alike."""

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from routines.documents import in_one_database, policies

DIALECT = jsonschema.Draft202012Validator


def value(conn, statement, *args):
    return conn.execute(statement, args).fetchone()[0]


@pytest.fixture
def schemas(calculator):
    keys = value(calculator, "select array_agg(key) from ops_policy")
    return {key: value(calculator, "select fn_policy_schema(%s)", key) for key in [*keys, "size_limits"]}


def nodes(schema):
    """Every schema within one, but those that only refuse."""
    if isinstance(schema, dict) and "not" not in schema:
        yield schema
        for inner in schema.get("properties", {}).values():
            yield from nodes(inner)
        for name in ("items", "additionalProperties"):
            yield from nodes(schema.get(name))
        for inner in [*schema.get("anyOf", []), *schema.get("$defs", {}).values()]:
            yield from nodes(inner)


def test_every_schema_is_one_and_all_its_references_lead_somewhere(calculator, schemas):
    for schema in [*schemas.values(), value(calculator, "select fn_policy_schema()")]:
        DIALECT.check_schema(schema)
        for node in nodes(schema):
            assert "$ref" not in node or node["$ref"].removeprefix("#/$defs/") in schema["$defs"]


def test_every_field_has_a_description_a_default_unless_it_is_needed_and_examples_that_are_sound(schemas):
    for key, schema in schemas.items():
        for node in nodes(schema):
            for name, field in node.get("properties", {}).items():
                if "not" in field:
                    assert field["errorMessage"]
                    continue
                field = {**schema["$defs"].get(field.get("$ref", "").removeprefix("#/$defs/"), {}), **field}
                assert field.get("description"), (key, name)
                assert ("default" in field or "x-default" in field) is (
                    name not in node.get("required", [])
                ), (
                    key,
                    name,
                )
                if "default" in field:
                    DIALECT({**field, "$defs": schema["$defs"]}).validate(field["default"])
                assert field.get("examples"), (key, name)
                for example in field["examples"]:
                    DIALECT({**field, "$defs": schema["$defs"]}).validate(example)


def test_what_is_seeded_is_sound_by_its_schema(calculator, schemas):
    for key, document in calculator.execute("select key, value from ops_policy").fetchall():
        DIALECT(schemas[key]).validate(document)


def test_a_document_of_your_own_has_no_schema(calculator):
    with pytest.raises(Exception, match="OPS_002: no schema of a policy document 'ours'"):
        value(calculator, "select fn_policy_schema('ours')")


def test_the_schema_in_the_package_is_that_of_the_database(calculator):
    shipped = json.loads((files("opsloop") / "project/policy.schema.json").read_text(encoding="utf-8"))
    assert shipped == value(calculator, "select fn_policy_schema()")


@in_one_database
@given(policy=policies)
def test_what_a_reader_of_the_schema_refuses_the_database_refuses(calculator, schemas, policy):
    key, document = policy
    if key in schemas and not DIALECT(schemas[key]).is_valid(document):
        assert value(calculator, "select _policy_faults(%s, %s)", key, Jsonb(document)) != []


@in_one_database
@given(policy=policies)
def test_a_document_without_faults_is_sound_by_its_schema(calculator, schemas, policy):
    key, document = policy
    if key in schemas and value(calculator, "select _policy_faults(%s, %s)", key, Jsonb(document)) == []:
        DIALECT(schemas[key]).validate(document)
