"""Area `replay`: dead letters, and the log of what was put back to work."""

from __future__ import annotations

from datetime import datetime

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import DeadLetter, FailureGroup, Recorded, Redriven, RedrivenLetter


class Replay(Caller):
    """Dead letters and their redrive: once, however many calls ask for it."""

    def record_replay(
        self,
        original_msg_id: str,
        *,
        dl_msg_id: str | None = None,
        candidate_id: str | None = None,
        idempotency_key: str | None = None,
        new_msg_id: str | None = None,
        replayed_by: str | None = None,
    ) -> Recorded:
        """Record that a message is replayed, in the transaction that replays it.

        Replay only when `already_replayed` is false. `replayed_by`: default the login. Raises InvalidArgument
        (OPS_018).
        """
        return self._row(
            Recorded,
            "fn_record_replay",
            original_msg_id=original_msg_id,
            dl_msg_id=dl_msg_id,
            candidate_id=candidate_id,
            idempotency_key=idempotency_key,
            new_msg_id=new_msg_id,
            replayed_by=replayed_by,
        )

    def archive_dead_letter(
        self,
        dl_msg_id: str,
        original_msg_id: str | None = None,
        *,
        candidate_id: str | None = None,
        failure_match_id: str | None = None,
        payload: DocumentLike | None = None,
        reason: str | None = None,
        reclaim_count: int | None = None,
        dead_lettered_at: datetime | None = None,
        archived_by: str | None = None,
    ) -> int:
        """Keep a dead letter of another system; returns its id, the first one's for the same `dl_msg_id`.

        Defaults: `original_msg_id` that name, `dead_lettered_at` now, `archived_by` the login. Raises InvalidArgument
        (OPS_018).
        """
        return int(
            self._value(
                "fn_archive_dead_letter",
                dl_msg_id=dl_msg_id,
                original_msg_id=original_msg_id,
                candidate_id=candidate_id,
                failure_match_id=failure_match_id,
                payload=document(payload),
                reason=reason,
                reclaim_count=reclaim_count,
                dead_lettered_at=dead_lettered_at,
                archived_by=archived_by,
            )
        )

    def list_dead_letters(
        self,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
        limit: int | None = None,
    ) -> list[DeadLetter]:
        """List up to `limit` (50) dead letters that wait, newest first; `{"redriven": true}` for those put back.

        `filter`: as `redrive_dead_letters`. Raises InvalidArgument (OPS_018).
        """
        return self._rows(DeadLetter, "fn_list_dead_letters", filter=document(filter), limit=limit)

    def group_failures(
        self,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
        limit: int | None = None,
    ) -> list[FailureGroup]:
        """Group dead letters that gave up in the same way, ids and numbers apart; the largest `limit` (50) groups.

        `filter`: as `redrive_dead_letters`. Raises InvalidArgument (OPS_018).
        """
        return self._rows(FailureGroup, "fn_group_failures", filter=document(filter), limit=limit)

    def redrive_dead_letter(self, dl_msg_id: str, actor: str | None = None) -> Redriven:
        """Put back to work what a dead letter is about, exactly once; `redriven` is false for whoever comes second.

        Raises NotFound (OPS_012), IllegalState (OPS_014) when it has moved on, and what `retry_step` raises.
        """
        return self._row(Redriven, "fn_redrive_dead_letter", dl_msg_id=dl_msg_id, actor=actor)

    def redrive_dead_letters(
        self,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
        limit: int | None = None,
        dry_run: bool = True,
        actor: str | None = None,
    ) -> list[RedrivenLetter]:
        """Redrive up to `limit` (100) dead letters, oldest first; unless `dry_run` is false, only say which.

        `filter`: dl_msg_id, what (step, reaction, outbox or other), executor, kind, event_type, pattern, mission_id,
        reason (a LIKE pattern), since, until. One that cannot be put back fails alone. Raises InvalidArgument
        (OPS_018).
        """
        return self._rows(
            RedrivenLetter,
            "fn_redrive_dead_letters",
            filter=document(filter),
            limit=limit,
            dry_run=dry_run,
            actor=actor,
        )
