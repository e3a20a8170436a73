"""Announces a worker to the database, and knows what policy wants of it."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import opsloop
from opsloop import compatibility, jsonio, migrate
from opsloop.database import Database
from opsloop.errors import ReadOnlyDatabase, SchemaMismatch
from opsloop.executors import Executor, Registry
from opsloop.process.link import Link
from opsloop.worker.options import Options

#: Steps of one blocking executor that run at a time when nothing else is said: each needs a thread.
_THREADS = 16
#: The executor that policy's presets are settings for.
_PRESETS_RUN_WITH = "command"


class Registration:
    """One worker as `ops_workers` has it: what it offers, and in `settings` what policy has for it."""

    def __init__(
        self, claims: Link, worker_id: str, database: Database, registry: Registry, options: Options
    ) -> None:
        self.settings: dict[str, Any] = {}
        self._claims = claims
        self._worker_id = worker_id
        self._database = database
        self._registry = registry
        self._options = options
        self._done = False

    async def introduce(self) -> None:
        """Register for the first time; a database that is not the right one is named in one sentence."""
        where = f"schema {self._database.schema} of database {self._claims.database}"
        try:
            await self.renew()
        except ReadOnlyDatabase as error:
            raise ReadOnlyDatabase(
                f"database {self._claims.database} is read-only: a standby, or default_transaction_read_only is on",
                detail=error.message,
                hint=error.hint,
            ) from error
        except SchemaMismatch as error:
            state = await asyncio.to_thread(migrate.status, self._database.dsn, self._database.schema)
            if not state.applied:
                raise SchemaMismatch(
                    f"opsloop is not installed in {where}", detail=error.message, hint=error.hint
                ) from error
            if error.sqlstate is None:
                raise
            raise compatibility.mismatch(
                older=not state.unknown, detail=error.message, where=where
            ) from error

    async def renew(self) -> None:
        """Announce this process, and learn the settings that policy has for it by now.

        Raises SchemaMismatch (OPS_021) when the schema does not serve this package, or not any more.
        """
        own: dict[str, Any] = {
            "max_retries": self._options.max_retries,
            "lease_seconds": self._options.lease,
            "compatibility": compatibility.COMPATIBILITY,
        }
        if (refused := self._claims.refused) is not None:
            own["claim_refused"] = {"code": refused.server_code, "message": refused.message}
        offers = {one.name: {"idempotent": one.idempotent} for one in self._registry}
        args: dict[str, Any] = {
            "worker_id": self._worker_id,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "version": opsloop.__version__,
            "settings": jsonio.text({name: value for name, value in own.items() if value is not None}),
        }
        said = await self._claims.value("register_worker", {**args, "executors": jsonio.text(offers)})
        self._done = True
        settings: dict[str, Any] = jsonio.loads(said)
        compatibility.assert_served(settings.get("compatibility", 0))
        command = self._registry.get(_PRESETS_RUN_WITH)
        presets = [] if command is None else [name for name in settings["presets"] if name not in offers]
        if command is not None and presets:
            # Presets are policy's, so the worker learns of them only now; it offers them by their names, too.
            offers |= {name: {"idempotent": command.idempotent} for name in presets}
            await self._claims.value("register_worker", {**args, "executors": jsonio.text(offers)})
        self.settings.update(settings)

    async def withdraw(self) -> None:
        """Say that this process ends, if it was ever announced."""
        if self._done:
            await self._claims.value("unregister_worker", {"worker_id": self._worker_id})

    def limits(self) -> dict[str, int | None]:
        """What to claim, each executor with its limit: command line, then policy, then the executor's own."""
        offered: dict[str, Executor] = {one.name: one for one in self._registry}
        command = self._registry.get(_PRESETS_RUN_WITH)
        if command is not None:
            offered = {**dict.fromkeys(self.settings["presets"], command), **offered}
        policy = self.settings.get("executors") or {}
        limits: dict[str, int | None] = {}
        for name, one in offered.items():
            own = one.concurrency
            if own is None and one.blocking and not one.is_async:
                own = _THREADS
            limit = self._options.executor_concurrency.get(
                name, (policy.get(name) or {}).get("concurrency", own)
            )
            limits[name] = None if limit is None else int(limit)
        return limits
