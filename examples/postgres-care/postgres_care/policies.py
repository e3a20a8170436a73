"""Adds what this example needs to a policy document, and leaves the rest of it as it is.

opsloop policy get auto_approve | python3 -m postgres_care add policies/auto_approve.json
"""

from __future__ import annotations

from typing import Any


def add(document: Any, addition: Any) -> Any:
    """`document` with `addition` in it: objects are joined, lists extended, and whatever else is replaced.

    An entry that is in a list already is not added again; an object with a `name` takes the place of its namesake.
    """
    if isinstance(document, dict) and isinstance(addition, dict):
        return {
            **document,
            **{
                key: add(document[key], value) if key in document else value
                for key, value in addition.items()
            },
        }
    if isinstance(document, list) and isinstance(addition, list):
        names = {item["name"] for item in addition if isinstance(item, dict) and "name" in item}
        kept = [item for item in document if not (isinstance(item, dict) and item.get("name") in names)]
        return kept + [item for item in addition if item not in kept]
    return addition


def remove(document: Any, addition: Any) -> Any:
    """`document` without what `add` put into its lists; the way back."""
    if isinstance(document, dict) and isinstance(addition, dict):
        return {
            key: remove(value, addition[key]) if key in addition else value for key, value in document.items()
        }
    if isinstance(document, list) and isinstance(addition, list):
        return [item for item in document if item not in addition]
    return document
