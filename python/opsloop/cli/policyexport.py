"""The policy in force as a file: TOML or JSON, with the comments of a TOML file that is there already."""

from __future__ import annotations

import re
import tomllib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import tomlkit

from opsloop import jsonio
from opsloop.cli import policyfile
from opsloop.errors import InvalidArgument, InvalidPolicy

#: A list that would make a longer line has a line for each entry.
_WIDTH = 100
_BARE = re.compile("[A-Za-z0-9_-]+")
#: The parts of a policy file besides documents.
_KEPT = ("$schema", "tests", "schedules")


def write(path: Path, documents: policyfile.Documents) -> bool:
    """Write the documents to a file, by its suffix; returns whether that changed it.

    Its `$schema`, `tests` and `schedules` stay. Raises as `policyfile.read` does for a file that is there, and
    InvalidPolicy (OPS_017) for what TOML cannot say.
    """
    try:
        old = None
        if path.exists():
            policyfile.read_whole(path)
            old = path.read_text(encoding="utf-8-sig")
        text = as_toml(documents, old) if path.suffix == ".toml" else as_json(documents, old)
        if text == old:
            return False
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(
            f"cannot write {path}: {error.strerror}", hint="Choose another file."
        ) from error
    return True


def as_json(documents: policyfile.Documents, old: str | None = None) -> str:
    """Return the documents as JSON."""
    found = {} if old is None else jsonio.parse(old)
    kept = {key: found[key] for key in _KEPT if key in found}
    return jsonio.pretty({**kept, **documents}, 2) + "\n"


def as_toml(documents: policyfile.Documents, old: str | None = None) -> str:
    """Return the documents as TOML; of the file before, what says the same stays as it is written there.

    TOML has no null: fields with one are left out (`without_toml` names them), and so are not touched by `apply`.
    """
    file = tomlkit.parse(old or "")
    before = _read(old or "")
    wanted: dict[str, Any] = {key: before[key] for key in _KEPT if key in before}
    for key, document in documents.items():
        wanted[key] = {field: value for field, value in document.items() if not _has_null(value)}
    _update(file, before, wanted)
    text = tomlkit.dumps(file).lstrip("\n")
    if _canonical(_read(text)) != _canonical(wanted):
        raise InvalidPolicy("TOML cannot say what is in force", hint="Export it as JSON, to FILE.json.")
    return text


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = jsonio.without_extras(tomllib.loads(text, parse_float=jsonio.number))
    return found


def _update(table: MutableMapping[str, Any], before: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key in before.keys() - wanted.keys():
        del table[key]
    # Values that are no tables first: after a table they would belong to it.
    for key, value in sorted(wanted.items(), key=lambda item: isinstance(item[1], dict)):
        was = before.get(key)
        if key in before and _canonical(was) == _canonical(value):
            continue
        if isinstance(was, dict) and isinstance(value, dict):
            _update(table[key], was, value)
        elif isinstance(value, dict) and value:
            table[key] = tomlkit.table()
            _update(table[key], {}, value)
        else:
            table[key] = tomlkit.value(_lines(value) if len(_inline(value)) > _WIDTH else _inline(value))


def _inline(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, str):
        # Escapes of JSON are escapes of TOML, which also wants one for this character.
        return jsonio.text(value).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (
            f"{key if _BARE.fullmatch(key) else _inline(key)} = {_inline(item)}"
            for key, item in value.items()
        )
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return jsonio.text(value)


def _lines(value: Any) -> str:
    """A value as TOML, a list with a line for each entry."""
    if not isinstance(value, list):
        return _inline(value)
    return "[\n" + "".join(f"  {_inline(item)},\n" for item in value) + "]"


def without_toml(documents: policyfile.Documents) -> list[str]:
    """Name the fields that TOML cannot say; one that is null altogether is as good as left out."""
    return [
        f"{key}.{field}"
        for key, document in documents.items()
        for field, value in document.items()
        if value is not None and _has_null(value)
    ]


def _has_null(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _canonical(value: Any) -> str:
    """Equal for equal values: the order of keys plays no part, and 1 and 1.0 differ."""
    return jsonio.text(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
