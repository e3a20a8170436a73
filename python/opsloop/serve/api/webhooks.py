"""Events from webhooks: a message that is signed needs no other key."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from opsloop import webhooks
from opsloop.errors import Forged
from opsloop.serve.api.operation import Operation
from opsloop.serve.callers import Credentials
from opsloop.serve.serving import of


class SignedEvents:
    """Takes events from whoever shows a key, and from whoever signs them (OPS_WEBHOOK_SECRET).

    Signed ones are emitted by the server's own login, with the rights of a producer; the id of the message is their
    dedupe key, so that one that is sent again makes nothing. Where there is a key as well, both have to be right.
    """

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if webhooks.SIGNATURE in request.headers:
            serving = of(request)
            keys = serving.settings.webhook_keys
            fault = (
                webhooks.fault(request.headers, await request.body(), keys, time.time())
                if keys
                else "this server has no key for signatures"
            )
            if fault is not None:
                serving.tries.count(request)
                raise Forged(
                    f"the signature of this message does not hold: {fault}",
                    hint="Compare the key with OPS_WEBHOOK_SECRET of the server, and the clocks.",
                )
            request.state.webhook_id = f"webhook:{request.headers[webhooks.ID]}"
            if "authorization" not in request.headers:
                request.state.vouched = Credentials(role="producer")
        return await self._operation(request)
