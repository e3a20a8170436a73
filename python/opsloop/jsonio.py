"""How a document becomes text and text a document, numbers included. Nothing else in opsloop imports a JSON library.

- `dumps`, `text`, `loads`: worker, relay, executors and MCP, by orjson. What JSON does not have is written in its
  nearest form, never refused by jsonb. Whole numbers of any size are written; read beyond 64 bits they turn floating.
- `document`: what a program gives the client, by the standard library. Numbers are exact; what JSON does not have is
  refused, so that nothing is stored that was not said.
- `parse`, `pretty`: people's files, command lines and terminals. Numbers are exact; what JSON does not have is refused
  on the way in, and text on the way out.

- `read`: what a routine returns as jsonb, for the client. Whole numbers stay exact; a number that no reader can hold is
  shown as unreadable, and the rest as usual.
"""

from __future__ import annotations

import dataclasses
import decimal
import json
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import orjson
from psycopg import AsyncCursor, Cursor
from psycopg.types.json import Jsonb, JsonbLoader

CursorT = TypeVar("CursorT", Cursor[Any], AsyncCursor[Any])

loads = orjson.loads
"""Read JSON from bytes or text. Raises ValueError."""
DecodeError = json.JSONDecodeError
"""What `parse` raises where the text is not JSON at all; it knows the line and the column."""

_LONG = re.compile(rb"[0-9]{309}")
_NUL = b"\\u0000"
_LARGEST = 2**63 - 1
#: Digits of a whole number that a double can hold.
_MOST_DIGITS = 308


def dumps(value: Any) -> bytes:
    """`value` as UTF-8 JSON that jsonb accepts.

    Dates, times, UUIDs and dataclasses become text or objects, a Decimal the same number to the last
    digit, a set a list, not-a-number and infinity null. jsonb has no NUL character and no lone
    surrogates: they become U+FFFD. Raises TypeError for what is not JSON, naming its type.
    """
    try:
        made = orjson.dumps(value, default=_plain)
    except TypeError:
        # Whole numbers beyond 64 bits, keys that are not text, lone surrogates: rare, so the slow way.
        try:
            made = orjson.dumps(_clean(value), default=_plain)
        except TypeError as error:
            # orjson speaks of its own type; its cause names the one in question.
            raise TypeError(str(error.__cause__ or error)) from None
        except (ValueError, RecursionError) as error:
            raise TypeError(str(error)) from None
    if _NUL in made:
        made = orjson.dumps(_clean(orjson.loads(made)))
    return made


def text(value: Any) -> str:
    """As `dumps`, for an argument of a routine."""
    return dumps(value).decode()


def array(items: Iterable[bytes]) -> str:
    """An array of what `dumps` made of its items."""
    return (b"[" + b",".join(items) + b"]").decode()


def read(stored: bytes | str) -> Any:
    """Read JSON as the database stores it. Numbers are exact; one that no reader holds is shown as a text that says so.

    jsonb holds numbers of 131,072 digits. Rows from before such numbers were refused, or written by hand, may have
    them, and what cannot be read of one row must not hide the others.
    """
    if not _LONG.search(stored if isinstance(stored, bytes) else stored.encode()):
        return json.loads(stored)
    return json.loads(stored, parse_int=_readable_int, parse_float=_readable_float)


class _Documents(JsonbLoader):
    _loads = staticmethod(read)


def reading(cur: CursorT) -> CursorT:
    """`cur`, with `read` for documents in its rows."""
    cur.adapters.register_loader("jsonb", _Documents)
    return cur


def copy(value: Any) -> Any:
    """A copy of `value` in plain JSON types, as jsonb would take it. Raises TypeError as `dumps`."""
    return loads(dumps(value))


def document(value: Any) -> Jsonb | None:
    """Wrap `value` as an argument for the database; None stays None."""
    return None if value is None else Jsonb(value)


def parse(written: str) -> Any:
    """Read strict JSON: no NaN, and no key twice, which would hide one of the two values. Raises ValueError."""
    return json.loads(written, parse_constant=_no_constant, object_pairs_hook=_no_doubles)


def pretty(value: Any, indent: int | None = None) -> str:
    """`value` as JSON for people: letters as they are, records as objects, times in ISO 8601, the rest as text."""
    return json.dumps(value, default=_for_people, ensure_ascii=False, indent=indent)


def without_extras(value: Any) -> Any:
    """`value` as JSON has it: dates and the like as text. Raises ValueError for not-a-number and infinity."""
    return json.loads(json.dumps(value, default=str, allow_nan=False))


def _plain(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        return orjson.Fragment(format(value, "f")) if value.is_finite() else None
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        whole = value.replace("\x00", "\ufffd")
        return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else orjson.Fragment(str(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _readable_int(written: str) -> int | str:
    digits = len(written.lstrip("-"))
    return int(written) if digits <= _MOST_DIGITS else _unreadable(digits)


def _readable_float(written: str) -> float | str:
    value = float(written)
    return value if math.isfinite(value) else _unreadable(len(written.lstrip("-").partition(".")[0]))


def _unreadable(digits: int) -> str:
    return f"unreadable: a number of {digits} digits"


def _for_people(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {double!r} stands twice in one object")
    return made
