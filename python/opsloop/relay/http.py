"""`http`: a webhook. POSTs the message to the `url` of its route, as the Standard Webhooks specification has it.

Headers: `Content-Type: application/json`, `webhook-id` and `Idempotency-Key` (both the message's key),
`webhook-timestamp`, and with `secret_env` (the name of an environment variable of the relay that holds the key)
`webhook-signature`; what `headers` of the route says besides. A key is `whsec_` and the base64 of its bytes; while keys
are exchanged there are several, with blanks between them, and as many signatures.

2xx is delivered. 429 and 5xx are tried again after Retry-After, or after the backoff; so is whatever went wrong on the
way, the timeout (`timeout_seconds`, 10) included. Everything else is dead: redirects are not followed. Addresses that
are not public are refused unless policy has `allow_private`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from yarl import URL

from opsloop import net, webhooks
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.relay.sinks import Message

DEFAULT_TIMEOUT = 10.0
_MAY_PASS = frozenset({429})
_BODY_KEPT = 2_000
#: An answer that is longer is not waited for: its status counts, and the connection is closed.
_BODY_LIMIT = 1024 * 1024
_ALLOWED_BY = 'the policy outbox needs "allow_private": true, for all routes or for this one,'


async def deliver(message: Message) -> None:
    """Send one message and judge the answer."""
    settings = message.settings
    try:
        answer = await net.ask(
            "POST",
            _url(str(settings.get("url"))),
            headers=_headers(message),
            body=message.body,
            seconds=float(settings.get("timeout_seconds") or DEFAULT_TIMEOUT),
            keep=_BODY_KEPT,
            drop=_BODY_LIMIT,
            allow_private=settings.get("allow_private") is True,
            allowed_by=_ALLOWED_BY,
        )
    except net.CannotBeSent as error:
        raise Fatal(f"the route cannot be used: {error}") from error
    if not answer.is_success:
        raise net.failure(answer, _MAY_PASS)


def _url(text: str) -> URL:
    url = net.parsed(text)
    # Policy was checked when it was set; one changed past that must not lead elsewhere.
    if " " in text:
        raise net.CannotBeSent("the url has blanks in it")
    return url


def _headers(message: Message) -> dict[str, str]:
    key = message.idempotency_key
    timestamp = int(time.time())
    own: Mapping[str, Any] = message.settings.get("headers") or {}
    headers = {
        **{name: str(value) for name, value in own.items()},
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        webhooks.ID: key,
        webhooks.TIMESTAMP: str(timestamp),
    }
    secret_env = message.settings.get("secret_env")
    if secret_env:
        try:
            found = webhooks.keys(os.environ.get(secret_env, ""))
        except ValueError as error:
            raise Retry(f"this relay has no key: {secret_env} in its environment: {error}") from error
        headers[webhooks.SIGNATURE] = " ".join(
            webhooks.signature(one, key, timestamp, message.body) for one in found
        )
    return headers
