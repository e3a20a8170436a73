"""Makes records of rows; what cannot be read of one row never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, TypeVar

from psycopg import AsyncCursor, Cursor, DataError
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from opsloop import jsonio

T = TypeVar("T")

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def record(cls: type[T]) -> Callable[[Cursor[Any] | AsyncCursor[Any]], Callable[[Sequence[Any]], T]]:
    """Make a psycopg row factory for a record; columns it does not know (a newer schema's) are left out."""
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]

    def factory(cursor: Cursor[Any] | AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        place = {column.name: i for i, column in enumerate(cursor.description or ())}
        used = [name for name in names if name in place]
        at = [place[name] for name in used]
        # By position where the fields it has are the first ones: half the time, and batches have thousands of rows.
        if used == names[: len(used)] and len(used) > 1:
            pick = itemgetter(*at)
            return lambda values: cls(*pick(values))
        return lambda values: cls(**{name: values[i] for name, i in zip(used, at, strict=True)})

    return factory


def show_unreadable(cursor: AdaptContext) -> None:
    """Let a cursor read every row: numbers that no reader holds by `jsonio.read`, moments by the nearest there is."""
    jsonio.show_unreadable(cursor)
    cursor.adapters.register_loader("timestamptz", _Moment)


class _Moment(Loader):
    """Infinity, and what else was written by hand before the year 1 or after 9999, is the first or last datetime."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        assert context is not None
        assert context.connection is not None
        usual = context.connection.adapters.get_loader(oid, Format.TEXT)
        assert usual is not None
        self._read = usual(oid, context).load

    def load(self, data: Buffer) -> Any:
        """See psycopg."""
        try:
            return self._read(data)
        except DataError:
            written = bytes(data)
            return _FIRST if written.startswith(b"-") or written.endswith(b"BC") else _LAST
