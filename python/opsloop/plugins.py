"""Finds what users add: in modules that they name, and in installed packages."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Any


def load(target: str) -> Any:
    """Import `module` or `module:attribute`, and return it. Raises ImportError or AttributeError."""
    module_name, _, attribute = target.partition(":")
    module = importlib.import_module(module_name)
    return getattr(module, attribute) if attribute else module


def installed(group: str) -> Iterator[Any]:
    """What installed packages offer under the entry points of `group`."""
    for point in importlib.metadata.entry_points(group=group):
        yield point.load()
