"""The OpenAPI document, made of the list of operations."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import opsloop
from opsloop.serve.api.operation import Json, Operation

_PLAIN: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": "number"},
    float: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    types.NoneType: {"type": "null"},
    Any: {},
    dict: {"type": "object"},
    list: {"type": "array"},
}
_REPEATS = {
    "key": "It becomes the dedupe key of what has none: the same key again gives the first answer, and makes nothing.",
    "harmless": "Taken, and without effect: to send this twice comes to the same as once.",
    "refused": "Refused: to send this twice does it twice.",
}
_PROBLEM: Json = {
    "type": "object",
    "description": "A problem (RFC 9457). `code` is the OPS code; docs/errors.md has its cause and remedy.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^OPS_[0-9]{3}$"},
        "detail": {"type": ["string", "null"]},
        "values": {"description": "The values behind it."},
        "hint": {"type": ["string", "null"], "description": "What the reader can do."},
    },
    "required": ["type", "title", "status"],
}
_REFUSALS = {
    "400": "The request cannot be read",
    "401": "No key, or one that is not or no longer valid (OPS_091)",
    "403": "Not allowed to this key (OPS_015), or the server is read-only (OPS_093)",
    "404": "There is no such thing (OPS_012, OPS_002, OPS_025)",
    "408": "The body did not arrive in time",
    "409": "Its state does not allow it (OPS_014 and others)",
    "410": "It was purged (OPS_083)",
    "413": "Too large (OPS_045)",
    "422": "What was sent cannot be (OPS_018 and others)",
    "429": "Too many wrong keys (OPS_092)",
    "503": "The database is away, or busy for a moment (OPS_001, OPS_023)",
}


def document(operations: Sequence[Operation], others: Json) -> Json:
    """The document; `others` are paths that are no operations."""
    schemas: Json = {"Problem": _PROBLEM}
    paths: Json = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    for path, methods in others.items():
        for method in methods.values():
            method["responses"] = {**method["responses"], **_refusals()}
        paths[path] = methods
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "opsloop",
            "version": opsloop.__version__,
            "description": "The loop over HTTP. Every call acts as the login of its key, with the rights of its role.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, schemas: Json) -> Json:
    parameters = [
        *(_parameter(name, schema, "path") for name, schema in one.path_schemas.items()),
        *(_parameter(name, schema, "query") for name, schema in one.query.items()),
    ]
    if one.method != "GET":
        header = {"type": "string", "minLength": 1, "maxLength": 200}
        if one.repeats != "refused":
            parameters.append(
                {**_parameter("Idempotency-Key", header, "header"), "description": _REPEATS[one.repeats]}
            )
    made: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"Calls `{one.routine}`.",
        "responses": {
            str(one.status): {
                "description": "Done",
                "content": {"application/json": {"schema": _answer(one, schemas)}},
            },
            **_refusals(),
        },
    }
    if parameters:
        made["parameters"] = parameters
    if one.body is not None:
        made["requestBody"] = {
            "required": "required" in one.body or "anyOf" in one.body,
            "content": {"application/json": {"schema": one.body}},
        }
    return made


def _parameter(name: str, schema: Json, where: str) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _refusals() -> Json:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": text, "content": problem} for code, text in _REFUSALS.items()}


def _answer(one: Operation, schemas: Json) -> Json:
    found = schema_of(one.answer, schemas)
    if not one.is_page:
        return found
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": found},
            "next_cursor": {
                "type": ["string", "null"],
                "description": "Give it as `cursor` for the next page; null on the last."
                if one.cursor
                else "Always null: a page holds up to 1,000, and there is no next one.",
            },
        },
        "required": ["items", "next_cursor"],
    }


def schema_of(kind: Any, schemas: Json) -> Json:
    """The schema of a type; of records in `schemas`, by reference."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(one, schemas) for one in args]}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1], schemas)}
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TypeError(f"no schema for {kind}")
    if kind.__name__ not in schemas:
        schemas[kind.__name__] = _record(kind, schemas)
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _record(kind: type, schemas: Json) -> Json:
    hints = _hints(kind)
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "properties": {name: schema_of(hint, schemas) for name, hint in hints.items()},
        "required": list(hints),
    }


@lru_cache(maxsize=128)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
