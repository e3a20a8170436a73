"""JSON in and out of the worker: orjson, made to fit what PostgreSQL's jsonb takes."""

from __future__ import annotations

import decimal
import math
from typing import Any

import orjson

loads = orjson.loads

_NUL = b"\\u0000"
_LARGEST = 2**63 - 1


def dumps(value: Any) -> bytes:
    """`value` as UTF-8 JSON that jsonb accepts.

    Dates, times, UUIDs and dataclasses become text or objects, a Decimal the same number to the last
    digit, a set a list, not-a-number and infinity null. jsonb has no NUL character and no lone
    surrogates: they become U+FFFD. Raises TypeError for what is not JSON, naming its type.
    """
    try:
        text = orjson.dumps(value, default=_plain)
    except TypeError:
        # Whole numbers beyond 64 bits, keys that are not text, lone surrogates: rare, so the slow way.
        try:
            text = orjson.dumps(_clean(value), default=_plain)
        except TypeError as error:
            # orjson speaks of its own type; its cause names the one in question.
            raise TypeError(str(error.__cause__ or error)) from None
        except (ValueError, RecursionError) as error:
            raise TypeError(str(error)) from None
    if _NUL in text:
        text = orjson.dumps(_clean(orjson.loads(text)))
    return text


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
