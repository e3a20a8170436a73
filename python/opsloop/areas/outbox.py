"""Area `outbox`: side effects, published in the caller's transaction."""

from __future__ import annotations

from opsloop.areas.call import Caller, DocumentLike, document


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
