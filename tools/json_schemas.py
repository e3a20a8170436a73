"""Writes the JSON Schemas of what the commands print with --json: python/opsloop/cli/documents.json, and docs/json.md.

Usage: python tools/json_schemas.py [--check]. With --check nothing is written; exit 1 when a file is out of date. They
are made of the types in python/opsloop/cli/documents.py, and of the records of opsloop.results.
"""

import dataclasses
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from opsloop import fleet, results
from opsloop.cli import dead, documents, ps, purge

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "python/opsloop/cli/documents.json"
PAGE = ROOT / "docs/json.md"
HEAD = """\
# What `--json` prints

<!-- Written by tools/json_schemas.py (`make docs`). -->

Every command takes `--json` and prints one document on stdout; errors are one document on stderr:
`{"error": {"code", "message", "detail", "hint"}}`. Times are ISO 8601 with their offset, ids are whole, numbers keep
their value to the last digit. `opsloop schema COMMAND` prints the JSON Schema of what a command prints, and
`opsloop schema` those of all.

A release may add fields. None is taken away, and none changes its type, before the next major release. A field with a
`?` is left out where it does not apply.
"""

Schema = dict[str, Any]


class Written(GenerateJsonSchema):
    """As opsloop.jsonio writes values."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Schema:
        """A number, to the last digit."""
        return {"type": "number"}


def schemas() -> Schema:
    """{"$defs": …, "commands": {command: schema}}."""
    for module in (results, dead, documents, fleet, ps, purge):
        _read_docstrings(module)
    known = {name: kind for name, kind in documents.DOCUMENTS.items() if kind is not None}
    made, definitions = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(kind)) for name, kind in sorted(known.items())],
        schema_generator=Written,
        ref_template="#/$defs/{model}",
    )
    open_names = {kind.__name__ for kind in documents.OPEN}
    for name, schema in definitions["$defs"].items():
        _tidy(schema)
        if name in open_names:
            schema["additionalProperties"] = True
    commands = {name: schema for (name, _), schema in made.items()}
    for schema in commands.values():
        _tidy(schema)
    return {"$defs": definitions["$defs"], "commands": commands}


def _read_docstrings(module: ModuleType) -> None:
    """Let pydantic take the texts below fields for their descriptions."""
    for kind in vars(module).values():
        if inspect.isclass(kind) and (dataclasses.is_dataclass(kind) or hasattr(kind, "__total__")):
            # Of a typed dict it would require what is NotRequired.
            kind.__pydantic_config__ = ConfigDict(
                use_attribute_docstrings=True,
                json_schema_serialization_defaults_required=dataclasses.is_dataclass(kind),
            )


def _tidy(schema: Any) -> None:
    """Take out titles that repeat names, and defaults: a printed document has every field."""
    if isinstance(schema, list):
        for item in schema:
            _tidy(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if "properties" in schema:
            for each in schema["properties"].values():
                if "default" in each:
                    del each["default"]
        for name, item in schema.items():
            if name == "description":
                schema[name] = " ".join(item.split())
            elif name == "properties":
                for each in item.values():
                    _tidy(each)
            else:
                _tidy(item)


def page(found: Schema) -> str:
    """The page: what each command prints, and the fields of each document."""
    lines = [HEAD, "## By command", "", "| command | prints |", "|---|---|"]
    lines += [f"| `{name}` | {_kind(schema)} |" for name, schema in found["commands"].items()]
    lines += ["", "## Documents"]
    for name, schema in sorted(found["$defs"].items()):
        lines += [
            "",
            f"### {name}",
            "",
            schema.get("description", ""),
            "",
            "| field | type | |",
            "|---|---|---|",
        ]
        for field, each in schema.get("properties", {}).items():
            mark = "" if field in schema.get("required", []) else "?"
            lines.append(f"| `{field}`{mark} | {_kind(each)} | {_cell(each.get('description', ''))} |")
        if schema.get("additionalProperties") is True:
            lines.append("| … | anything | what depends on what it is of |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(schema: Schema) -> str:
    """A type in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        return f"array of {_kind(schema['items'])}" if schema.get("items") else "array"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {_kind(values)}" if isinstance(values, dict) and values else "object"
    return {"date-time": "time", "uuid": "id"}.get(schema.get("format", ""), kind or "anything")


def main(arguments: list[str]) -> int:
    """Write, or check."""
    found = schemas()
    wanted = {SCHEMAS: json.dumps(found, indent=1, sort_keys=True) + "\n", PAGE: page(found)}
    late = [p for p, text in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    for path in late:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: make docs")
        else:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"{path.relative_to(ROOT)} written")
    return int("--check" in arguments and bool(late))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
