"""Parts that run beside the worker of `up`: relay, HTTP server, and a line for each mission that ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from opsloop.cli import output
from opsloop.client import connect_async
from opsloop.errors import OpsError
from opsloop.process import logs
from opsloop.relay.loop import Relay
from opsloop.results import ListedMission
from opsloop.worker.loop import Worker

if TYPE_CHECKING:
    from opsloop.serve.process import HttpServer

#: Between two looks while steps end, and how long after the last one the connection is kept.
_PAUSE = 0.5
_KEPT = 5.0
#: Missions that one look reads.
_MOST = 200


class Company:
    """A relay, an HTTP server and the telling of missions, for as long as a worker lives."""

    def __init__(
        self,
        worker: Worker,
        relay: Relay | None,
        http: HttpServer | None,
        dsn: str,
        schema: str,
        *,
        tells: bool,
    ) -> None:
        self._worker = worker
        self._relay = relay
        self._http = http
        self._dsn, self._schema = dsn, schema
        self._tells = tells
        self._over = asyncio.Event()
        self._since = datetime.now(UTC)
        self._told: set[UUID] = set()

    def stop(self) -> None:
        """Ask it to end; a second time: at once."""
        self._over.set()
        if self._relay is not None:
            self._relay.stop()
        if self._http is not None:
            self._http.stop()

    def end(self) -> None:
        """Ask it to end, unless it was asked already."""
        if not self._over.is_set():
            self.stop()

    async def run(self) -> None:
        """Run until it is told to stop; what fails here never ends the worker."""
        await asyncio.gather(self._deliver(), self._serve(), self._tell())

    async def _serve(self) -> None:
        if self._http is not None:
            await self._http.run()

    async def _deliver(self) -> None:
        if self._relay is None:
            return
        try:
            await self._relay.run()
        except OpsError as error:
            logs.get().error("the relay has ended", error=str(error))
        finally:
            await self._relay.close()

    async def _tell(self) -> None:
        """Look at the newest missions while the worker reports steps; with nothing to do there is no connection."""
        seen = 0
        while self._tells and not self._over.is_set():
            await self._wait(_PAUSE)
            if self._reports() == seen:
                continue
            try:
                async with connect_async(self._dsn, self._schema) as client:
                    idle = 0.0
                    while idle < _KEPT and not self._over.is_set():
                        idle = 0.0 if self._reports() != seen else idle + _PAUSE
                        seen = self._reports()
                        if not idle:
                            # Of what was reported by now all has been committed.
                            self._say(await client.list_missions(_MOST))
                        await self._wait(_PAUSE)
                    self._say(await client.list_missions(_MOST))
            except (OpsError, psycopg.Error) as error:
                logs.get().debug("missions are not told", error=str(error))

    def _reports(self) -> int:
        return sum(self._worker.outcomes.values())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    def _say(self, missions: list[ListedMission]) -> None:
        for one in reversed(missions):
            if one.completed_at is None or one.completed_at < self._since or one.mission_id in self._told:
                continue
            self._told.add(one.mission_id)
            took = (one.completed_at - (one.started_at or one.created_at)).total_seconds()
            said = (
                f"mission {str(one.mission_id)[-8:]}: {one.status} in {took:.1f} s, {one.title or 'no title'}"
            )
            output.print_text(output.one_line(f"{said}: {one.error}" if one.error else said), stderr=True)
