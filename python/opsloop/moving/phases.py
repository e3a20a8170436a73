"""Moves a loop to another server: the steps of docs/moving.md in their order, each of which may be repeated.

Where a move is stands in `ops_moves` of both databases, and nowhere else: whoever is asked to go on, or back, looks
there. At most one of the two databases is open at any time, whatever is killed in between: the old one is closed before
the dump begins, it says that the loop has moved before the new one opens, and the new one gives its copy up before the
old one opens again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop.client import OwningClient
from opsloop.errors import DatabaseUnavailable, MoveOver, MoveRefused, MoveStopped, translate
from opsloop.moving.checking import SERVER, SESSIONS, check
from opsloop.moving.copying import DIFFERS, WAY_BACK, Copy, end_restores
from opsloop.moving.places import Place, answers, assert_apart, open_source, open_target

_POLL = 0.5


class Move:
    """The move of one loop. `run` and `take_back` are what a person asks for; both go on from wherever it is."""

    def __init__(
        self,
        source: str,
        target: str,
        schema: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        drain: float = 300.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source_dsn = source
        self._target_dsn = target
        self._schema = schema
        self._actor = actor
        self._reason = reason
        self._drain_seconds = drain
        self._say = say
        self._copied: dict[str, Any] = {}

    def survey(self) -> dict[str, Any]:
        """What a move would do, without doing it. Raises MoveRefused (OPS_103) with all that stands against it."""
        with open_source(self._source_dsn, self._schema) as (source, old), self._target() as target:
            assert_apart(old, target)
            return check(source, old, target, self._schema)

    def run(self) -> dict[str, Any]:
        """Move the loop, or go on with it. Returns where it is by then, and what is to be switched."""
        with open_source(self._source_dsn, self._schema) as (source, old), self._target() as target:
            assert_apart(old, target)
            with old.alone(self._schema), target.alone(self._schema):
                state = self._state_of_source(source, target)
                if state is None:
                    check(source, old, target, self._schema)
                    self._say(f"check: {target.name} takes it; beginning to move")
                    state = source.begin_move(target.name, old.name, self._actor, self._reason)
                else:
                    self._say(
                        f"going on with the move that {state['begun_by']} began: it is {state['phase']}"
                    )
                sessions = old.rows(SESSIONS)
                if state["phase"] == "draining":
                    self._drain(source, state)
                    state = source.close_move(self._actor)
                    self._say(f"close: nothing is written to {old.name} any more")
                if state["phase"] == "closed":
                    arrived = self._bring_over(source, old, target, state)
                    self._await_leases(arrived)
                    state = source.finish_move(self._actor)
                    self._say(f"moved: {old.name} says so from now on")
                opened = self._open(target, state)
                return {
                    "move": opened,
                    "copied": self._copied,
                    "switch": self._switch(old, target, sessions),
                }

    def open_without_source(self) -> dict[str, Any]:
        """Open the copy although the old server is lost. What was closed there stays so when it comes back."""
        with (
            suppress(DatabaseUnavailable),
            open_source(self._source_dsn, self._schema) as (source, old),
        ):
            raise MoveRefused(
                f"{old.name} is not lost: it answers",
                detail=source.show_move(),
                hint="Leave out --source-is-lost, and the move goes on.",
            )
        if answers(self._source_dsn):
            raise MoveRefused(
                "the old server is not lost: it answers, though it does not let this login in",
                hint="Name it as when the move was begun. If its loop is gone all the same: docs/moving.md, "
                "From psql alone.",
            )
        with self._target() as target, target.alone(self._schema):
            loop = target.loop(self._schema)
            state = loop.show_move() if loop is not None else None
            if loop is None or state is None or state["side"] != "target":
                raise MoveRefused(
                    f"{target.name} has no copy of the loop",
                    detail=state,
                    hint="Restore a backup there, and call opsloop after-restore (docs/recovery.md).",
                )
            if state["phase"] == "closed":
                self._receive(loop)
                self._assert_sound(loop, target)
                state = loop.show_move() or state
            opened = self._open_copy(loop, target, state)
            # Once the copy is gone from here, nothing that either database has would keep the old one from opening.
            self._say(
                f"when {opened['from']} comes back, call again without --source-is-lost, so that it says that the "
                f"loop has moved, or drop its schema: before the loop leaves {target.name}"
            )
            return {"move": opened, "copied": {}, "switch": self._switch(None, target, [])}

    def take_back(self, *, target_is_lost: bool = False) -> dict[str, Any]:
        """Take the move back. Raises MoveOver (OPS_104) when the loop goes on on the new server already."""
        with (
            open_source(self._source_dsn, self._schema) as (source, old),
            old.alone(self._schema),
        ):
            state = source.show_move()
            if state is None or state["side"] != "source":
                raise MoveRefused(
                    f"no move was begun at {old.name}",
                    detail=state,
                    hint="--from is where the loop was before.",
                )
            # Before it is closed nothing has been brought over.
            if state["phase"] != "draining" and not target_is_lost:
                self._give_up_copy(state)
            taken = source.take_back_move(self._actor, self._reason)
            self._say(f"taken back: the loop goes on at {old.name}")
            return {"move": taken}

    def _target(self) -> AbstractContextManager[Place]:
        return open_target(self._target_dsn)

    def _state_of_source(self, source: OwningClient, target: Place) -> dict[str, Any] | None:
        """The move in force, if it is the one that is asked for; None when none is."""
        state = source.show_move()
        if state is None or not state["in_force"]:
            return None
        if state["side"] != "source":
            raise MoveRefused(
                f"--from is the copy of a loop that is moving here from {state['from']}",
                detail=state,
                hint="--from is the old server, --to the new one.",
            )
        if state["to"] != target.name:
            raise MoveRefused(
                f"the loop is being moved to {state['to']}, not to {target.name}",
                detail=state,
                hint="Go on with that move (--to as it was then), or take it back: opsloop move --take-back.",
            )
        return state

    # -- drain, copy, compare ----------------------------------------------------------------------------------------

    def _drain(self, source: OwningClient, state: dict[str, Any]) -> None:
        """Wait until nothing runs. What runs then still is left to its leases: it comes back on the new server."""
        ends = time.monotonic() + self._drain_seconds
        said = None
        while state["running"] or state["delivering"]:
            now = state["running"], state["delivering"]
            if time.monotonic() >= ends:
                self._say(f"drain: {now[0]} steps and {now[1]} deliveries are not waited for any longer")
                return
            if now != said:
                self._say(f"drain: {now[0]} steps run, {now[1]} deliveries are on their way")
                said = now
            time.sleep(_POLL)
            state = source.show_move() or state
        self._say("drain: nothing runs any more")

    def _bring_over(
        self, source: OwningClient, old: Place, target: Place, state: dict[str, Any]
    ) -> dict[str, Any]:
        """Have a copy on the new server that is known to be whole and sound, and closed."""
        end_restores(target)
        copy = Copy(old, target, self._schema, self._say)
        loop = target.loop(self._schema)
        if loop is None:
            if not target.is_empty(self._schema):
                raise MoveStopped(
                    f"schema {self._schema} of {target.name} has objects of somebody else by now",
                    hint=f"Drop them and call again, or take it back: {WAY_BACK}.",
                )
            copy.make()
            loop = OwningClient(target.conn, self._schema)
        there = loop.show_move()
        if there is None or there["move_id"] != state["move_id"] or there["side"] != "target":
            raise MoveStopped(
                f"schema {self._schema} of {target.name} is another loop, or the copy of another move",
                detail=there,
                hint=f"Drop it and call again, or take it back: {WAY_BACK}.",
            )
        if there["phase"] == "given_up":
            raise self._given_up(target, there)
        if there["phase"] == "closed":
            copy.grant()
            copy.compare()
            there = self._receive(loop)
        self._assert_sound(source, old)
        self._assert_sound(loop, target)
        self._copied = copy.figures
        return there

    def _given_up(self, target: Place, there: dict[str, Any]) -> MoveStopped:
        return MoveStopped(
            f"the copy at {target.name} was given up: the move is being taken back",
            detail=there,
            hint=f"Go on with that: {WAY_BACK}. Then the loop can move anew.",
        )

    def _receive(self, loop: OwningClient) -> dict[str, Any]:
        there = loop.receive_move(self._actor)
        if (restored := there.get("restored")) is not None:
            held = f", {restored['held']} of them wait for a person" if restored["held"] else ""
            self._say(f"after-restore: epoch {restored['epoch']}, {restored['revoked']} leases revoked{held}")
        return there

    def _assert_sound(self, loop: OwningClient, place: Place) -> None:
        broken = loop.check_invariants()
        if broken:
            raise MoveStopped(
                f"{len(broken)} invariants are broken at {place.name}",
                detail={"broken": [[one.invariant, one.subject, one.detail] for one in broken[:50]]},
                hint=DIFFERS,
            )
        self._say(f"invariants: {place.name} is sound")

    def _await_leases(self, state: Mapping[str, Any]) -> None:
        """No worker is at a step of the old server any more when the new one hands it out."""
        if state["leases_until"] is None:
            return
        until = datetime.fromisoformat(state["leases_until"])
        while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
            self._say(f"leases: the last one of the old server ends in {left:.0f} s")
            time.sleep(min(left, 10.0))

    def _open(self, target: Place, state: dict[str, Any]) -> dict[str, Any]:
        """The old server has said that the loop has moved: open it on the new one."""
        loop = target.loop(self._schema)
        there = loop.show_move() if loop is not None else None
        if loop is None or there is None or there["move_id"] != state["move_id"]:
            raise MoveStopped(
                f"the loop has moved, but {target.name} does not have this copy of it",
                detail={"source": state, "target": there},
                hint=f"Where it went on there and has moved on since, this move is over. "
                f"If it never went on there: {WAY_BACK} --target-is-lost.",
            )
        if there["phase"] == "given_up":
            raise self._given_up(target, there)
        return self._open_copy(loop, target, there)

    def _open_copy(self, loop: OwningClient, target: Place, there: Mapping[str, Any]) -> dict[str, Any]:
        self._await_leases(there)
        while True:
            try:
                opened = loop.finish_move(self._actor)
                break
            except MoveRefused as error:
                # The clocks of the two servers, or of this machine, differ.
                if there["phase"] != "arrived" or not _is_later(error.detail):
                    raise
                time.sleep(_POLL)
        self._say(f"open: the loop goes on at {target.name}")
        return opened

    # -- back --------------------------------------------------------------------------------------------------------

    def _give_up_copy(self, state: Mapping[str, Any]) -> None:
        try:
            with self._target() as target, target.alone(self._schema):
                if target.name != state["to"]:
                    raise MoveRefused(
                        f"the loop was being moved to {state['to']}, not to {target.name}",
                        detail=dict(state),
                        hint="--to as it was then: the copy there has to be given up first.",
                    )
                end_restores(target)
                phase = target.phase(self._schema, state["move_id"])
                if phase == "open":
                    raise MoveOver(
                        f"the move cannot be taken back: the loop went on at {target.name}",
                        detail=dict(state),
                        hint="To go back is another move, from where the loop is now.",
                    )
                if phase is None and state["phase"] == "moved":
                    raise MoveRefused(
                        f"{target.name} does not have the copy any more that the loop was moved to",
                        detail=dict(state),
                        hint="Where it has moved on from there, nothing leads back. "
                        f"If it never went on there: {WAY_BACK} --target-is-lost.",
                    )
                loop = target.loop(self._schema)
                if loop is None or phase is None:
                    return
                if phase != "given_up":
                    loop.take_back_move(self._actor, self._reason)
                if state["phase"] == "moved":
                    # Clients have been sent there: it tells them to come back (OPS_102), which no schema could.
                    self._say(
                        f"the copy at {target.name} is given up, and sends back those who were sent there; "
                        f"once more, {WAY_BACK} drops it"
                    )
                    return
                with translate():
                    target.conn.execute(
                        sql.SQL("drop schema {} cascade").format(sql.Identifier(self._schema))
                    )
                self._say(f"the copy at {target.name} is dropped")
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                f"{error.message}: nobody can tell whether the loop goes on there",
                detail=error.detail,
                hint="Take it back when that server can be reached; --target-is-lost if it is gone for good.",
            ) from error

    def _switch(self, old: Place | None, target: Place, sessions: list[dict[str, Any]]) -> dict[str, Any]:
        said = conninfo_to_dict(target.dsn)
        shown = {key: value for key, value in said.items() if not key.endswith(("password", "secret"))}
        return {
            "database_url": make_conninfo("", **shown),
            "sessions": sessions,
            "settings": [] if old is None else old.row(SERVER)["settings"],
        }


def _is_later(detail: Any) -> bool:
    """Whether a step was refused because leases of the old server have not ended by the clock of the new one."""
    return (
        isinstance(detail, dict)
        and detail.get("phase") == "arrived"
        and detail.get("leases_until") is not None
    )
