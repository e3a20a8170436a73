"""How a document becomes text and text a document, numbers included. Nothing else in opsloop imports a JSON library.

- `dumps`, `text`, `loads`: worker, relay, executors and MCP, by orjson wherever it loses nothing. What JSON does not
  have is written in its nearest form, never refused by jsonb.
- `document`: what a program gives the client. What JSON does not have is refused, so that nothing is stored that was
  not said.
- `parse`, `pretty`: people's files, command lines and terminals. What JSON does not have is refused on the way in, and
  text on the way out.
- `show_unreadable`: what routines return to the client: as `loads`, but a number that no reader can hold is shown as
  unreadable, and the rest as usual.

A number keeps its value everywhere, to the last digit. Read, one without point or exponent is an int, of any size; any
other is a float if that is written as the same number, as 0.1 and 2.5e7 are, and else a Decimal.
"""

from __future__ import annotations

import dataclasses
import decimal
import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import simplejson
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.types.json import Jsonb

DecodeError = json.JSONDecodeError
"""The error of `parse` where the text is not JSON at all; it knows the line and the column."""

_NUL = b"\\u0000"
_LARGEST = 2**63 - 1
#: Digits of a whole number that a double can hold.
_MOST_DIGITS = 308
# orjson reads numbers as doubles and 64 bits. 15 digits always come back from a double, but for its smallest.
# Digits are looked for by their shape, in three searches for bytes: a regular expression takes five times as long.
_SHAPE = bytes.maketrans(b"123456789.E+", b"0000000000e-")
_LONG, _HUGE, _TINY = b"0" * 16, b"0e000", b"0e-000"
#: More digits than a double can have.
_BEYOND = b"0" * (_MOST_DIGITS + 1)


def loads(written: bytes | str) -> Any:
    """Read JSON from UTF-8 or text; every number keeps its value. Raises ValueError."""
    plain = written.encode() if isinstance(written, str) else written
    shape = plain.translate(_SHAPE)
    if not (_LONG in shape or _HUGE in shape or _TINY in shape):
        return orjson.loads(plain)
    try:
        return json.loads(written, parse_float=number, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def number(written: str) -> float | decimal.Decimal:
    """The number that is written there: a float, if that is written as the same number, else a Decimal."""
    near = float(written)
    try:
        exact = decimal.Decimal(written)
    except decimal.InvalidOperation as error:
        raise ValueError(f"{written[:40]} is out of range") from error
    return near if not exact.is_finite() or decimal.Decimal(repr(near)) == exact else exact


def exact(value: Any) -> Any:
    """`value` with a Decimal for every float in it, of the same number."""
    if isinstance(value, float):
        return decimal.Decimal(repr(value))
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return value


def has_decimals(value: Any) -> bool:
    """Whether there is a Decimal in `value`: a number that a float does not hold."""
    if isinstance(value, dict):
        return any(map(has_decimals, value.values()))
    return isinstance(value, decimal.Decimal) or (isinstance(value, list) and any(map(has_decimals, value)))


def is_number(value: object) -> bool:
    """Whether `value` is a number as `loads` reads it; true and false are none."""
    return isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool)


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
        made = orjson.dumps(_clean(loads(made)), default=_plain)
    return made


def text(value: Any) -> str:
    """As `dumps`, for an argument of a routine."""
    return dumps(value).decode()


def array(items: Iterable[bytes]) -> str:
    """An array of what `dumps` made of its items."""
    return (b"[" + b",".join(items) + b"]").decode()


def read(stored: bytes | str) -> Any:
    """As `loads`, for what the database stores; a number that no reader holds is shown as a text that says so.

    jsonb holds numbers of 131,072 digits. Rows from before such numbers were refused, or written by hand, may have
    them, and what cannot be read of one row must not hide the others.
    """
    if _BEYOND not in (stored.encode() if isinstance(stored, str) else stored).translate(_SHAPE):
        return loads(stored)
    return json.loads(stored, parse_int=_readable_int, parse_float=_readable_float)


def copy(value: Any) -> Any:
    """A copy of `value` in plain JSON types, as jsonb would take it. Raises TypeError as `dumps`."""
    return loads(dumps(value))


def document(value: Any) -> Jsonb | None:
    """Wrap `value` as an argument for the database; None stays None."""
    return None if value is None else Jsonb(value, dumps=_written)


class Exactly(Loader):
    """Reads a column of JSON by `loads`."""

    def load(self, data: Buffer) -> Any:
        """See psycopg."""
        return loads(bytes(data))


def show_unreadable(context: AdaptContext) -> None:
    """Let a cursor read JSON by `read`."""
    for kind in ("json", "jsonb"):
        context.adapters.register_loader(kind, _Shown)


class _Shown(Loader):
    def load(self, data: Buffer) -> Any:
        return read(bytes(data))


def parse(written: str) -> Any:
    """Read strict JSON: no NaN, and no key twice, which would hide one of the two values. Raises ValueError."""
    try:
        return json.loads(
            written, parse_float=number, parse_constant=_no_constant, object_pairs_hook=_no_doubles
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def pretty(value: Any, indent: int | None = None) -> str:
    """`value` as JSON for people: letters as they are, records as objects, times in ISO 8601, the rest as text."""
    return _written(value, default=_for_people, ensure_ascii=False, indent=indent)


def without_extras(value: Any) -> Any:
    """`value` as JSON has it: dates and the like as text. Raises ValueError for not-a-number and infinity."""
    return json.loads(_written(value, default=str, allow_nan=False), parse_float=number)


def _written(value: Any, **given: Any) -> str:
    """As `json.dumps`, which has no Decimal; a difference to it is switched off."""
    return simplejson.dumps(value, namedtuple_as_object=False, encoding=None, **{"allow_nan": True, **given})


def _plain(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
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


def _readable_float(written: str) -> float | decimal.Decimal | str:
    if math.isfinite(float(written)):
        return number(written)
    return _unreadable(len(written.lstrip("-").partition(".")[0]))


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
