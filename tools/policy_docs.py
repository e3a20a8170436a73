"""Writes what is generated from the schemas of policy documents and templates: the tables of fields in docs/policy.md,
docs/templates.md and docs/schedules.md, and the schema of a policy file for editors,
python/opsloop/project/policy.schema.json.

Usage: python tools/policy_docs.py [--check]. With --check nothing is written; exit 1 when a file is out of date. The
schemas are read from the routines that are them (sql/code/**/*_schema.sql), in the order in which their fields stand
there. A table replaces what stands between `<!-- fields of NAME -->` and `<!-- end -->`.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "sql/code"
EDITOR = ROOT / "python/opsloop/project/policy.schema.json"
PAGES = [ROOT / "docs/policy.md", ROOT / "docs/templates.md", ROOT / "docs/schedules.md"]
_TABLE = re.compile(r"(<!-- fields of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: What x-loosens says of all that stands within a field, too.
_WHOLE = ("changed", "never")

Schema = dict[str, Any]


def literal(path: Path) -> Schema:
    """The document that a routine of constants returns."""
    found: Schema = json.loads(path.read_text(encoding="utf-8").split("$json$")[1])
    return found


DEFINITIONS = literal(CODE / "base/_schema_definitions.sql")
TEMPLATES = literal(CODE / "templates/_template_schema.sql")


def documents() -> dict[str, Schema]:
    """The schema of each table of a policy file, in the order of sql/code.sql."""
    names = re.findall(r"code/policy/_(\w+)_schema\.sql", (ROOT / "sql/code.sql").read_text(encoding="utf-8"))
    return {name: literal(CODE / f"policy/_{name}_schema.sql") for name in names if name != "policy"}


def editor_schema() -> Schema:
    """The schema of a policy file, as fn_policy_schema() returns it."""
    found = documents()
    definitions = {**TEMPLATES, **DEFINITIONS}
    for schema in found.values():
        definitions.update(schema.get("$defs", {}))
    plain = {key: {k: v for k, v in schema.items() if k != "$defs"} for key, schema in found.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "opsloop policy",
        "description": "A policy file: a table for each document.",
        "type": "object",
        "properties": {**plain, "$schema": {"type": "string"}},
        "additionalProperties": {"type": "object"},
        "$defs": definitions,
    }


def resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """A schema with what its $ref names; its own keywords precede."""
    while "$ref" in schema:
        named = definitions[schema["$ref"].removeprefix("#/$defs/")]
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def kind(schema: Schema, definitions: dict[str, Schema]) -> str:
    """The type of a field in words."""
    schema = resolved(schema, definitions)
    if "anyOf" in schema:
        words = [kind(branch, definitions) for branch in schema["anyOf"] if branch.get("type") != "null"]
        return " or ".join(words)
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    types = schema.get("type", "object")
    named = types if isinstance(types, str) else types[0]
    if named in ("integer", "number"):
        return f"{'whole number' if named == 'integer' else 'number'}, {schema['minimum']} to {schema['maximum']}"
    if named == "array":
        items = resolved(schema.get("items", {}), definitions)
        return (
            "list of texts" if items.get("type") == "string" else f"list of {items.get('title', 'object')}s"
        )
    return {"boolean": "true or false", "string": "text"}.get(named, named)


def rows(
    path: str,
    schema: Schema,
    definitions: dict[str, Schema],
    seen: tuple[str, ...] = (),
    whole: str = "",
) -> list[list[str]]:
    """A row for each field within a schema: path, type, default, what lets more run, example, meaning."""
    found: list[list[str]] = []
    for name, given in schema.get("properties", {}).items():
        if "not" in given:
            continue
        field = resolved(given, definitions)
        where = f"{path}{name}"
        default = field.get("default")
        shown = field.get("x-default") or f"`{json.dumps(default, ensure_ascii=False)}`"
        if name in schema.get("required", []):
            shown = "required"
        elif default is None and "x-default" not in field:
            shown = "none"
        example = json.dumps(field["examples"][0], ensure_ascii=False)
        looser = whole or field.get("x-loosens", "")
        found.append(
            [f"`{where}`", kind(given, definitions), shown, looser, f"`{example}`", field["description"]]
        )
        # A template has a page of its own.
        if given.get("$ref") != "#/$defs/template":
            found += inner(where, field, definitions, seen, looser if looser in _WHOLE else "")
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict) and not path:
        found += inner("", {"additionalProperties": extra}, definitions, seen)
    return found


def inner(
    where: str, field: Schema, definitions: dict[str, Schema], seen: tuple[str, ...], whole: str = ""
) -> list[list[str]]:
    """The rows of what stands within a field: of its own fields, of the entries of a list, of the values of a map."""
    if "properties" in field:
        return rows(f"{where}.", field, definitions, seen, whole)
    for suffix, within in (("[]", field.get("items")), (".<name>", field.get("additionalProperties"))):
        if not isinstance(within, dict):
            continue
        for branch in within.get("anyOf", [within]):
            title = branch.get("$ref", "")
            target = resolved(branch, definitions)
            if "properties" in target and title not in seen:
                return rows(f"{where}{suffix}.".lstrip("."), target, definitions, (*seen, title), whole)
    return []


def table(name: str) -> str:
    """The table of fields of a document, or of a definition such as `template`."""
    found = documents()
    definitions = {**TEMPLATES, **DEFINITIONS}
    for schema in found.values():
        definitions.update(schema.get("$defs", {}))
    header = ["field", "type", "default", "looser", "example", "meaning"]
    fields = rows("", found.get(name) or definitions[name], definitions)
    if not any(row[3] for row in fields):
        # Templates, tests and schedules let nothing run by themselves.
        fields = [row[:3] + row[4:] for row in [header, *fields]]
        header, *fields = fields
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in fields]
    return "\n".join(lines) + "\n"


def wanted() -> dict[Path, str]:
    """The content of each generated file."""
    texts = {EDITOR: json.dumps(editor_schema(), ensure_ascii=False, indent=2) + "\n"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        texts[page] = _TABLE.sub(lambda found: found[1] + table(found[2]) + found[3], text)
    return texts


def main(arguments: list[str]) -> int:
    """Write or check the files."""
    stale = [
        path
        for path, text in wanted().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: `make docs` writes it", file=sys.stderr)
        else:
            path.write_text(wanted()[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
