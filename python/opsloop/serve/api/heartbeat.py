"""`POST /api/ops/heartbeat`: the loop turned by whoever calls, such as cron."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opsloop import jsonio
from opsloop.errors import ServerReadOnly
from opsloop.serve.api.operation import Json
from opsloop.serve.callers import Credentials, credentials
from opsloop.serve.serving import Serving, of

PATH = "/api/ops/heartbeat"
_SECONDS = 60.0
"""Longest time that one phase may take."""


class Turns:
    """Turns that calls share: each call gets the result of a turn that began after it came.

    However many come at once, at most two turns have to end: the one that runs, and one for all who came since.
    """

    def __init__(self, turn: Callable[[], Awaitable[Json]]) -> None:
        self._turn = turn
        self._running = asyncio.Lock()
        self._next: asyncio.Task[Json] | None = None

    async def take(self) -> Json:
        """The result of a turn that begins from now on."""
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
        return await asyncio.shield(self._next)

    async def _begin(self) -> Json:
        async with self._running:
            self._next = None
            return await self._turn()


class Heartbeat:
    """The endpoint. Turns are shared within a role, whose rights are those of all its members."""

    def __init__(self) -> None:
        self._turns: dict[tuple[Serving, str], Turns] = {}

    async def __call__(self, request: Request) -> Response:
        """Turn the loop once. 500 when a phase failed, with what the others did, as cron jobs look at the status."""
        serving = of(request)
        if serving.settings.read_only:
            raise ServerReadOnly("this server is read-only: it does not turn the loop")
        # What is sent is not looked at: the runbook sends a type and no body.
        await request.body()
        role = await self._role(request, serving)
        turns = self._turns.setdefault((serving, role), Turns(lambda: self._turn(serving, role)))
        done = await turns.take()
        return Response(jsonio.dumps(done), 200 if done["ok"] else 500, media_type="application/json")

    async def _role(self, request: Request, serving: Serving) -> str:
        """The role of the caller, whose key is asked for by every call, also of one that shares a turn."""
        given = credentials(request, serving.settings)
        if given.role is not None:
            return given.role
        with serving.tries.watch(request, given):
            async with serving.itself() as server:
                caller = await server.find_caller(given.key)
        request.state.key_name = caller.name
        return caller.role

    @staticmethod
    async def _turn(serving: Serving, role: str) -> Any:
        settings = serving.settings
        async with serving.acting(Credentials(role=role), seconds=_SECONDS) as loop:
            return await loop.heartbeat(
                settings.event_batch_size, settings.reaction_batch_size, settings.stale_step_minutes
            )


DOCUMENT: Json = {
    "post": {
        "operationId": "heartbeat",
        "summary": "Turn the loop once; safe to call from anywhere, any number at once",
        "description": "Calls `fn_heartbeat`. Calls that come together share a turn.",
        "responses": {
            "200": {
                "description": "Done",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "ok": {"type": "boolean"},
                                "triggerResult": {"type": "object"},
                                "reactionResult": {"type": "object"},
                                "leaseResult": {"type": "object"},
                                "staleResult": {"type": "object"},
                            },
                            "required": [
                                "ok",
                                "triggerResult",
                                "reactionResult",
                                "leaseResult",
                                "staleResult",
                            ],
                        }
                    }
                },
            },
            "500": {"description": "A phase failed, and was rolled back alone; `errors` has it"},
        },
    }
}
