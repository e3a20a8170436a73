"""Area `missions`: what a person does to missions and their steps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import Acted, ListedMission, Stuck


class Missions(Caller):
    """Approved work: look at it, and intervene."""

    def cancel_mission(
        self, mission_id: UUID | str, actor: str | None = None, reason: str | None = None
    ) -> str:
        """Cancel what has not started and ask what runs to stop; returns the mission's status.

        Raises NotFound (OPS_012), IllegalState (OPS_014) when it has ended.
        """
        return str(self._value("fn_cancel_mission", mission_id=mission_id, actor=actor, reason=reason))

    def retry_step(self, step_id: UUID | str, actor: str | None = None) -> str:
        """Run a failed, cancelled or parked step again; its mission comes back to life. Returns its new status.

        Raises NotFound (OPS_012), IllegalState (OPS_014).
        """
        return str(self._value("fn_retry_step", step_id=step_id, actor=actor))

    def resolve_step(
        self,
        step_id: UUID | str,
        outcome: str,
        actor: str | None = None,
        reason: str | None = None,
        result: Any = None,
    ) -> str:
        """Say what became of a step whose outcome is unknown: `succeeded` or `failed`. Returns its new status.

        `result` is what later steps get from it. Raises NotFound (OPS_012), IllegalState (OPS_014),
        InvalidArgument (OPS_018).
        """
        return str(
            self._value(
                "fn_resolve_step",
                step_id=step_id,
                outcome=outcome,
                actor=actor,
                reason=reason,
                result=document(result),
            )
        )

    def retry_steps(
        self,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
        limit: int | None = None,
        dry_run: bool = True,
        actor: str | None = None,
    ) -> list[Acted]:
        """Run up to `limit` (100) steps again that a filter of `list_steps` matches, failed ones by default.

        A dry run only lists them. Else each is answered, a refused one alone; fewer than `limit` where they take longer
        than 50 ms. A bad filter is InvalidArgument (OPS_018).
        """
        return self._rows(
            Acted, "fn_retry_steps", filter=document(filter), limit=limit, dry_run=dry_run, actor=actor
        )

    def resolve_steps(
        self,
        filter: DocumentLike,  # noqa: A002 - as the function has it
        outcome: str,
        limit: int | None = None,
        dry_run: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> list[Acted]:
        """Say how up to `limit` (100) waiting steps ended that a filter of `list_steps` matches, as `retry_steps`."""
        return self._rows(
            Acted,
            "fn_resolve_steps",
            filter=document(filter),
            outcome=outcome,
            limit=limit,
            dry_run=dry_run,
            actor=actor,
            reason=reason,
        )

    def cancel_missions(
        self,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
        limit: int | None = None,
        dry_run: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> list[Acted]:
        """Cancel up to `limit` (100) open missions that a filter of `list_missions` matches, as `retry_steps`."""
        return self._rows(
            Acted,
            "fn_cancel_missions",
            filter=document(filter),
            limit=limit,
            dry_run=dry_run,
            actor=actor,
            reason=reason,
        )

    def list_missions(
        self,
        limit: int | None = None,
        status: str | None = None,
        mission_id: UUID | str | None = None,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
    ) -> list[ListedMission]:
        """List up to `limit` missions (default 20, at most 1000), newest first, of any status by default.

        `mission_id`: only that one. `filter`: `{"ids", "status", "kind", "executor", "source", "title", "error",
        "code", "group", "stuck", "since", "until", "before"}`; `*` in a text stands for any characters. A bad one is
        InvalidArgument (OPS_018).
        """
        return self._rows(
            ListedMission,
            "fn_list_missions",
            limit=limit,
            status=status,
            mission_id=mission_id,
            filter=document(filter),
        )

    def count_stuck(self) -> list[Stuck]:
        """Count the missions whose open steps all wait for what does not come by itself, by what that is."""
        return self._rows(Stuck, "fn_count_stuck")
