"""What differs between two documents, path by path; for what the database has no function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A path at which two documents differ; None where nothing stands."""

    path: str
    before: Any
    after: Any


def changes(before: Any, after: Any) -> list[Difference]:
    """List what differs, in the order of the documents; steps of a template are told apart by their keys."""
    return list(_changes(before, after, ""))


def _changes(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _changes(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(before, list) and isinstance(after, list):
        old, new = _named(before), _named(after)
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _changes(old.get(name), new.get(name), f"{path}[{name}]")
    else:
        yield Difference(path, before, after)


def _named(items: list[Any]) -> dict[Any, Any]:
    """The items by their key, where each has one of its own; else by their place."""
    keys = [item.get("key") for item in items if isinstance(item, dict)]
    if len(keys) == len(items) and len(set(map(str, keys))) == len(items) and all(keys):
        return dict(zip(map(str, keys), items, strict=True))
    return dict(enumerate(items))
