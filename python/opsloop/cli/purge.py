"""`purge`: removing, archiving or exporting what has lain here long enough, by hand."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.exporting import Export
from opsloop.cli.session import LOOP, Session, command
from opsloop.client import OwningClient
from opsloop.errors import InvalidArgument
from opsloop.results import PurgedRow

#: How long another session's purge is waited for.
_PATIENCE = 30.0
_PROGRESS_SECONDS = 2.0
#: Rows of a call: some 30 ms, between which the server does something else; of an export, those of a file.
_BATCH = {"delete": 2_000, "archive": 1_000, "export": 10_000, "count": 100_000}


class Part(StrEnum):
    """What is purged."""

    MISSIONS = "missions"
    PROPOSALS = "proposals"
    EVENTS = "events"
    OUTBOX = "outbox"
    DEAD_LETTERS = "dead_letters"


_PARTS = [Part.MISSIONS, Part.PROPOSALS, Part.EVENTS, Part.OUTBOX]


@dataclass
class Sum:
    """The rows of one part that were purged, or would be."""

    purged: int = 0
    locked: int = 0
    needed: int = 0
    errors: int = 0
    error: str | None = None
    busy: bool = False

    def add(self, done: dict[str, Any]) -> None:
        """Add what one call did."""
        self.purged += done["purged"]
        self.locked += done["locked"]
        self.needed += done["needed"]
        self.errors += done["errors"]
        self.error = done.get("error", self.error)

    @property
    def is_left(self) -> bool:
        """Whether something stayed that should have gone."""
        return bool(self.locked or self.errors or self.busy)


@dataclass
class PurgeRun:
    """One run of the command."""

    client: OwningClient
    before: datetime
    how: str
    share: int
    export: Export | None
    sums: dict[str, Sum] = field(default_factory=dict)

    def part(self, part: Part) -> None:
        """Purge a part until it is over."""
        found = self.sums[part.value] = Sum()
        after: str | None = None
        waited = time.monotonic() + _PATIENCE
        told = time.monotonic()
        while True:
            began = time.monotonic()
            done = self._call(part, after)
            took = time.monotonic() - began
            if done.get("busy"):
                found.busy = began > waited
                if found.busy:
                    return
                time.sleep(0.2)
                continue
            found.add(done)
            after = done["next"]
            if after is None:
                return
            if time.monotonic() - told > _PROGRESS_SECONDS:
                told = time.monotonic()
                output.say(f"{part.value}: {found.purged:,} so far", stderr=True)
            if self.how != "count":
                # Other work of the server has the rest of the time.
                time.sleep(took * (100 - self.share) / self.share)

    def _call(self, part: Part, after: str | None) -> dict[str, Any]:
        """Purge once; rows of an export are on the disk before that is committed."""
        batch = self.export.next_batch() if self.export else None
        with self._transaction():
            rows = self.client.purge(
                part.value, self.before, how=self.how, after=after, batch=batch, limit=_BATCH[self.how]
            )
            done: dict[str, Any] = jsonio.loads(rows[-1].gone)
            if self.export and batch and done["purged"]:
                try:
                    self.export.write(batch, part.value, _lines(rows))
                except OSError as error:
                    raise InvalidArgument(
                        f"--export {self.export.directory}: {error}",
                        hint="The rows of this file were not purged.",
                    ) from error
        if self.export and batch and done["purged"]:
            self.export.committed(batch)
        return done

    def _transaction(self) -> AbstractContextManager[Any]:
        return self.client.conn.transaction() if self.export else nullcontext()


def _lines(rows: list[PurgedRow]) -> Iterator[tuple[str, str]]:
    for row in rows:
        if row.of_table is not None:
            yield row.of_table, row.gone


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,5})d", text)
    if not found:
        raise InvalidArgument(f"--older-than is a number of days, such as 90d, not {text!r}")
    return timedelta(days=int(found[1]))


def purge(
    session: Session,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DAYSd", help="Since when it must have ended, such as 90d; 1d at least."
        ),
    ],
    parts: Annotated[
        list[Part] | None,
        typer.Option(
            "--part",
            help="missions, proposals (refused ones), events, outbox, dead_letters; all but the last.",
        ),
    ] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Move rows to the tables …_archive instead of deleting them.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="DIR", help="Write rows to files there first: JSON lines, zstd, a manifest."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    share: Annotated[
        int,
        typer.Option("--share", min=1, max=100, help="Share of the time, in per cent, that it is at work."),
    ] = 10,
) -> None:
    """Purge what ended long ago, missions whole, while the loop runs; what is open, and what that needs, stays.

    It can be stopped at any moment and started again. Ids and dedupe keys of what went are remembered. The policy
    document `retention` does the same by itself. Exit code 1 when something stayed that should have gone.
    """
    if sum((archive, export is not None, dry_run)) > 1:
        raise InvalidArgument("--archive, --export and --dry-run exclude each other", hint="Choose one.")
    try:
        before = datetime.now(UTC) - _age(older_than)
    except OverflowError as error:
        raise InvalidArgument(f"--older-than {older_than} is before the calendar begins") from error
    how = "archive" if archive else "export" if export else "count" if dry_run else "delete"
    with session.client() as client, ExitStack() as until:
        target = None
        if export:
            target = Export.opened(export, client, session.schema_name, before)
            until.callback(target.close)
        run = PurgeRun(client, before, how, share, target)
        for part in parts or _PARTS:
            run.part(part)
    _show(session, run, target)
    if not dry_run and any(found.is_left for found in run.sums.values()):
        raise typer.Exit(1)


def _show(session: Session, run: PurgeRun, target: Export | None) -> None:
    def text() -> None:
        said = {"count": "would go", "archive": "archived", "export": "exported"}.get(run.how, "purged")
        for part, found in run.sums.items():
            left = [
                f"{number:,} {why}"
                for number, why in (
                    (found.needed, "needed by what is open"),
                    (found.locked, "locked"),
                    (found.errors, "not to be removed"),
                )
                if number
            ]
            output.say(f"{part}: {found.purged:,} {said}" + (f"; stayed: {', '.join(left)}" if left else ""))
            if found.error:
                output.say(f"  {found.error}")
            if found.busy:
                output.say("  another session is purging")
        if target:
            output.say(f"files: {target.files} in {target.directory}")

    session.show(
        {
            "before": run.before,
            "how": run.how,
            "parts": run.sums,
            **({"directory": str(target.directory), "files": target.files} if target else {}),
        },
        text,
        shows=run.how == "count",
    )


def register(app: typer.Typer) -> None:
    """Add `purge` to `app`."""
    command(app, "purge", LOOP)(purge)
