"""`show`: all that is on record of one thing, whatever its id is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import WORK, Session, command

#: Fields that have a place of their own, or tell nothing to people.
_APART = {
    "what", "id", "title", "status", "created_at", "steps", "reasons", "trail", "attempts", "params", "result",
    "progress", "usage", "template", "payload", "data", "reactions", "votes", "replays", "running", "mission",
    "key", "executors", "settings", "match", "error_history", "transitions", "handoffs",
}  # fmt: skip
_DOCUMENTS = ("params", "progress", "result", "template", "payload", "data", "match", "settings", "executors")
_LISTS = ("votes", "reactions", "replays", "running", "error_history", "transitions", "handoffs")


def show(
    session: Session,
    which: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Id of a mission, step, proposal, event, reaction, dead letter, message of the outbox, directive, "
            "grant or worker; the last 8 digits will do.",
        ),
    ],
    trail: Annotated[
        bool, typer.Option("--trail/--no-trail", help="Also what led to it and what came of it.")
    ] = True,
) -> None:
    """Show all that is on record of one thing: params, result, progress, attempts, usage, and why it waits.

    --json prints the same as fn_show returns it.
    """
    with session.client() as client:
        found = client.show(which)
    if not trail:
        found.pop("trail", None)
    session.show(found, lambda: output.print_text("\n".join(_described(session, found))))


def _described(session: Session, found: dict[str, Any]) -> Iterator[str]:
    yield _line(f"{found['what']} {found['id']}  {found['status']}  {found.get('title') or ''}".rstrip())
    for reason in found.get("reasons", ()):
        yield from _reason(reason)
    yield from _fields(found, "  ")
    if mission := found.get("mission"):
        yield _line(f"  mission         {mission['id']}  {mission['status']}  {mission['title'] or ''}")
    yield from _documents(found, "  ")
    for number, step in enumerate(found.get("steps", ()), 1):
        yield _line(f"  {number}. step {step['id']}  {step['status']}  {step['key']}: {step['executor']}")
        yield from _fields(
            step, "     ", but=("mission_id", "position", "kind", "executor", "priority", "updated_at")
        )
        yield from _documents(step, "     ")
    if found.get("trail"):
        yield "  trail"
        for one in found["trail"]:
            what = ", ".join(str(one[name]) for name in ("what", "subject", "who", "detail") if one[name])
            yield _line(f"    {_second(one['at'])}  {what}")
    if found["what"] == "mission" and found["status"] in ("approved", "running"):
        yield f"  cancel          {session.command('cancel', found['id'])}"


def _reason(reason: dict[str, Any]) -> Iterator[str]:
    about = f"step {reason['key']}: " if reason.get("key") else ""
    code, detail = reason.get("code"), reason["detail"]
    said = detail if code is None or detail.startswith(code) else f"{code} {detail}"
    yield _line(f"  {reason['reason']:<15} {about}{said}")
    if frees := reason.get("frees", reason.get("statement")):
        # As it is, to be copied: PostgreSQL does not mind where the terminal folds it.
        yield output.one_line(f"    frees it      {frees}")


def _fields(found: dict[str, Any], margin: str, but: tuple[str, ...] = ()) -> Iterator[str]:
    """Words and numbers, a line each; empty values are left out."""
    for name, value in found.items():
        if name in _APART or name in but or value in (None, "", [], {}, False):
            continue
        said = _second(value) if name.endswith(("_at", "_after", "until")) else output.word(value)
        yield _line(f"{margin}{name.replace('_', ' '):<15} {said}")


def _documents(found: dict[str, Any], margin: str) -> Iterator[str]:
    for name in _DOCUMENTS:
        if found.get(name) not in (None, {}):
            yield f"{margin}{name}"
            yield from (_line(f"{margin}  | {line}") for line in jsonio.pretty(found[name], 2).split("\n"))
    if found.get("usage"):
        used = ", ".join(f"{name} {output.word(value)}" for name, value in sorted(found["usage"].items()))
        yield _line(f"{margin}usage           {used}")
    for attempt in found.get("attempts", ()):
        took = f"{_second(attempt['started_at'])} to " if attempt.get("started_at") else ""
        said = f", {attempt['error']}" if attempt.get("error") else ""
        by = f" on {attempt['worker_id']}" if attempt.get("worker_id") else ""
        ended = f"{took}{_second(attempt['completed_at'])}{by}{said}"
        yield _line(f"{margin}attempt {attempt['attempt']:<7} {attempt['status']}, {ended}")
    for name in _LISTS:
        for one in found.get(name) or ():
            yield _line(f"{margin}{name.rstrip('s'):<15} {jsonio.pretty(one)}")


def _line(text: str) -> str:
    return output.folded(output.one_line(text))


def _second(value: Any) -> str:
    """A moment to the second, in the reader's zone; in the document it is a text."""
    try:
        return datetime.fromisoformat(value).astimezone().isoformat(" ", "seconds")
    except (TypeError, ValueError, OverflowError):
        return str(value)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "show", WORK, shows=True)(show)
