"""`http`: a webhook. POSTs the message to the `url` of its route.

Headers: `Content-Type: application/json`, `Idempotency-Key`, and with `secret_env` (the name of an environment variable
of the relay that holds the key) `Opsloop-Signature: t=<seconds since 1970>,v1=<hex>`, the HMAC-SHA256 of
`<t>.<body>`; what `headers` of the route says besides.

2xx is delivered. 429 and 503 are tried again after Retry-After, or after the backoff; so are every other 5xx and
whatever went wrong on the way, the timeout (`timeout_seconds`, 10) included. Everything else is dead: redirects are
not followed. Addresses that are not public are refused unless policy has `allow_private`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from typing import Any

from opsloop.executors.http import retry_after
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.relay.client import Answer, Client, Target, target
from opsloop.relay.sinks import Message

SIGNATURE = "Opsloop-Signature"
DEFAULT_TIMEOUT = 10.0
_TOO_MANY = 429


class Http:
    """The sink `http`, with its connections."""

    def __init__(self) -> None:
        self._client = Client()

    async def deliver(self, message: Message) -> None:
        """Send one message and judge the answer."""
        settings = message.settings
        to = target(str(settings.get("url")))
        request = _request(to, message)
        timeout = float(settings.get("timeout_seconds") or DEFAULT_TIMEOUT)
        try:
            async with asyncio.timeout(timeout):
                answer = await self._client.post(
                    to, request, allow_private=settings.get("allow_private") is True
                )
        except TimeoutError as error:
            raise Retry(f"{to.host}: no answer within {timeout:g} s") from error
        if not 200 <= answer.status < 300:
            raise _refusal(answer)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of the header Opsloop-Signature."""
    digest = hmac.digest(secret, b"%d." % timestamp + body, hashlib.sha256).hex()
    return f"t={timestamp},v1={digest}"


def _request(to: Target, message: Message) -> bytes:
    lines = [
        b"POST %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: opsloop\r\nContent-Type: application/json\r\nContent-Length: %d"
        % (to.path, to.authority, len(message.body)),
        b"Idempotency-Key: " + message.idempotency_key.encode("ascii"),
    ]
    settings = message.settings
    lines += _own(settings.get("headers") or {})
    secret_env = settings.get("secret_env")
    if secret_env:
        secret = os.environ.get(secret_env, "")
        if not secret:
            raise Retry(f"this relay has no key: its environment lacks {secret_env}")
        signed = signature(secret.encode(), int(time.time()), message.body)
        lines.append(f"{SIGNATURE}: {signed}".encode("ascii"))
    return b"\r\n".join([*lines, b"", message.body])


def _own(headers: Mapping[str, Any]) -> list[bytes]:
    # Policy was checked when it was set; one changed past that must not split a request in two.
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Fatal("the headers of the route cannot be used: each is one line of ASCII")
    return [line.encode("ascii") for line in lines]


def _refusal(answer: Answer) -> Exception:
    said = f"HTTP {answer.status}: {answer.text[:500]}".rstrip(": ")
    if 300 <= answer.status < 400:
        return Fatal(f"{said} (redirects are not followed)")
    if answer.status != _TOO_MANY and answer.status < 500:
        return Fatal(said)
    if answer.status in (429, 503):
        asked = answer.headers.get(b"retry-after")
        seconds = None if asked is None else retry_after(asked.decode("latin-1"))
        if seconds is not None:
            return RetryAfter(seconds, said)
    return Retry(said)
