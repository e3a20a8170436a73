"""Area `locks`: locks that expire, with fencing tokens, and what is done once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsloop.areas.call import Caller
from opsloop.jsonio import document
from opsloop.results import Idempotent, ListedLock


class Locks(Caller):
    """Who holds what until when. `lock` of this package keeps one while a block runs."""

    def acquire_lock(self, lock_name: str, holder_id: str, ttl_seconds: int | None = None) -> bool:
        """Acquire a lock for `ttl_seconds` (default 60), or extend it when `holder_id` holds it; never waits.

        False when somebody else holds it or is just acquiring it. Raises InvalidArgument (OPS_018).
        """
        return bool(
            self._value("fn_acquire_lock", lock_name=lock_name, holder_id=holder_id, ttl_seconds=ttl_seconds)
        )

    def extend_lock(self, lock_name: str, holder_id: str, ttl_seconds: int | None = None) -> bool:
        """Let a lock run for `ttl_seconds` (default 60) from now; False when `holder_id` does not hold it (any more).

        Raises InvalidArgument (OPS_018).
        """
        return bool(
            self._value("fn_extend_lock", lock_name=lock_name, holder_id=holder_id, ttl_seconds=ttl_seconds)
        )

    def release_lock(self, lock_name: str, holder_id: str) -> bool:
        """Give a lock back; False when `holder_id` does not hold it (any more). Raises InvalidArgument (OPS_018)."""
        return bool(self._value("fn_release_lock", lock_name=lock_name, holder_id=holder_id))

    def lock_token(self, lock_name: str, holder_id: str) -> int | None:
        """Return the fencing token of a lock that `holder_id` holds, None when he does not.

        It is higher than that of any earlier holder. Raises InvalidArgument (OPS_018).
        """
        token: int | None = self._value("fn_lock_token", lock_name=lock_name, holder_id=holder_id)
        return token

    def assert_lock(self, lock_name: str, token: int) -> None:
        """Raise LockLost (OPS_030) unless the lock is held under `token`, and keep it so until the transaction ends."""
        self._value("fn_assert_lock", lock_name=lock_name, token=token)

    def cleanup_expired_locks(self) -> int:
        """Delete expired locks, at most 10,000, and return how many. Part of `heartbeat`."""
        return int(self._value("fn_cleanup_expired_locks"))

    def idempotency_key(self, code: str, parts: Sequence[str | None], bucket: int | None = None) -> str:
        """Return the key of one run of the checker `code`; another one in the next hour.

        `parts`: directive, session, phase. `bucket`: the hour since 1970 (default: now). Raises InvalidArgument
        (OPS_018).
        """
        return str(self._value("fn_idempotency_key", code=code, parts=list(parts), bucket=bucket))

    def idempotent(self, key: str) -> Idempotent:
        """Take a key for the transaction that is open: `fresh` for the first caller, else the stored result.

        Who is fresh brings the effect about, stores the result by `idempotent_result`, and commits. Raises Busy
        (OPS_031) when somebody else has it uncommitted for two seconds, InvalidArgument (OPS_018).
        """
        return self._row(Idempotent, "fn_idempotent", key=key)

    def idempotent_result(self, key: str, result: Any) -> None:
        """Store what later callers with `key` get, in the transaction that took it; else IllegalState (OPS_014)."""
        self._value("fn_idempotent_result", key=key, result=document(result))

    def list_locks(self, limit: int | None = None) -> list[ListedLock]:
        """List up to `limit` locks (default 100, at most 1000) by name: who holds each, and until when."""
        return self._rows(ListedLock, "fn_list_locks", limit=limit)
