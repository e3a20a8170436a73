"""`stats`: what ran in the last hour or so, by kind, executor, worker or source."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from opsloop.cli import output
from opsloop.cli.session import LOOP, Session, a_while, command


class By(StrEnum):
    """What attempts are counted by."""

    KIND = "kind"
    EXECUTOR = "executor"
    WORKER = "worker"
    SOURCE = "source"


def stats(
    session: Session,
    since: Annotated[
        timedelta,
        typer.Option("--since", parser=a_while, metavar="TIME", help="How far back, such as 90m, 1h or 2d."),
    ] = "1h",  # type: ignore[assignment]
    by: Annotated[By, typer.Option("--by", help="kind, executor, worker or source.")] = By.KIND,
) -> None:
    """Show how many attempts started, succeeded and failed, and how long they took; most failures first."""
    with session.client() as client:
        # Where more attempts ended than are read, the server says from when on they were.
        client.conn.add_notice_handler(lambda told: output.say(told.message_primary or "", stderr=True))
        found = client.stats(since, by.value)

    def text() -> None:
        if not found:
            output.say("nothing ran in that time")
            return
        rows = [
            [
                one.name,
                one.started,
                one.succeeded,
                one.failed + one.lost,
                one.running,
                one.p50_seconds,
                one.p95_seconds,
            ]
            for one in found
        ]
        columns = [by.value, "started", "succeeded", "failed", "running", "p50 s", "p95 s"]
        output.console().print(output.table("", columns, rows))

    session.show(found, text)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "stats", LOOP, shows=True)(stats)
