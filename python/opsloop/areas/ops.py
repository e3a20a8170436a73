"""Area `ops`: the heartbeat, the board of ideas, and how the loop is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import (
    Broken,
    Check,
    GroupRole,
    Health,
    ListedIdea,
    ListedWorker,
    Metric,
    Rate,
    Stats,
    Stranded,
)


class Ops(Caller):
    """Methods that keep the loop running."""

    def heartbeat(
        self,
        event_batch_size: int | None = None,
        reaction_batch_size: int | None = None,
        stale_minutes: int | None = None,
    ) -> dict[str, Any]:
        """Turn the loop once; safe to run anywhere, any number at once.

        Batch sizes are in events and reactions (default 50), `stale_minutes` in minutes (default 15).
        Returns `{"ok", "triggerResult", "reactionResult", "leaseResult", "staleResult"}`; `ok` is
        False, with `errors`, when a phase failed and was rolled back alone.
        """
        value: dict[str, Any] = self._value(
            "fn_heartbeat",
            event_batch_size=event_batch_size,
            reaction_batch_size=reaction_batch_size,
            stale_minutes=stale_minutes,
        )
        return value

    def after_restore(self, actor: str | None = None) -> dict[str, Any]:
        """End a restore, before workers start: revoke leases and locks, raise the epoch, make the queue anew.

        Commit at once. Returns `{"epoch", "revoked", "held", "remaining", "queued", "may_run_again"}`. Raises LoopInUse
        (OPS_060) while a worker lives or a session writes, ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value("fn_after_restore", actor=actor)
        return value

    def upgrade_check(self, version: str) -> list[Stranded]:
        """List the parked and running steps that an upgrade to release `version` would strand; none when it is safe.

        A version that cannot be is InvalidArgument (OPS_018).
        """
        return self._rows(Stranded, "fn_upgrade_check", version=version)

    def capabilities(self) -> dict[str, Any]:
        """Say what callers can rely on: `{"complete", "available", "missing", "hint"}`."""
        answer: dict[str, Any] = self._value("fn_capabilities")
        return answer

    def compatibility(self) -> int:
        """Return the compatibility number of the schema: it serves packages of that number and of the one before."""
        return int(self._value("fn_compatibility"))

    def radar_upsert(self, ideas: Sequence[DocumentLike]) -> int:
        """Put ideas on the radar board, or update those with the same title; returns how many.

        Each is `{"title", "description", "status", "score", "source", "evidence"}`; only `title` is needed.
        """
        return int(self._value("fn_radar_upsert", ideas=document(list(ideas))))

    def list_radar(self, limit: int | None = None, status: str | None = None) -> list[ListedIdea]:
        """List up to `limit` ideas (default 20, at most 1000) of the radar board, highest score first.

        `status`: only those (default: any). An unknown status is InvalidArgument (OPS_018).
        """
        return self._rows(ListedIdea, "fn_list_radar", limit=limit, status=status)

    def metrics(self) -> list[Metric]:
        """List the metrics without labels: exact counters that survive restarts, gauges, when a person should look."""
        return self._rows(Metric, "fn_metrics")

    def exposition(self) -> str:
        """Return all metrics, those with labels too, in the text format of Prometheus."""
        return str(self._value("fn_exposition"))

    def report_counts(self, process_id: str, counts: Mapping[str, int]) -> None:
        """Tell what a worker, relay or server has counted since its start; telling it twice does no harm.

        `counts`: `dropped` (finished results that the database never took), `reconnects`, `claims_refused`,
        `keys_refused`. Any other name is InvalidArgument (OPS_018).
        """
        self._value("fn_report_counts", process_id=process_id, counts=document(counts))

    def health(self) -> Health:
        """Return the system health overview: what waits, runs and failed, and who lives; cheap, for every minute."""
        return self._row(Health, "fn_health")

    def check_health(self) -> list[Check]:
        """Return every health check with ok, warn or fail, its thresholds, and what to do; cheap."""
        return self._rows(Check, "fn_check_health")

    def check_invariants(
        self, part: str | None = None, limit: int | None = None, after: UUID | str | None = None
    ) -> list[Broken]:
        """List what is not as it must be; nothing on a sound database.

        `part`: steps, missions, approvals, proposals, events, reactions, queue, outbox, locks, replays or policy
        (default: all).
        `limit`: look at the newest so many rows of each table only or, with `after`, at the so many after that id;
        without it whole tables are read. A bad one is InvalidArgument (OPS_018).
        """
        return self._rows(Broken, "fn_check_invariants", part=part, limit=limit, after=after)

    def stats(self, since: timedelta | None = None, by: str | None = None) -> list[Stats]:
        """Tell what ran in the time up to now (default an hour), by `kind`, `executor`, `worker` or `source`.

        Most failures first. A bad one is InvalidArgument (OPS_018).
        """
        return self._rows(Stats, "fn_stats", since=since, by=by)

    def overview(self, limit: int | None = None) -> dict[str, Any]:
        """Take one look at the loop: counts, stuck missions, executors, and up to `limit` (20) of each that waits."""
        found: dict[str, Any] = self._value("fn_overview", limit=limit)
        return found

    def list_roles(self) -> list[GroupRole]:
        """List the five group roles of this loop, and whether they work."""
        return self._rows(GroupRole, "fn_list_roles")

    def rates(self, minutes: int | None = None) -> list[Rate]:
        """Tell what happened in each of the last `minutes` (60, at most 1440): events, decisions, attempts.

        None where the newest 10,000 rows of each do not reach. Raises InvalidArgument (OPS_018).
        """
        return self._rows(Rate, "fn_rates", minutes=minutes)

    def list_workers(self, limit: int | None = None) -> list[ListedWorker]:
        """List up to `limit` worker processes (default 100, at most 1000), those that live first."""
        return self._rows(ListedWorker, "fn_list_workers", limit=limit)
