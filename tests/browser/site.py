"""The dashboard that a test looks at."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """Where it is, and what makes keys for it: of a role, for a new login of that role, under a name."""

    url: str
    key: Callable[[str, str], str]
