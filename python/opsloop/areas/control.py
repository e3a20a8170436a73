"""Area `control`: stop and go, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import Decided, InboxEntry, Pause, RunningStep


class Control(Caller):
    """Stopping the loop, wholly or in part; and what a person has to decide."""

    def pause(
        self, scope: str, target: str | None = None, actor: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Stop steps from starting: `all`, or those of an executor, agent, kind, source or mission; or a schedule.

        Commit at once: until then nothing starts at all. What runs goes on. Returns `{"scope", "target", "changed",
        "ready", "parked", "could_still_commit"}`. Raises NotFound (OPS_012), InvalidArgument (OPS_018), ControlBusy
        (OPS_023).
        """
        value: dict[str, Any] = self._value(
            "fn_pause", scope=scope, target=target, actor=actor, reason=reason
        )
        return value

    def resume(
        self, scope: str, target: str | None = None, actor: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Lift a pause; `all` ends the kill switch too.

        Returns `{"scope", "target", "changed", "requeued", "still_paused", "remaining"}`; `changed` is False when it
        was not paused. Raises InvalidArgument (OPS_018), ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value(
            "fn_resume", scope=scope, target=target, actor=actor, reason=reason
        )
        return value

    def kill_switch(self, actor: str | None = None, reason: str | None = None) -> dict[str, Any]:
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

    def end_session(self, pid: int, actor: str | None = None, reason: str | None = None) -> str:
        """End a session that holds rows of this loop; what it did not commit is undone. Returns what it was.

        Raises SessionNotEnded (OPS_097) when it holds nothing, or the owner of the schema may not end it.
        """
        return str(self._value("fn_end_session", pid=pid, actor=actor, reason=reason))

    def inbox(
        self,
        limit: int | None = None,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
    ) -> list[InboxEntry]:
        """List what waits for a person: the oldest `limit` (default 50, at most 1000) proposals and parked steps.

        `filter`: `{"what": "proposal|step", "source", "kind", "risk", "title", "since", "until"}`; `*` in a text stands
        for any characters. A bad one is InvalidArgument (OPS_018).
        """
        return self._rows(InboxEntry, "fn_inbox", limit=limit, filter=document(filter))

    def as_shown(self, id: UUID | str, digest: str) -> UUID:  # noqa: A002 - the function's own name for it
        """Return `id` if what it would run is what `inbox` showed with `digest`, and keep it so until the commit.

        To be called in the transaction that decides. Raises NotFound (OPS_012), IllegalState (OPS_014) when it does
        not wait, TemplateChanged (OPS_016) when something else would run by now.
        """
        value: UUID = self._value("fn_as_shown", id=id, digest=digest)
        return value

    def decide(self, decisions: Sequence[DocumentLike]) -> list[Decided]:
        """Decide on up to 200 proposals at once, each answered, in order.

        Each is `{"id", "decision", "digest", "actor", "reason"}`: decision `approve` or `reject`, digest as `inbox`
        shows it. One that is refused stops no other. Raises InvalidArgument (OPS_018) when the list itself is faulty.
        """
        return self._rows(Decided, "fn_decide", decisions=document(list(decisions)))

    def node(self) -> dict[str, Any]:
        """Return this loop as a node of a fleet.

        `{"node" (0: a loop by itself), "release", "compatibility", "generation", "waits", "killed", "server_start"}`.
        """
        value: dict[str, Any] = self._value("fn_node")
        return value

    def tell_node(self, state: DocumentLike, actor: str | None = None) -> dict[str, Any]:
        """Bring this node to what its fleet is to be, as `opsloop fleet sync` does; returns what `node()` says then.

        Raises WrongNode (OPS_089) for a loop by itself, and for a state older than the one told last.
        """
        value: dict[str, Any] = self._value("fn_tell_node", state=document(state), actor=actor)
        return value
