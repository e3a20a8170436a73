"""Tells the database how many wrong keys a server was shown."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from opsloop.errors import OpsError
from opsloop.process import logs
from opsloop.serve.callers import Credentials
from opsloop.serve.serving import Serving

_SECONDS = 15.0
_TELLER = Credentials(role="worker")


@asynccontextmanager
async def telling(serving: Serving) -> AsyncIterator[None]:
    """Tell it every few seconds while the block runs, if it has changed, and at the end."""
    tally = _Tally(serving)
    task = asyncio.create_task(tally.tell_on())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await tally.tell()


class _Tally:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._process = f"serve:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._told = 0

    async def tell_on(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        wrong = self._serving.tries.wrong
        if wrong == self._told or self._serving.settings.read_only:
            return
        try:
            async with self._serving.acting(_TELLER) as loop:
                await loop.report_counts(self._process, {"keys_refused": wrong})
        except OpsError as error:
            logs.get().warning("wrong keys are not told", code=error.code, sqlstate=error.sqlstate)
        else:
            self._told = wrong
