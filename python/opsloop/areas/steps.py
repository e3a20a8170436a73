"""Area `steps`: claim, lease, complete, fail, recover. What a worker says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import (
    ClaimedStep,
    Lease,
    ListedStep,
    MissingExecutor,
    Recovered,
    StepOutcome,
    StepResult,
)


class Steps(Caller):
    """The life of a step between the queue and its end."""

    def register_worker(
        self,
        worker_id: str,
        *,
        hostname: str | None = None,
        pid: int | None = None,
        version: str | None = None,
        executors: DocumentLike | None = None,
        settings: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        """Announce a worker process and return the settings in force.

        `worker_id`: this incarnation, never a bare host name. `executors`: `{"name": {"idempotent": true}}`.
        `settings`: what its environment sets, of `max_retries` (failures) and `lease_seconds` (seconds).
        """
        value: dict[str, Any] = self._value(
            "fn_register_worker",
            worker_id=worker_id,
            hostname=hostname,
            pid=pid,
            version=version,
            executors=document(executors),
            settings=document(settings),
        )
        return value

    def unregister_worker(self, worker_id: str) -> None:
        """Say that a worker process ends."""
        self._value("fn_unregister_worker", worker_id=worker_id)

    def declare_idle(self, worker_id: str) -> str | None:
        """Ask to be notified of new work; keep polling until `idle_settled` is true of the returned ticket.

        None when the worker was not idle before: commit, and call it again for the ticket.
        """
        ticket: str | None = self._value("fn_declare_idle", worker_id=worker_id)
        return ticket

    def fall_asleep(
        self, worker_id: str, poll_seconds: float | None = None, beats: bool | None = None
    ) -> dict[str, Any]:
        """Declare that an idle worker sleeps; `register_worker` wakes it. Call it on the session that listens.

        `poll_seconds`: it comes back within so many seconds instead (default: it listens). `beats`: whether it runs
        heartbeats (default: it does). Returns `{"ticket", "seconds"}`: ticket is None at first; commit, and call it
        again for one for `idle_settled`. `seconds`: until time alone gives a heartbeat something to do, None for never.
        """
        value: dict[str, Any] = self._value(
            "fn_fall_asleep", worker_id=worker_id, poll_seconds=poll_seconds, beats=beats
        )
        return value

    def idle_settled(self, ticket: str) -> bool:
        """Ask whether every transaction that may not know of the declaration has ended."""
        return bool(self._value("fn_idle_settled", ticket=ticket))

    def claim_steps(
        self,
        worker_id: str,
        limit: int | None = None,
        lease_seconds: int | None = None,
        executors: Sequence[str] | None = None,
    ) -> list[ClaimedStep]:
        """Lease up to `limit` steps (default 1) that are ready, the most urgent first.

        `lease_seconds`: length of the lease (default: policy, then 30). `executors`: names to serve
        (default: every one).
        """
        return self._rows(
            ClaimedStep,
            "fn_claim_steps",
            worker_id=worker_id,
            limit=limit,
            lease_seconds=lease_seconds,
            executors=None if executors is None else list(executors),
        )

    def extend_leases(
        self, worker_id: str, leases: Sequence[DocumentLike], lease_seconds: int | None = None
    ) -> list[Lease]:
        """Extend leases, each `{"step_id", "lease_token", "progress"?}`; also the worker's sign of life.

        Call it every few seconds, with `[]` when there is nothing to extend. Progress is kept and given to
        the next attempt. A lease is never extended past its step's deadline.
        """
        return self._rows(
            Lease,
            "fn_extend_leases",
            worker_id=worker_id,
            leases=document(list(leases)),
            lease_seconds=lease_seconds,
        )

    def complete_step(
        self,
        step_id: UUID | str,
        lease_token: UUID | str,
        result: Any = None,
        *,
        events: Sequence[DocumentLike] = (),
        outbox: Sequence[DocumentLike] = (),
        usage: DocumentLike | None = None,
    ) -> str:
        """Report success; result, events and outbox messages commit together.

        Returns `accepted`, also when the same report comes twice, or `OPS_006` when the token is stale: then
        nothing was changed.
        """
        return str(
            self._value(
                "fn_complete_step",
                step_id=step_id,
                lease_token=lease_token,
                result=document(result),
                events=document(list(events)),
                outbox=document(list(outbox)),
                usage=document(usage),
            )
        )

    def complete_steps(self, completions: Sequence[DocumentLike]) -> list[StepOutcome]:
        """Report many successes: `{"step_id", "lease_token", "result", "events", "outbox", "usage"}` each."""
        return self._rows(StepOutcome, "fn_complete_steps", completions=document(list(completions)))

    def fail_step(
        self,
        step_id: UUID | str,
        lease_token: UUID | str,
        error: str,
        *,
        retryable: bool = True,
        retry_after_seconds: float | None = None,
    ) -> str:
        """Report failure. Returns `queued` (it will be retried), `failed`, `cancelled`, or `OPS_006`.

        `retry_after_seconds`: not before then (default: backoff by policy).
        """
        return str(
            self._value(
                "fn_fail_step",
                step_id=step_id,
                lease_token=lease_token,
                error=error,
                retryable=retryable,
                retry_after_seconds=retry_after_seconds,
            )
        )

    def fail_steps(self, failures: Sequence[DocumentLike]) -> list[StepOutcome]:
        """Report many failures, each `{"step_id", "lease_token", "error", "code", "retryable", "retry_after_seconds"}`.

        `code`, such as `OPS_007`, is that of the error, if it has one: nothing reads it from the text.
        """
        return self._rows(StepOutcome, "fn_fail_steps", failures=document(list(failures)))

    def release_steps(
        self, worker_id: str, leases: Sequence[DocumentLike], *, reason: str | None = None
    ) -> list[StepOutcome]:
        """Give steps back unfinished, each `{"step_id", "lease_token"}`: queued again, and no retry burnt."""
        return self._rows(
            StepOutcome,
            "fn_release_steps",
            worker_id=worker_id,
            leases=document(list(leases)),
            reason=reason,
        )

    def disown_steps(self, worker_id: str, lease_tokens: Sequence[UUID | str]) -> int:
        """Give back the steps of a claim whose answer was lost: leased to this worker, but not by one of these tokens.

        They count as never started. Call it while no claim is on its way, with the tokens of all attempts that were
        begun and whose end is not confirmed. Returns how many were given back.
        """
        tokens = [UUID(str(token)) for token in lease_tokens]
        return int(self._value("fn_disown_steps", worker_id=worker_id, lease_tokens=tokens))

    def assert_lease(self, step_id: UUID | str, lease_token: UUID | str) -> None:
        """Make the caller's transaction depend on a lease: it is kept until commit.

        Put it into the transaction that has the step's effect, and a worker that lost its lease cannot
        commit. Raises LeaseLost (OPS_006).
        """
        self._value("fn_assert_lease", step_id=step_id, lease_token=lease_token)

    def recover_expired_leases(self) -> Recovered:
        """Take back the steps whose lease ran out. Part of `heartbeat`."""
        return self._row(Recovered, "fn_recover_expired_leases")

    def recover_stale_steps(self, threshold_minutes: int | None = None) -> int:
        """Take back running steps without a lease on record, idle that long (default 15 minutes).

        Returns how many. Part of `heartbeat`.
        """
        return int(self._value("fn_recover_stale_steps", threshold_minutes=threshold_minutes))

    def unoffered_executors(self, template: DocumentLike) -> list[str]:
        """List the executors that a template asks for and that no live worker offers."""
        found: list[str] = self._value("fn_unoffered_executors", template=document(template))
        return found

    def missing_executors(self) -> list[MissingExecutor]:
        """List executors that ready work waits for and no live worker offers (OPS_005)."""
        return self._rows(MissingExecutor, "fn_missing_executors")

    def list_steps(
        self,
        mission_id: UUID | str | None = None,
        limit: int | None = None,
        status: str | None = None,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
    ) -> list[ListedStep]:
        """List up to `limit` steps (default 50, at most 1000): of one mission in order, else newest first.

        `filter`: `{"ids", "status", "kind", "executor", "source", "mission_id", "key", "error", "code", "group",
        "since", "until", "before"}`; `*` in a text stands for any characters. A bad one is InvalidArgument (OPS_018).
        """
        return self._rows(
            ListedStep,
            "fn_list_steps",
            mission_id=mission_id,
            limit=limit,
            status=status,
            filter=document(filter),
        )

    def mission_results(self, mission_id: UUID | str, limit: int | None = None) -> list[StepResult]:
        """List what the ended steps of a mission returned, in order, up to `limit` (default 50, at most 1000).

        An unknown mission is NotFound (OPS_012).
        """
        return self._rows(StepResult, "fn_mission_results", mission_id=mission_id, limit=limit)
