"""`schema`: the JSON Schema of what a command prints with --json."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import INSTALLATION
from opsloop.errors import InvalidArgument

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def document_schema(command: str | None = None) -> dict[str, Any]:
    """Return the schema of what a command prints; without one, those of all, by command.

    Raises InvalidArgument (OPS_018) for a command that prints no document.
    """
    found = jsonio.parse((files("opsloop.cli") / "documents.json").read_text(encoding="utf-8"))
    commands: dict[str, Any] = found["commands"]
    if command is None:
        return {"$schema": _DRAFT, "title": "opsloop --json", "commands": commands, "$defs": found["$defs"]}
    if command not in commands:
        raise InvalidArgument(
            f"there is no command {command!r} that prints a document",
            hint=f"Give one of: {', '.join(sorted(commands))}.",
        )
    schema = commands[command]
    used = _used(schema, found["$defs"], {})
    head = {"$schema": _DRAFT, "title": f"opsloop {command} --json"}
    return {**head, **schema, **({"$defs": used} if used else {})}


def _used(schema: Any, definitions: dict[str, Any], used: dict[str, Any]) -> dict[str, Any]:
    """Add to `used` the definitions that a schema refers to, and those that these refer to."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in used:
            used[name] = definitions[name]
            _used(definitions[name], definitions, used)
        for each in schema.values():
            _used(each, definitions, used)
    elif isinstance(schema, list):
        for each in schema:
            _used(each, definitions, used)
    return used


def schema(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]", help="Such as ps or dead list; left out: all.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = False,
) -> None:
    """Print the JSON Schema of what a command prints with --json; docs/json.md shows the same."""
    output.print_text(jsonio.pretty(document_schema(" ".join(command) if command else None), 2))
    if not output.was_printed():
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("schema", rich_help_panel=INSTALLATION)(schema)
