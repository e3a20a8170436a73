"""`emit` and `ingest`: signals in."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.jsonin import kind, parse, read_object, stdin
from opsloop.cli.session import SIGNALS, Session, an_id, command
from opsloop.client import OwningClient
from opsloop.errors import InvalidArgument, InvalidEvent, OpsError, TooLarge

EXIT_SKIPPED = 4
#: Bytes of a line. What an event may have is for the database to say (`size_limits`); this keeps the memory bounded.
MAX_LINE = 16 << 20


def emit(
    session: Session,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as deploy:failed.")],
    data: Annotated[
        str, typer.Option("--data", help="The facts: a JSON object, @file, or - for stdin.")
    ] = "{}",
    dedupe_key: Annotated[
        str | None, typer.Option("--dedupe-key", help="The same key again: the same event.")
    ] = None,
    mission_id: Annotated[
        str | None, typer.Option("--mission-id", parser=an_id, help="The mission that made it.")
    ] = None,
) -> None:
    """Emit an event; prints its id."""
    facts = read_object(data, "--data", InvalidEvent)
    with session.client() as client:
        mission = None if mission_id is None else session.whole_id(client, mission_id, "mission")
        event_id = client.emit_event(type_, facts, dedupe_key=dedupe_key, mission_id=mission)
    session.show({"event_id": event_id}, lambda: output.say(f"event {event_id}"))


def ingest(
    session: Session,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=10_000, help="Events per call.")
    ] = 500,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Report bad lines and go on; exit code 4.")
    ] = False,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="All lines in one transaction: all or none.")
    ] = False,
) -> None:
    """Emit events from stdin, one JSON object per line: {"type", "data", "dedupe_key", "mission_id"}.

    A line that waits for others is sent after a second at the latest. A bad line stops it: the lines before it
    were emitted, neither it nor what follows was (with --atomic: none at all).
    """
    lines = stdin("ingest reads events from stdin, and ", "Give it a file: opsloop ingest < FILE.").fileno()
    with session.client() as client:
        run = _Ingest(client, skip_bad=skip_bad, atomic=atomic)
        with client.conn.transaction() if atomic else nullcontext():
            for batch in _batches(lines, batch_size):
                run.take(batch)
                if sys.stderr.isatty() and not session.json:
                    sys.stderr.write(f"\r{run.emitted} events")
    if sys.stderr.isatty() and not session.json:
        sys.stderr.write("\r")
    result = {"emitted": run.emitted, "skipped": run.skipped}
    skipped = f", {run.skipped} lines skipped" if run.skipped else ""
    session.show(result, lambda: output.say(f"{run.emitted} events emitted{skipped}"))
    if run.skipped:
        raise typer.Exit(EXIT_SKIPPED)


class _Ingest:
    """Sends batches of numbered lines, and knows what became of them."""

    def __init__(self, client: OwningClient, *, skip_bad: bool, atomic: bool) -> None:
        self.client = client
        self.skip_bad = skip_bad
        self.atomic = atomic
        self.emitted = 0
        self.skipped = 0

    def take(self, lines: list[tuple[int, bytes]]) -> None:
        """Emit one batch. Raises InvalidEvent (OPS_019) at the first bad line, unless those are skipped."""
        events: list[tuple[int, dict[str, Any]]] = []
        for number, line in lines:
            try:
                events.append((number, _event(line)))
            except InvalidEvent as exc:
                self._send(events)
                events = []
                self._bad(number, exc)
        self._send(events)

    def _send(self, events: list[tuple[int, dict[str, Any]]]) -> None:
        if not events:
            return
        try:
            with self.client.conn.transaction():
                self.client.emit_events([event for _, event in events])
        except (InvalidEvent, InvalidArgument, TooLarge) as exc:
            if len(events) == 1:
                self._bad(events[0][0], exc)
                return
            # One of them is bad: one by one, it is found, and the good ones before it count.
            for event in events:
                self._send([event])
        else:
            self.emitted += len(events)

    def _bad(self, number: int, exc: OpsError) -> None:
        if not self.skip_bad:
            done = (
                "Nothing was emitted" if self.atomic else f"The {self.emitted} events before it were emitted"
            )
            again = "start again" if self.atomic else f"go on from there (tail -n +{number})"
            raise InvalidEvent(
                f"line {number}: {exc.message}",
                detail={"line": number, "faults": exc.detail},
                hint=f"{done}. Mend the line and {again}, or use --skip-bad.",
            ) from exc
        self.skipped += 1
        sys.stderr.write(output.plain(f"line {number} skipped: {exc}\n"))


def _event(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise InvalidEvent(
            f"it has more than {MAX_LINE} bytes; store what is large elsewhere and give a reference to it"
        )
    try:
        text = line.decode()
    except UnicodeDecodeError as exc:
        raise InvalidEvent("it is not UTF-8 text") from exc
    event = parse(text, "it", InvalidEvent)
    if not isinstance(event, dict):
        raise InvalidEvent(f"an event must be an object, not {kind(event)}")
    return event


def _batches(fd: int, size: int, wait_seconds: float = 0.5) -> Iterator[list[tuple[int, bytes]]]:
    """Yield numbered lines that are not blank, `size` at a time; fewer when no more come for a while, or when they
    are large. A line that is too long is given as soon as that is known, as its beginning; its rest is dropped.
    """
    batch: list[tuple[int, bytes]] = []
    # The line that is not complete, in pieces: joined at each read, a long one would be copied again and again.
    pieces: list[bytes] = []
    kept, held, number, more, dropping = 0, 0, 1, True, False
    while more:
        if batch and not select.select([fd], [], [], wait_seconds)[0]:
            yield batch
            batch, held = [], 0
        chunk = os.read(fd, 1 << 16)
        more = bool(chunk)
        parts = chunk.split(b"\n")
        for nth, part in enumerate(parts):
            if nth:
                number, dropping = number + 1, False
            if not dropping:
                pieces.append(part)
                kept += len(part)
            dropping = dropping or kept > MAX_LINE
            complete = nth < len(parts) - 1 or not more
            if not pieces or not (complete or dropping):
                continue
            line = b"".join(pieces)
            pieces, kept = [], 0
            if line.strip():
                batch.append((number, line))
                held += len(line)
                if len(batch) == size or held > MAX_LINE:
                    yield batch
                    batch, held = [], 0
    if batch:
        yield batch


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "emit", SIGNALS)(emit)
    command(app, "ingest", SIGNALS)(ingest)
