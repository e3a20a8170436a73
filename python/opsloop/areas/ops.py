"""Area `ops`: the heartbeat, stop and go, the board of ideas, and lists for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike, document
from opsloop.results import (
    Broken,
    Check,
    Explanation,
    GroupRole,
    Health,
    InboxEntry,
    ListedIdea,
    ListedMission,
    ListedProposal,
    ListedStep,
    Metric,
    Occurrence,
    Pause,
    RunningStep,
)


class Ops(Caller):
    """What keeps the loop turning."""

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
        """List the metrics: counters that survive restarts and are exact, gauges, and when a person should look."""
        return self._rows(Metric, "fn_metrics")

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

    def inbox(self, limit: int | None = None) -> list[InboxEntry]:
        """List what waits for a person: the oldest `limit` (default 50, at most 1000) proposals and parked steps."""
        return self._rows(InboxEntry, "fn_inbox", limit=limit)

    def as_shown(self, id: UUID | str, digest: str) -> UUID:  # noqa: A002 - the function's own name for it
        """Return `id` if what it would run is what `inbox` showed with `digest`, and keep it so until the commit.

        To be called in the transaction that decides. Raises NotFound (OPS_012), IllegalState (OPS_014) when it does
        not wait, TemplateChanged (OPS_016) when something else would run by now.
        """
        value: UUID = self._value("fn_as_shown", id=id, digest=digest)
        return value

    def health(self) -> Health:
        """Return the system health overview: what waits, runs and failed, and who lives; cheap, for every minute."""
        return self._row(Health, "fn_health")

    def check_health(self) -> list[Check]:
        """Return every health check with ok, warn or fail, its thresholds, and what to do; cheap."""
        return self._rows(Check, "fn_check_health")

    def trail(self, id: UUID | str) -> list[Occurrence]:  # noqa: A002 - the function's own name for it
        """Tell how a mission, proposal, step or event came about and what came of it, oldest first.

        An id that is none of these is NotFound (OPS_012).
        """
        return self._rows(Occurrence, "fn_trail", id=id)

    def explain_mission(self, mission_id: UUID | str) -> list[Explanation]:
        """Say why a mission is not getting on: a row per step and reason, with the statement that frees it.

        An unknown mission is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_mission", mission_id=mission_id)

    def explain_step(self, step_id: UUID | str) -> list[Explanation]:
        """Say why a step is not running; for a blocked one, also why those at its root are not.

        An unknown step is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_step", step_id=step_id)

    def explain_proposal(self, proposal_id: UUID | str) -> list[Explanation]:
        """Say why a proposal is not a mission yet or, when it is one, why that is not getting on.

        An unknown proposal is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_proposal", proposal_id=proposal_id)

    def list_roles(self) -> list[GroupRole]:
        """List the five group roles of this loop, and whether they work."""
        return self._rows(GroupRole, "fn_list_roles")

    def list_proposals(
        self, limit: int | None = None, status: str | None = None, proposal_id: UUID | str | None = None
    ) -> list[ListedProposal]:
        """List up to `limit` proposals (default 20, at most 1000), newest first.

        `status`: only those (default: any). `proposal_id`: only that one. An unknown status is
        InvalidArgument (OPS_018).
        """
        return self._rows(
            ListedProposal, "fn_list_proposals", limit=limit, status=status, proposal_id=proposal_id
        )

    def list_missions(
        self, limit: int | None = None, status: str | None = None, mission_id: UUID | str | None = None
    ) -> list[ListedMission]:
        """List up to `limit` missions (default 20, at most 1000), newest first, of any status by default.

        `mission_id`: only that one.
        """
        return self._rows(
            ListedMission, "fn_list_missions", limit=limit, status=status, mission_id=mission_id
        )

    def list_steps(
        self, mission_id: UUID | str | None = None, limit: int | None = None, status: str | None = None
    ) -> list[ListedStep]:
        """List up to `limit` steps (default 50, at most 1000): of one mission in order, else newest first."""
        return self._rows(ListedStep, "fn_list_steps", mission_id=mission_id, limit=limit, status=status)

    def pause(
        self, scope: str, target: str | None = None, *, actor: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Stop steps from starting: `all`, or those of an executor, agent, kind, source or mission.

        Commit at once: until then nothing starts at all. What runs goes on. Returns `{"scope", "target", "changed",
        "ready", "parked", "could_still_commit"}`. Raises NotFound (OPS_012), InvalidArgument (OPS_018), ControlBusy
        (OPS_023).
        """
        value: dict[str, Any] = self._value(
            "fn_pause", scope=scope, target=target, actor=actor, reason=reason
        )
        return value

    def resume(
        self, scope: str, target: str | None = None, *, actor: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Lift a pause; `all` ends the kill switch too.

        Returns `{"scope", "target", "changed", "requeued", "still_paused", "remaining"}`; `changed` is False when it
        was not paused. Raises InvalidArgument (OPS_018), ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value(
            "fn_resume", scope=scope, target=target, actor=actor, reason=reason
        )
        return value

    def kill_switch(self, *, actor: str | None = None, reason: str | None = None) -> dict[str, Any]:
        """Stop everything at once: nothing starts until `resume("all")`, and all leases are void.

        Commit at once. Returns `{"epoch", "changed", "revoked", "held", "remaining", "could_still_commit"}`. Raises
        ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value("fn_kill_switch", actor=actor, reason=reason)
        return value

    def list_pauses(self) -> list[Pause]:
        """List what is paused, by whom and why, oldest first."""
        return self._rows(Pause, "fn_list_pauses")

    def list_running(self, limit: int | None = None) -> list[RunningStep]:
        """List up to `limit` steps (default 50, at most 1000) that run, and who runs them."""
        return self._rows(RunningStep, "fn_list_running", limit=limit)
