"""Signatures of webhooks, as the Standard Webhooks specification has them: the relay signs, the server checks.

A key is `whsec_` and the base64 of its bytes; while keys are exchanged there are several, with blanks between them, and
as many signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
"""How far the clocks of sender and receiver may be apart, the way included."""
_KEY_PREFIX = "whsec_"


def keys(text: str) -> list[bytes]:
    """The keys in the value of a variable. Raises ValueError, which quotes none of it."""
    found = []
    for one in text.split():
        encoded = one.removeprefix(_KEY_PREFIX)
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except ValueError:
            key = b""
        if encoded == one or not key:
            raise ValueError(f"a key must be {_KEY_PREFIX} and base64")
        found.append(key)
    if not found:
        raise ValueError("it is empty or not set")
    return found


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature in the header webhook-signature."""
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode("ascii")


def fault(headers: Mapping[str, str], body: bytes, known: Iterable[bytes], now: float) -> str | None:
    """Why a message is not one that the holder of one of these keys has just sent; None when it is."""
    message_id, written, given = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not message_id or len(message_id) > 200:
        return f"{ID} is missing, or longer than 200 characters"
    if not (written.isascii() and written.isdecimal() and len(written) < 16):
        return f"{TIMESTAMP} is not a number of seconds"
    wanted = [signature(key, message_id, int(written), body).encode() for key in known]
    # Every one is compared with every other one, whichever fits: the time it takes tells nothing.
    fits = [hmac.compare_digest(one.encode(), right) for one in given.split() for right in wanted]
    if not any(fits):
        return f"no signature in {SIGNATURE} fits"
    if abs(now - int(written)) > TOLERANCE_SECONDS:
        return f"{TIMESTAMP} is more than {TOLERANCE_SECONDS} seconds from the time here"
    return None
