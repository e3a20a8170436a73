"""Secrets of the HTTP control plane: drawn at random, shown once, and known to the database by their digest."""

from __future__ import annotations

import secrets
from hashlib import sha256


def draw() -> str:
    """A key: 256 bits at random, with a prefix by which scanners for secrets find it."""
    return f"opsloop_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """The part of a secret that the database knows."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
