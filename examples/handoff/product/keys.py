"""Keys that people log in with."""

import hashlib
import hmac
import secrets


def new_key() -> str:
    """Return a key that was never given before."""
    return secrets.token_urlsafe(32)


def stored(key: str) -> str:
    """Return what is kept of a key: never the key itself."""
    return hashlib.sha256(key.encode()).hexdigest()


def fits(key: str, kept: str) -> bool:
    """Say whether a key is the one of which `kept` is stored."""
    return hmac.compare_digest(stored(key), kept)
