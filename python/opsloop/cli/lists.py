"""`list`: what the dashboard's lists show and no other command does: workers, outbox, locks, directives, the radar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.session import LOOP, Session, command
from opsloop.client import Client


class ListKind(StrEnum):
    """What is listed."""

    WORKERS = "workers"
    OUTBOX = "outbox"
    LOCKS = "locks"
    DIRECTIVES = "directives"
    SUB_AGENTS = "sub-agents"
    RADAR = "radar"
    RATES = "rates"


#: How each is asked for, and the fields that a table shows.
_LISTS: dict[ListKind, tuple[Callable[[Client, int], Sequence[Any]], tuple[str, ...]]] = {
    ListKind.WORKERS: (
        lambda client, limit: client.list_workers(limit),
        ("worker_id", "status", "executors", "running", "last_seen_at", "version", "refused"),
    ),
    ListKind.OUTBOX: (
        lambda client, limit: client.list_outbox(limit),
        ("event_id", "event_type", "aggregate_type", "aggregate_id", "created_at", "retry_count", "last_error", "held"),
    ),
    ListKind.LOCKS: (
        lambda client, limit: client.list_locks(limit),
        ("lock_name", "holder_id", "holder_login", "is_held", "acquired_at", "expires_at"),
    ),
    ListKind.DIRECTIVES: (
        lambda client, limit: client.list_directives(limit),
        ("sd_id", "title", "status", "current_phase", "session_id", "handoff_status", "score", "threshold"),
    ),
    ListKind.SUB_AGENTS: (
        lambda client, limit: client.list_sub_agents(limit=limit),
        ("code", "name", "priority", "executor", "is_active", "verdict", "confidence", "created_at"),
    ),
    ListKind.RADAR: (
        lambda client, limit: client.list_radar(limit),
        ("title", "status", "score", "source", "updated_at"),
    ),
    ListKind.RATES: (
        lambda client, limit: client.rates(limit),
        ("minute", "events", "decisions", "succeeded", "failed"),
    ),
}  # fmt: skip


def list_(
    session: Session,
    what: Annotated[
        ListKind, typer.Argument(help="workers, outbox, locks, directives, sub-agents, radar or rates.")
    ],
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Rows; of rates, the last so many minutes.")
    ] = 50,
) -> None:
    """List workers, messages that wait, locks, directives, sub-agents, ideas, or what happened each minute."""
    ask, fields = _LISTS[what]
    with session.client() as client:
        found = ask(client, limit)

    def text() -> None:
        if not found:
            output.say(f"no {what.value}")
            return
        rows = [[_cell(getattr(one, name)) for name in fields] for one in found]
        output.console().print(output.table("", [name.replace("_", " ") for name in fields], rows))

    session.show(found, text)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return output.age(value)
    return ", ".join(value) if isinstance(value, list) else value


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "list", LOOP, shows=True)(list_)
