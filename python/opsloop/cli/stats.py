"""`stats`: what ran in the last hour or so, by kind, executor, worker or source."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from opsloop.cli import output
from opsloop.cli.session import LOOP, Session, command
from opsloop.errors import InvalidArgument

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class By(StrEnum):
    """What attempts are counted by."""

    KIND = "kind"
    EXECUTOR = "executor"
    WORKER = "worker"
    SOURCE = "source"


def a_while(given: str) -> timedelta:
    """Return the time that `90m`, `1h` or `2d` says."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", given.strip())
    if found is None or not int(found[1]):
        raise InvalidArgument(f"--since: {given!r} is no time such as 30s, 90m, 1h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def stats(
    session: Session,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back, such as 90m, 1h or 2d.")
    ] = "1h",
    by: Annotated[By, typer.Option("--by", help="kind, executor, worker or source.")] = By.KIND,
) -> None:
    """Show how many attempts started, succeeded and failed, and how long they took; most failures first."""
    back = a_while(since)
    with session.client() as client:
        # Where more attempts ended than are read, the server says from when on they were.
        client.conn.add_notice_handler(lambda told: output.say(told.message_primary or "", stderr=True))
        found = client.stats(back, by.value)

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
