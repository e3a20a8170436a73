"""Whether what a command printed is what its JSON Schema says."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from opsloop.cli.documented import document_schema


def command_of(words: Sequence[str]) -> str | None:
    """The command of a command line; None where it has none that prints a document."""
    known = _all()["commands"]
    pairs = (" ".join(words[:2]), " ".join(words[:1]))
    return next((name for name in pairs if name in known), None)


def assert_documented(command: str, printed: str) -> Any:
    """The document, which is what the schema of the command says, with no field more."""
    document = json.loads(printed)
    validator(command).validate(document)
    return document


@cache
def _all() -> dict[str, Any]:
    return document_schema()


@cache
def validator(command: str) -> Draft202012Validator:
    """Of what a command prints. The schema lets releases add fields; here one that it does not name is a fault."""
    schema = _closed(document_schema(command))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema and schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed
