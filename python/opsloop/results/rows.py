"""Makes records of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any, TypeVar

from psycopg import AsyncCursor, Cursor

T = TypeVar("T")


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
