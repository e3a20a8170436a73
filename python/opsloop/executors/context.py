"""The argument of an executor: one `Context` for each attempt at a step."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar, overload

from opsloop import jsonio
from opsloop.areas.aio.locks import AsyncLocks
from opsloop.areas.locks import Locks
from opsloop.database import Database
from opsloop.executors.transaction import LeasedTransaction

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_T = TypeVar("_T")


class Context:
    """One attempt at one step, as its executor sees it.

    It belongs to this attempt alone: `params`, `inputs` and `last_progress` were decoded for it and
    may be changed at will. A number in them without a point is an int of any size; any other is a float if that is
    written as the same number (0.1, 2.5), and else a Decimal. A Decimal in what is returned or reported is stored
    to the last digit. Every method works on the event loop and in a thread alike.

    Attributes:
        step_id: UUID, as text.
        mission_id: UUID, as text.
        key: name of the step within its mission.
        kind: what kind of work it is.
        executor: the name it was claimed under; for a preset the preset's name.
        params: the step's parameters, every placeholder filled.
        inputs: results of the steps it depends on, by their keys.
        attempt: number of this attempt, from 1.
        deadline: when this attempt must be over, on the database's clock; None for never.
        last_progress: what an earlier attempt reported last by `progress`, or None.
        idempotency_key: the same for every attempt at this step; hand it to outside systems.
        settings: worker settings of policy, read only.

    """

    __slots__ = (
        "_database",
        "_ends",
        "_events",
        "_outage",
        "_outbox",
        "_progress",
        "_token",
        "_usage",
        "attempt",
        "cancelled",
        "deadline",
        "executor",
        "idempotency_key",
        "inputs",
        "key",
        "kind",
        "last_progress",
        "mission_id",
        "params",
        "settings",
        "step_id",
    )

    def __init__(
        self,
        step_id: str,
        params: Any = None,
        *,
        mission_id: str = "",
        key: str = "step_1",
        kind: str = "",
        executor: str = "",
        inputs: Any = None,
        attempt: int = 1,
        deadline: datetime | None = None,
        ends: float | None = None,
        last_progress: Any = None,
        idempotency_key: str = "",
        token: str = "",
        settings: Mapping[str, Any] = _NOTHING,
        database: Database | None = None,
    ) -> None:
        self.step_id = step_id
        self.mission_id = mission_id
        self.key = key
        self.kind = kind
        self.executor = executor
        self.params = {} if params is None else params
        self.inputs = {} if inputs is None else inputs
        self.attempt = attempt
        self.deadline = deadline
        self.last_progress = last_progress
        self.idempotency_key = idempotency_key
        self.settings = settings
        #: True once the worker wants this attempt to stop: its deadline passed, its lease was lost, its
        #: mission was cancelled or the worker shuts down. A handler in a thread must look at it; a
        #: coroutine is cancelled besides.
        self.cancelled = False
        self._ends = ends
        self._token = token
        self._database = database
        self._progress: bytes | None = None
        self._events: list[dict[str, Any]] | None = None
        self._outbox: list[dict[str, Any]] | None = None
        self._usage: dict[str, Any] | None = None
        self._outage: BaseException | None = None

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below 0; None when there is no deadline."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def progress(self, value: Any) -> None:
        """Report how far this attempt has come; the last value is what the next attempt gets.

        Stored in the database within about a second, and before a failure of this attempt. Raises
        TypeError when `value` is not JSON.
        """
        self._progress = jsonio.dumps(value)

    def emit(self, type: str, data: Any = None, dedupe_key: str | None = None) -> None:  # noqa: A002 - the contract's word
        """Emit an event together with this step's result: both are committed, or neither.

        Raises TypeError when `data` is not JSON.
        """
        # Copies, here and below: later changes by the handler do not reach what was said.
        event: dict[str, Any] = {"type": type, "data": jsonio.copy({} if data is None else data)}
        if dedupe_key is not None:
            event["dedupe_key"] = dedupe_key
        if self._events is None:
            self._events = []
        self._events.append(event)

    def publish(
        self,
        aggregate_type: str,
        aggregate_id: str,
        event_type: str,
        payload: Any = None,
        dedupe_key: str | None = None,
    ) -> None:
        """Put a message into the outbox together with this step's result: both are committed, or neither.

        Raises TypeError when `payload` is not JSON.
        """
        message: dict[str, Any] = {
            "aggregate_type": aggregate_type,
            "aggregate_id": aggregate_id,
            "event_type": event_type,
            "payload": jsonio.copy({} if payload is None else payload),
        }
        if dedupe_key is not None:
            message["dedupe_key"] = dedupe_key
        if self._outbox is None:
            self._outbox = []
        self._outbox.append(message)

    def usage(self, **numbers: float | Decimal) -> None:
        """Report what this attempt used (tokens, cents, bytes …); a name given again adds up.

        Raises TypeError for a value that is not a number.
        """
        if self._usage is None:
            self._usage = {}
        for name, number in numbers.items():
            if not jsonio.is_number(number):
                raise TypeError(f"usage of {name!r} must be a number, got {type(number).__name__}")
            before = self._usage.get(name, 0)
            if isinstance(before, Decimal) or isinstance(number, Decimal):
                before, number = jsonio.exact(before), jsonio.exact(number)
            self._usage[name] = before + number

    def transaction(self) -> LeasedTransaction:
        """A transaction on the loop's database that only the holder of the lease can commit.

        Use it as `with` or `async with`; it gives a psycopg connection (`Connection` or
        `AsyncConnection`) inside a transaction whose first statement was `fn_assert_lease`, and commits at
        the end of the block, or rolls back on an exception. Raises `opsloop.errors.LeaseLost` when the
        step was taken away meanwhile.
        """
        if self._database is None:
            raise RuntimeError("this context has no database: it was not made by a worker")
        return LeasedTransaction(self._database, self.step_id, self._token, self._ends, self._note_outage)

    @overload
    def checkpoint(self, name: str, fn: Callable[[], Coroutine[Any, Any, _T]]) -> Coroutine[Any, Any, _T]: ...

    @overload
    def checkpoint(self, name: str, fn: Callable[[], _T]) -> _T: ...

    def checkpoint(self, name: str, fn: Callable[[], Any]) -> Any:
        """Run `fn` once over all attempts at this step, and return its result: now, or as an earlier attempt stored it.

        The result, any JSON value, is stored while the lease is held, or not at all. `fn` without arguments; with an
        `async def` the call is to be awaited, and any other must not be used on the event loop. An attempt that ends
        between the effect of `fn` and the commit leaves nothing, and the next one runs it again: hand `idempotency_key`
        to outside systems. Raises `opsloop.errors.LeaseLost` when the step was taken away meanwhile, TypeError for a
        result that is not JSON.
        """
        key = f"{self.idempotency_key}:{name}"
        if inspect.iscoroutinefunction(fn):
            return self._checkpoint_async(key, fn)
        with self.transaction() as conn:
            locks = Locks(conn, self.schema)
            taken = locks.idempotent(key)
            if not taken.fresh:
                return taken.result
            result = jsonio.copy(fn())
            if result is not None:
                locks.idempotent_result(key, result)
        return result

    async def _checkpoint_async(self, key: str, fn: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async with self.transaction() as conn:
            locks = AsyncLocks(conn, self.schema)
            taken = await locks.idempotent(key)
            if not taken.fresh:
                return taken.result
            result = jsonio.copy(await fn())
            if result is not None:
                await locks.idempotent_result(key, result)
        return result

    def _note_outage(self, error: BaseException) -> None:
        self._outage = error

    def met_outage(self, error: BaseException) -> bool:
        """Whether `error` comes from the loop's own database having been away while `transaction()` used it."""
        found: BaseException | None = error
        while found is not None:
            if found is self._outage:
                return True
            found = found.__cause__ or found.__context__
        return False

    @property
    def lease_token(self) -> str:
        """Proof of the lease, for calls within `transaction()` that ask for it; a secret of this attempt."""
        return self._token

    @property
    def schema(self) -> str:
        """Name of the schema that opsloop is installed in, for calls within `transaction()`."""
        if self._database is None:
            raise RuntimeError("this context has no database: it was not made by a worker")
        return self._database.schema

    @property
    def has_report(self) -> bool:
        """True when there is something in `report`."""
        return self._events is not None or self._outbox is not None or self._usage is not None

    def trace_outbox(self) -> None:
        """Have what it published so far kept with this step, so that deliveries belong to its trace."""
        for message in self._outbox or ():
            message["traced"] = True

    def report(self) -> dict[str, Any]:
        """What was emitted, published and used: the keys `events`, `outbox` and `usage`, as far as not empty."""
        said: dict[str, Any] = {}
        if self._events:
            said["events"] = self._events
        if self._outbox:
            said["outbox"] = self._outbox
        if self._usage:
            said["usage"] = self._usage
        return said

    @property
    def has_progress(self) -> bool:
        """True when progress was reported that nobody has taken yet."""
        return self._progress is not None

    def take_progress(self) -> bytes | None:
        """The progress reported since the last call, as JSON, or None."""
        value, self._progress = self._progress, None
        return value

    def keep_progress(self, value: bytes) -> None:
        """Progress that was taken and did not get through; what was reported since is newer."""
        if self._progress is None:
            self._progress = value
