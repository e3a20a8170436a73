"""A lock that is kept while a block runs: `opsloop.lock`.

It lives in the database, under a name of your choosing; at most one holds it. A thread extends it over a connection of
its own, so that a transaction of yours neither hides it from others nor has to stay open for it.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from opsloop import database
from opsloop.areas.locks import Locks
from opsloop.client import AsyncClient, Client, where
from opsloop.errors import Busy, InvalidArgument, LockLost, OpsError, translate
from opsloop.process.identity import incarnation

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_LAST_WORDS = 2.0


def lock(
    name: str,
    ttl: int = 30,
    *,
    wait: float = 0,
    on_lost: Callable[[], object] | None = None,
    client: Client | AsyncClient | None = None,
    dsn: str | None = None,
    schema: str | None = None,
) -> Lock:
    """Make a lock for a `with` or `async with` block: acquired at its begin, kept while it runs, released at its end.

    ```python
    with opsloop.lock("nightly-report") as lock:
        for page in pages:
            lock.check()  # raises LockLost once the lock may be somebody else's
            write(page, fence=lock.token)
    ```

    `name`: what it is called, by all who want it. `ttl`: seconds after which it is free when this process has vanished.
    `wait`: seconds to wait for it; after that Busy (OPS_031). The block learns that the lock was lost by `lock.check()`
    and `lock.lost`; `on_lost` is called then, in another thread; and at the end LockLost (OPS_030) is raised, unless
    the block raises something else. The database is that of `client`, to which the lock opens a connection of its own,
    else that of `dsn` and `schema` as for `connect`.
    """
    if client is None:
        conninfo, schema = where(dsn, schema)
    else:
        info, schema = client.conn.info, client.schema
        conninfo = make_conninfo(info.dsn, **({"password": info.password} if info.password else {}))
    return Lock(conninfo, schema, name, ttl, wait, on_lost)


class Lock:
    """The handle that `lock` gives, for one block.

    Attributes:
        name: what it is called.
        holder: who holds it, as `distributed_locks` shows it; no two Locks have the same.
        lost: an event that is set once the lock may be somebody else's.

    """

    def __init__(
        self,
        conninfo: str,
        schema: str,
        name: str,
        ttl: int,
        wait: float,
        on_lost: Callable[[], object] | None,
    ) -> None:
        if ttl < 1:
            raise InvalidArgument(f"ttl must be a second or more, not {ttl}", detail={"ttl": ttl})
        self.name = name
        self.holder = incarnation(8)
        self.lost = threading.Event()
        self._conninfo = conninfo
        self._schema = schema
        self._ttl = ttl
        self._wait = wait
        self._on_lost = on_lost
        self._token: int | None = None
        self._conn: psycopg.Connection[Any] | None = None
        #: From this moment on, by this machine's clock, it may be somebody else's.
        self._until = 0.0
        self._begun = False
        self._end = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"lock {name}", daemon=True)
        self._telling = threading.Lock()
        #: Set when the task that asked for it was cancelled meanwhile.
        self._given_up = threading.Event()

    @property
    def token(self) -> int:
        """The fencing token: higher than that of every earlier holder, whatever became of him.

        Send it along with what you write, and let the receiver refuse one lower than it has seen. In a transaction on
        the loop's own database `Client.assert_lock(lock.name, lock.token)` is enough.
        """
        if self._token is None:
            raise RuntimeError("a lock has a token only within its block")
        return self._token

    def check(self) -> None:
        """Raise LockLost (OPS_030) when the lock may be somebody else's by now. Asks nobody: call it often."""
        self._check(time.monotonic())

    def __enter__(self) -> Self:
        if self._begun:
            raise RuntimeError("a lock is for one block; make another one")
        self._token = self._acquire()
        with self._telling:
            self._begun = True
            if self._given_up.is_set():
                self._end.set()  # the keeper begins with giving it back
        self._keeper.start()
        threading.Thread(target=self._watch, name=f"watch {self.name}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        ended = time.monotonic()
        with self._telling:
            self._end.set()
        # It may hang in the network; once lost there is nothing to wait for.
        self._keeper.join(0 if self.lost.is_set() else _LAST_WORDS)
        try:
            if kind is None:
                self._check(ended)
        finally:
            self._token = None
            self._until = 0.0

    async def __aenter__(self) -> Self:
        entering = asyncio.ensure_future(asyncio.to_thread(self.__enter__))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread goes on; whatever it gets is nobody's.
            with self._telling:
                self._given_up.set()
                if self._begun:
                    self._end.set()
            entering.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, exc, where)

    def _check(self, moment: float) -> None:
        if self.lost.is_set() or moment >= self._until:
            raise LockLost(
                f"the lock {self.name!r} was lost",
                detail={"lock_name": self.name, "holder_id": self.holder, "token": self._token},
                hint="It was not extended in time, or deleted: stop, and roll back. Acquire it anew to go on.",
            )

    def _acquire(self) -> int:
        deadline = time.monotonic() + self._wait
        pause = _FIRST_PAUSE
        try:
            while True:
                sent = time.monotonic()
                if self._session().acquire_lock(self.name, self.holder, self._ttl):
                    token = self._session().lock_token(self.name, self.holder)
                    if token is not None:
                        # The server's clock began to count after this machine sent the call.
                        self._until = sent + self._ttl
                        return token
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Busy(
                        f"somebody else holds the lock {self.name!r}",
                        detail={"lock_name": self.name, "waited": self._wait},
                        hint="Try again later, or give `wait`. The table distributed_locks shows who holds it.",
                    )
                if self._given_up.wait(min(left, pause * random.uniform(0.5, 1))):  # noqa: S311 - spreads those who wait
                    raise Busy(f"nobody waits for the lock {self.name!r} any more")
                pause = min(pause * 2, _LONGEST_PAUSE)
        except BaseException:
            self._disconnect()
            raise

    def _keep(self) -> None:
        """Extend the lock after each third of its time; when that fails, soon again. At the end give it back."""
        pause = self._ttl / 3
        while not self._end.wait(pause) and not self.lost.is_set():
            sent = time.monotonic()
            try:
                held = self._session().extend_lock(self.name, self.holder, self._ttl)
            except (OpsError, psycopg.Error):
                self._disconnect()
                pause = self._ttl / 30
                continue
            if not held:
                self._lose()
            elif not self.lost.is_set():
                self._until = sent + self._ttl
            pause = self._ttl / 3
        try:
            if not self._session().release_lock(self.name, self.holder):
                self.lost.set()
        except (OpsError, psycopg.Error):
            pass  # it expires by itself
        self._disconnect()

    def _watch(self) -> None:
        """Say that the lock is lost when its time is over, also while an extension hangs in the network."""
        while not self._end.wait(max(0.0, self._until - time.monotonic())):
            if time.monotonic() >= self._until:
                self._lose()
                return

    def _lose(self) -> None:
        with self._telling:
            if self.lost.is_set() or self._end.is_set():
                return
            self.lost.set()
        if self._on_lost is not None:
            self._on_lost()

    def _session(self) -> Locks:
        if self._conn is None:
            with translate():
                self._conn = database.connect(
                    self._conninfo,
                    connect_timeout=max(2, self._ttl // 3),
                    application_name="opsloop lock",
                )
        return Locks(self._conn, self._schema)

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()
