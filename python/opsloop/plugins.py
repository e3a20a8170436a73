"""Finds what users add, executors and sinks: in modules that they name, and in installed packages."""

from __future__ import annotations

import importlib
import importlib.metadata
from abc import ABC, abstractmethod
from typing import ClassVar


class Plugins(ABC):
    """Registries of objects known by name, which plugins extend."""

    group: ClassVar[str]
    """The entry points by which installed packages offer something to add."""
    mark: ClassVar[str]
    """The decorator of what can be added."""

    @abstractmethod
    def add(self, source: object) -> list[str]:
        """Add what `source` holds; returns the names added. Raises TypeError when it holds nothing of the kind."""

    def load_app(self, target: str) -> list[str]:
        """Import `module` or `module:attribute` and add what it holds; returns the names added.

        Raises ImportError, AttributeError or TypeError, each naming what is wrong with `target`.
        """
        return self.add(imported(target))

    def load_entry_points(self) -> list[str]:
        """Add everything that an installed package offers; returns the names added."""
        names: list[str] = []
        for point in importlib.metadata.entry_points(group=self.group):
            names += self.add(point.load())
        return names


def imported(target: str) -> object:
    """The module or attribute that `module` or `module:attribute` names. Raises ImportError or AttributeError."""
    module_name, _, attribute = target.partition(":")
    module = importlib.import_module(module_name)
    return getattr(module, attribute) if attribute else module


def check_name(name: str, what: str) -> None:
    """Raise ValueError for a name that is empty or padded with blanks."""
    if not name or name != name.strip():
        raise ValueError(f"{what} needs a name without blanks around it, got {name!r}")
