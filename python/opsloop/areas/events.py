"""Area `events`: emit, match, react."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import Reactions, Triggers


class Events(Caller):
    """Signals in, and what the reaction matrix makes of them."""

    def emit_event(
        self,
        type: str,  # noqa: A002 - the function's own name for it
        data: DocumentLike | None = None,
        *,
        dedupe_key: str | None = None,
        mission_id: UUID | str | None = None,
    ) -> UUID:
        """Emit an event and return its id; the same `dedupe_key` again gives the first one's id.

        `type`: words joined by colons, such as `deploy:failed`. `data`: the facts (default `{}`).
        `mission_id`: the mission that made the event (default: it comes from outside).
        Raises InvalidEvent (OPS_019), NotFound (OPS_012) for an unknown mission.
        """
        value: UUID = self._value(
            "fn_emit_event", type=type, data=document(data), dedupe_key=dedupe_key, mission_id=mission_id
        )
        return value

    def emit_events(self, events: Sequence[DocumentLike]) -> list[UUID]:
        """Emit many events at once, all or none; returns their ids in the same order.

        Each is `{"type", "data", "dedupe_key", "mission_id"}`; only `type` is needed.
        Raises as `emit_event`; `detail` says which one is faulty.
        """
        return self._values("fn_emit_events", events=document(list(events)))

    def evaluate_triggers(self, batch_size: int | None = None) -> Triggers:
        """Match up to `batch_size` new events (default 50) with the reaction matrix. Part of `heartbeat`."""
        return self._row(Triggers, "fn_evaluate_triggers", batch_size=batch_size)

    def process_reactions(self, batch_size: int | None = None) -> Reactions:
        """Turn up to `batch_size` queued reactions (default 50) into proposals. Part of `heartbeat`."""
        return self._row(Reactions, "fn_process_reactions", batch_size=batch_size)
