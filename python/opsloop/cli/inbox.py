"""`inbox`: what waits for a person, exactly what it would run, and deciding on it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import DECISIONS, Actor, Session, command
from opsloop.client import OwningClient
from opsloop.errors import DatabaseUnavailable, InvalidArgument, OpsError, TemplateChanged
from opsloop.results import InboxEntry

_POLL_SECONDS = 1.0
#: How much of a text a list shows; whoever is asked to decide sees all of it.
_SHOWN = 500
#: How much of the result of a step that came before.
_RESULT = 60
#: The entries that --watch looks at: as many as one call gives.
_MOST = 1000


def inbox(
    session: Session,
    actor: Actor,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Entries to show, oldest first.")
    ] = 50,
    list_: Annotated[
        bool, typer.Option("--list", help="A line each, without what would run; nothing is asked.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what comes, until Ctrl-C.")] = False,
    ask: Annotated[
        bool | None,
        typer.Option(
            "--ask/--no-ask", help="Ask for a decision on each (default: on a terminal).", show_default=False
        ),
    ] = None,
) -> None:
    """Show what waits for a person, oldest first: proposals, and steps that were parked.

    Each with exactly what would run, why it waits, who proposed it, and the commands that decide. On a terminal it asks
    for each what to do. A decision counts for what was shown: when something else would run by now, it is refused
    (OPS_016) and shown anew.

    With --json one array, with --json --watch one object a line, as they come.
    """
    if list_ and (ask or watch):
        raise InvalidArgument("--list stands alone", hint="Leave --ask and --watch out.")
    asking = session.can_ask() and not list_ if ask is None else ask
    if asking and session.json:
        raise InvalidArgument("--ask and --json do not go together", hint="Leave one of them out.")
    with session.client() as client:
        if watch:
            for entry in _coming(client):
                _present(session, client, entry, actor, asking=asking)
            return
        entries = client.inbox(limit)
        if session.json:
            output.print_json(entries)
            return
        if list_:
            _list(entries)
        else:
            for entry in entries:
                _present(session, client, entry, actor, asking=asking)
        _count(entries)


def _list(entries: list[InboxEntry]) -> None:
    rows: list[list[Any]] = [
        [e.id, e.kind, e.risk_level, output.age(e.since), e.title, e.proposed_by, e.waits_because]
        for e in entries
    ]
    if rows:
        columns = ["id", "kind", "risk", "age", "title", "from", "waits for"]
        output.console().print(output.table(f"Inbox: {entries[0].in_all}", columns, rows))


def _coming(client: OwningClient) -> Iterator[InboxEntry]:
    """Every entry once, and again when something else would run."""
    seen: set[tuple[Any, str]] = set()
    while True:
        entries = client.inbox(_MOST)
        there = {(entry.id, entry.digest) for entry in entries}
        for entry in entries:
            if (entry.id, entry.digest) not in seen:
                yield entry
        seen = there
        if not output.was_printed():
            raise typer.Exit(1)  # nobody reads it any more
        time.sleep(_POLL_SECONDS)


def _count(entries: list[InboxEntry]) -> None:
    if not entries:
        output.print_text("nothing waits for you")
    elif entries[0].in_all > len(entries):
        output.print_text(f"{entries[0].in_all - len(entries)} more wait; --limit shows up to 1000")


def _present(session: Session, client: OwningClient, entry: InboxEntry, actor: str, *, asking: bool) -> None:
    if session.json:
        sys.stdout.write(jsonio.pretty(entry) + "\n")
        sys.stdout.flush()
        return
    output.print_text(describe(session, entry, whole=asking) + "\n")
    sys.stdout.flush()
    if asking:
        _ask(session, client, entry, actor)


def describe(session: Session, entry: InboxEntry, *, whole: bool) -> str:
    """An entry as text. Whatever comes from data stands behind a label or a bar, so that it passes for nothing else."""
    who = f"{entry.proposed_by} (login {entry.proposed_login})" if entry.proposed_by else "unknown"
    if others := [login for login in entry.proposers or () if login != entry.proposed_login]:
        who += f"; what led to it came from {', '.join(others)}"
    lines = [
        f"{entry.kind} {entry.id}  {entry.status} for {output.age(entry.since)}",
        f"  title        {output.one_line(entry.title or '')}",
        f"  proposed by  {output.one_line(who)}",
        f"  risk         {entry.risk_level or 'unknown'}",
        f"  waits        {output.one_line(entry.waits_because or '')}",
    ]
    if entry.rationale:
        lines.append("  why")
        lines += [f"    | {output.one_line(line)}" for line in entry.rationale.split("\n")]
    lines += [f"  ref          {output.one_line(ref)}" for ref in entry.refs or ()]
    lines += [f"  led to by    {output.one_line(cause)}" for cause in _causes(entry.caused_by or {})]
    if entry.seats:
        asked = f"{entry.seats} (approval_rules: {', '.join(entry.rules or ())})"
        lines.append(f"  seats        {output.one_line(asked)}")
    if entry.expires_at:
        lines.append(f"  expires      {entry.expires_at:%Y-%m-%d %H:%M:%S %z}")
    lines += [f"  vote         {output.one_line(_vote(vote))}" for vote in entry.votes]
    steps = entry.would_run if isinstance(entry.would_run, list) else [entry.would_run]
    lines.append("  would run")
    for number, step in enumerate(steps, 1):
        lines += _step(number, step, whole=whole)
    folded = output.folded("\n".join(lines), "  ")
    # Left whole, to be copied.
    return "\n".join([folded, *(f"  {name:<12} {line}" for name, line in commands(session, entry).items())])


def commands(session: Session, entry: InboxEntry) -> dict[str, str]:
    """The command lines that decide on an entry, by what they do."""
    lines = {
        "approve": ("approve", entry.id, "--digest", entry.digest),
        "reject": ("reject", entry.id),
        "retry": ("retry", entry.id, "--digest", entry.digest),
        "succeeded": ("resolve", entry.id, "succeeded"),
        "failed": ("resolve", entry.id, "failed"),
    }
    return {name: session.command(*words) for name, words in lines.items() if name in entry.decide}


def _causes(caused_by: dict[str, Any]) -> Iterator[str]:
    if event := caused_by.get("event"):
        yield f"event {event['type']} {event['id']}"
    if schedule := caused_by.get("schedule"):
        yield f"schedule {schedule['name']}, tick {schedule['tick']}"
    if mission := caused_by.get("mission"):
        yield f"mission {mission['id']}, {mission['status']}: {mission['title']}"
        for step in mission["steps"]:
            result = step["result"] or ""
            cut = f"{result[:_RESULT]}…" if len(result) > _RESULT else result
            yield f"  {step['key']}: {step['status']}{', ' + cut if cut else ''}"


def _vote(vote: dict[str, Any]) -> str:
    return f"{vote['role']}: {vote['vote']}{', ' + vote['reason'] if vote['reason'] else ''}"


def _step(number: int, step: Any, *, whole: bool) -> Iterator[str]:
    # A template that was changed by hand is shown as it is stored.
    if not isinstance(step, dict) or not step.keys() >= {"key", "kind", "executor", "params"}:
        yield f"    {number}. | {output.one_line(jsonio.pretty(step))}"
        return
    with_ = "" if step.get("run_with") == step["executor"] else f" (run by {step.get('run_with')})"
    after = f", after {', '.join(step['after'])}" if step.get("after") else ""
    yield output.one_line(
        f"    {number}. {step['key']}: kind {step['kind']}, executor {step['executor']}{with_}{after}"
    )
    params = step["params"]
    for name, value in params.items() if isinstance(params, dict) else [("params", params)]:
        yield from _value(name, value, whole=whole)
    for place, written in (step.get("unknown") or {}).items():
        yield f"       not known yet: {output.one_line(place)} is {output.one_line(written)}"
    if step.get("fault"):
        yield f"       cannot run as it is: {output.one_line(step['fault'])}"


def _value(name: str, value: Any, *, whole: bool) -> Iterator[str]:
    """A param, exactly: as JSON, or as text of several lines with a bar before each."""
    text = value if isinstance(value, str) and "\n" in value else jsonio.pretty(value)
    if not whole and len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}\n… {len(text) - _SHOWN} more characters: --json shows all"
    first, *more = text.split("\n")
    if not more:
        yield f"       {_name(name)}: {output.one_line(first)}"
        return
    yield f"       {_name(name)}:"
    for line in (first, *more):
        yield f"         | {output.one_line(line)}"


def _name(text: str) -> str:
    return text if re.fullmatch(r"[\w-]+", text) else output.one_line(jsonio.pretty(text))


def _ask(session: Session, client: OwningClient, entry: InboxEntry, actor: str) -> None:
    choices = {
        "approve": ("a", "[a]pprove"),
        "reject": ("r", "[r]eject"),
        "retry": ("t", "[t]ry again"),
        "succeeded": ("d", "[d]one: it succeeded"),
        "failed": ("f", "[f]ailed"),
    }
    offered = {key: name for name, (key, _) in choices.items() if name in entry.decide}
    question = "  ".join(text for name, (_, text) in choices.items() if name in entry.decide)
    while True:
        answer = typer.prompt(f"{question}  [s]kip  [q]uit", default="s", show_default=False).strip().lower()
        if answer in ("q", "quit"):
            raise typer.Exit
        if answer in ("s", "skip"):
            return
        decision = offered.get(answer) or (answer if answer in entry.decide else None)
        if decision is None:
            continue
        reason = None
        if decision != "retry":
            reason = typer.prompt("why (Enter: no reason)", default="", show_default=False) or None
        try:
            output.print_text(_decide(client, entry, decision, actor, reason) + "\n")
        except DatabaseUnavailable:
            raise
        except TemplateChanged as error:
            output.report(error, json_wanted=False)
            again = next((e for e in client.inbox(_MOST) if e.id == entry.id), None)
            if again is not None and again.digest != entry.digest:
                _present(session, client, again, actor, asking=True)
        except OpsError as error:
            output.report(error, json_wanted=False)
        return


def _decide(client: OwningClient, entry: InboxEntry, decision: str, actor: str, reason: str | None) -> str:
    """Carry a decision out, for what was shown only; returns what became of it."""
    acts: dict[str, Callable[[], Any]] = {
        "approve": lambda: client.approve_proposal(entry.id, actor=actor, reason=reason),
        "reject": lambda: client.reject_proposal(entry.id, actor=actor, reason=reason),
        "retry": lambda: client.retry_step(entry.id, actor=actor),
        "succeeded": lambda: client.resolve_step(entry.id, "succeeded", actor=actor, reason=reason),
        "failed": lambda: client.resolve_step(entry.id, "failed", actor=actor, reason=reason),
    }
    with client.conn.transaction():
        if decision in ("approve", "retry"):
            client.as_shown(entry.id, entry.digest)
        done = acts[decision]()
    if entry.kind == "step":
        return f"step {entry.id}: {done}"
    became = f", mission {done.mission_id}" if done.mission_id else ""
    return f"proposal {entry.id}: {done.status}{became}"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "inbox", DECISIONS, shows=True)(inbox)
