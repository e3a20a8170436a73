"""What is done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Whether a key was taken for the first time."""

    fresh: bool
    """True for the first caller, who does what the key stands for."""
    result: Any
    """What the first one stored; None when fresh, or when nothing was stored."""
