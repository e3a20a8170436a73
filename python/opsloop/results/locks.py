"""Locks, and what is done once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Whether a key was taken for the first time."""

    fresh: bool
    """True for the first caller, who does what the key stands for."""
    result: Any
    """What the first one stored; None when fresh, or when nothing was stored."""


@dataclass(frozen=True, slots=True)
class ListedLock:
    """A lock that somebody holds, or held last."""

    lock_name: str
    holder_id: str
    holder_login: str
    token: int
    acquired_at: datetime
    expires_at: datetime
    is_held: bool
    """False once its time is over."""
