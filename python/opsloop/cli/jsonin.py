"""JSON from the command line: given as text, as @file, or as - for stdin."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from opsloop import jsonio
from opsloop.errors import InvalidArgument, OpsError


def stdin(reader: str, otherwise: str) -> BinaryIO:
    """Stdin as bytes: its encoding is that of the locale, not that of JSON. Python has none where it was closed.

    Raises InvalidArgument (OPS_018) then, with `otherwise` as the hint.
    """
    if sys.stdin is None:
        raise InvalidArgument(f"{reader}stdin is closed", hint=otherwise)
    return sys.stdin.buffer


def read_text(given: str, what: str) -> str:
    """Return the text meant by `given`: itself, the content of @file, or stdin for `-`.

    Raises InvalidArgument (OPS_018) when the file cannot be read.
    """
    if given == "-":
        try:
            return stdin(f"{what} is - for stdin, and ", "Give JSON or @file.").read().decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise InvalidArgument(f"{what}: stdin is not UTF-8 text", hint="Write it as UTF-8.") from exc
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InvalidArgument(
            f"{what}: cannot read {given[1:]}: {reason}",
            detail={"file": given[1:]},
            hint="Give JSON, @file, or - for stdin.",
        ) from exc


def parse(text: str, what: str, fault: type[OpsError]) -> Any:
    """Parse strict JSON: no NaN, and no key twice, which would hide one of the two values.

    Raises `fault` naming `what` and the place.
    """
    try:
        return jsonio.parse(text)
    except jsonio.DecodeError as exc:
        raise fault(
            f"{what} is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}",
            detail={
                "line": exc.lineno,
                "column": exc.colno,
                "near": text[max(exc.pos - 20, 0) : exc.pos + 20],
            },
            hint="Give JSON, @file, or - for stdin.",
        ) from exc
    except ValueError as exc:
        raise fault(f"{what} is not JSON: {exc}", hint="Mend it; nothing was changed.") from exc


def read_object(given: str, what: str, fault: type[OpsError]) -> dict[str, Any]:
    """Read a JSON object from `given` (text, @file or -). Raises `fault`, or InvalidArgument for the file."""
    try:
        value = parse(read_text(given, what), what, fault)
    except fault as exc:
        if _is_file(given):
            exc.hint = f"For the content of that file, give @{given}."
        raise
    if not isinstance(value, dict):
        raise fault(f"{what} must be a JSON object, not {kind(value)}", hint="Nothing was changed.")
    return value


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def kind(value: Any) -> str:
    """Name the JSON type of `value`."""
    if value is None:
        return "null"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        Decimal: "a number",
        str: "text",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
