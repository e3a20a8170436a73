"""Results of retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PurgedRow:
    """A row that an export has purged; the last one says what was done."""

    of_table: str | None
    """None in the last row."""
    gone: str
    """The row as JSON; in the last one `{"purged", "locked", "needed", "errors", "next"}`."""


@dataclass(frozen=True, slots=True)
class Purge:
    """A call that purged by hand."""

    at: datetime
    part: str
    how: str
    """delete, archive or export."""
    before: datetime
    purged: int
    batch: str | None
    """The name that an export gave to its rows."""
    login: str
