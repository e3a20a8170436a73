"""Area `schedules`: what happens at given times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import AppliedSchedule, ListedSchedule, ScheduleSet, Tick


class Schedules(Caller):
    """Setting schedules, and looking at their ticks."""

    def set_schedule(
        self, name: str, schedule: DocumentLike, actor: str | None = None, reason: str | None = None
    ) -> ScheduleSet:
        """Make a schedule or replace it; fields that are left out have their default.

        `schedule`: `{"cron" or "every_seconds", "timezone", "event_type" and "data" or "template", "source",
        "overlap", "catch_up", "max_backlog", "enabled", "starts_at", "ends_at"}`. Raises InvalidSchedule (OPS_024)
        with every fault, TooLarge (OPS_045).
        """
        return self._row(
            ScheduleSet, "fn_set_schedule", name=name, schedule=document(schedule), actor=actor, reason=reason
        )

    def apply_schedules(
        self, schedules: Sequence[DocumentLike], actor: str | None = None, reason: str | None = None
    ) -> list[AppliedSchedule]:
        """Put the schedules of a policy file in force, all or nothing.

        Those that a file set before, and this one leaves out, are deleted. Raises what `set_schedule` raises.
        """
        return self._rows(
            AppliedSchedule,
            "fn_apply_schedules",
            schedules=document(list(schedules)),
            actor=actor,
            reason=reason,
        )

    def enable_schedule(self, name: str, actor: str | None = None, reason: str | None = None) -> bool:
        """Let a schedule tick from now on; False when it did. An unknown one is UnknownSchedule (OPS_025)."""
        return bool(self._value("fn_enable_schedule", name=name, actor=actor, reason=reason))

    def disable_schedule(self, name: str, actor: str | None = None, reason: str | None = None) -> bool:
        """Let a schedule tick no more; False when it did not. An unknown one is UnknownSchedule (OPS_025)."""
        return bool(self._value("fn_disable_schedule", name=name, actor=actor, reason=reason))

    def delete_schedule(self, name: str, actor: str | None = None, reason: str | None = None) -> None:
        """Delete a schedule; what came of it stays. An unknown one is UnknownSchedule (OPS_025)."""
        self._value("fn_delete_schedule", name=name, actor=actor, reason=reason)

    def list_schedules(self, limit: int | None = None, name: str | None = None) -> list[ListedSchedule]:
        """List schedules in order of name, or the one that is named, each with its next three ticks."""
        return self._rows(ListedSchedule, "fn_list_schedules", limit=limit, name=name)

    def list_schedule_ticks(self, name: str, limit: int | None = None) -> list[Tick]:
        """List what became of the ticks of a schedule, the last taken first."""
        return self._rows(Tick, "fn_list_schedule_ticks", name=name, limit=limit)

    def run_schedule(self, name: str, actor: str | None = None, reason: str | None = None) -> Tick:
        """Let a schedule tick once, now; whoever does that may not decide on its proposal.

        Raises UnknownSchedule (OPS_025), SchedulePaused (OPS_028), and what emitting or proposing raises.
        """
        return self._row(Tick, "fn_run_schedule", name=name, actor=actor, reason=reason)

    def backfill_schedule(
        self,
        name: str,
        from_: datetime | str,
        to: datetime | str,
        actor: str | None = None,
        reason: str | None = None,
    ) -> list[Tick]:
        """Let the ticks from a time up to, not including, another one happen that did not; returns all of them.

        Raises UnknownSchedule (OPS_025), BackfillTooLarge (OPS_027), SchedulePaused (OPS_028).
        """
        return self._rows(
            Tick,
            "fn_backfill_schedule",
            name=name,
            **{"from": from_, "to": to},
            actor=actor,
            reason=reason,
        )
