"""Area `outbox`: side effects, published in the caller's transaction and delivered by relays."""

from __future__ import annotations

from collections.abc import Sequence

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import Delivery, ListedMessage, OutboxClaim, OutboxEvent, OutboxOutcome


class Outbox(Caller):
    """Messages that leave the loop."""

    def publish_outbox(
        self,
        aggregate_type: str,
        aggregate_id: str,
        event_type: str,
        payload: DocumentLike | None = None,
        *,
        dedupe_key: str | None = None,
    ) -> int:
        """Publish a message that is visible only if the caller commits; returns its id.

        Messages about the same aggregate keep their order. The same `dedupe_key` again gives the first id.
        """
        return int(
            self._value(
                "fn_publish_outbox",
                aggregate_type=aggregate_type,
                aggregate_id=aggregate_id,
                event_type=event_type,
                payload=document(payload),
                dedupe_key=dedupe_key,
            )
        )

    def claim_outbox_events(self, processor_id: str, batch_size: int | None = None) -> list[OutboxEvent]:
        """Claim up to `batch_size` (10) messages for a processor of one's own: of each aggregate the first.

        Report each with `complete_outbox_event` within the lease.
        """
        return self._rows(
            OutboxEvent, "fn_claim_outbox_events", processor_id=processor_id, batch_size=batch_size
        )

    def complete_outbox_event(
        self, event_id: int, processor_id: str, success: bool = True, error: str | None = None
    ) -> bool:
        """Report that a message was delivered, or why not: then it is tried again later.

        False when the processor does not have it any more; nothing was changed.
        """
        return bool(
            self._value(
                "fn_complete_outbox_event",
                event_id=event_id,
                processor_id=processor_id,
                success=success,
                error=error,
            )
        )

    def claim_outbox_deliveries(
        self,
        processor_id: str,
        limit: int | None = None,
        per_aggregate: int | None = None,
        lease_seconds: int | None = None,
    ) -> list[Delivery]:
        """Claim up to `limit` (100) messages for a relay, up to `per_aggregate` (20) of each aggregate, in order.

        Each comes with its sink and settings by policy. Stop at the first of an aggregate that fails.
        """
        return self._rows(
            Delivery,
            "fn_claim_outbox_deliveries",
            processor_id=processor_id,
            limit=limit,
            per_aggregate=per_aggregate,
            lease_seconds=lease_seconds,
        )

    def extend_outbox_claims(
        self, processor_id: str, event_ids: Sequence[int], lease_seconds: int | None = None
    ) -> list[OutboxClaim]:
        """Extend the claims of these messages (default: by policy); deliver nothing that is not `ok` any more."""
        return self._rows(
            OutboxClaim,
            "fn_extend_outbox_claims",
            processor_id=processor_id,
            event_ids=list(event_ids),
            lease_seconds=lease_seconds,
        )

    def disown_outbox_events(
        self, processor_id: str, event_ids: Sequence[int], lease_seconds: int | None = None
    ) -> int:
        """Give back what a claim whose answer was lost has claimed: aggregates with none of these messages.

        Call it while no claim is on its way. Returns how many aggregates were given back.
        """
        return int(
            self._value(
                "fn_disown_outbox_events",
                processor_id=processor_id,
                event_ids=list(event_ids),
                lease_seconds=lease_seconds,
            )
        )

    def complete_outbox_events(
        self, processor_id: str, outcomes: Sequence[DocumentLike]
    ) -> list[OutboxOutcome]:
        """Report many: `{"event_id", "outcome", "error", "retry_after_seconds"}` each.

        `outcome`: delivered, retry, dead, or released, which burns no try.
        """
        return self._rows(
            OutboxOutcome,
            "fn_complete_outbox_events",
            processor_id=processor_id,
            outcomes=document(list(outcomes)),
        )

    def list_outbox(self, limit: int | None = None, status: str | None = None) -> list[ListedMessage]:
        """List up to `limit` messages (default 50, at most 1000): those `waiting`, or `delivered`, or `dead`.

        Raises InvalidArgument (OPS_018).
        """
        return self._rows(ListedMessage, "fn_list_outbox", limit=limit, status=status)
