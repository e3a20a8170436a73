"""Area `moves`: the loop goes to another server."""

from __future__ import annotations

from typing import Any

from opsloop.areas.call import Caller


class Moves(Caller):
    """The steps of a move, each to be committed before the next; `opsloop move` takes them all (docs/moving.md)."""

    def begin_move(
        self, to: str, from_: str | None = None, actor: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Begin to move the loop to another server: claims are refused, what runs goes on.

        `to` and `from_` name the places in words, without a password. Returns what `show_move` does, with `changed` and
        `could_still_commit`. Raises InvalidArgument (OPS_018), MoveRefused (OPS_103), ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value(
            "fn_begin_move", to=to, **{"from": from_}, actor=actor, reason=reason
        )
        return value

    def close_move(self, actor: str | None = None) -> dict[str, Any]:
        """Close the loop that moves: from then on every write is refused, until the move is taken back.

        Returns what `show_move` does, with `changed`. Raises MoveRefused (OPS_103), Busy (OPS_031) when sessions write
        for ten seconds, ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value("fn_close_move", actor=actor)
        return value

    def receive_move(self, actor: str | None = None) -> dict[str, Any]:
        """On the new server, when the dump is restored: end the restore; the loop stays closed.

        Returns what `show_move` does, with `changed` and `restored`, which is as `after_restore` has it. Raises
        MoveRefused (OPS_103).
        """
        value: dict[str, Any] = self._value("fn_receive_move", actor=actor)
        return value

    def finish_move(self, actor: str | None = None) -> dict[str, Any]:
        """Finish a move: first on the old server, which says then that the loop has moved, then on the new one.

        Returns what `show_move` does, with `changed`. Raises MoveRefused (OPS_103), Busy (OPS_031), ControlBusy
        (OPS_023).
        """
        value: dict[str, Any] = self._value("fn_finish_move", actor=actor)
        return value

    def take_back_move(self, actor: str | None = None, reason: str | None = None) -> dict[str, Any]:
        """Take a move back: first on the new server, if the loop was restored there, then on the old one.

        Returns what `show_move` does, with `changed`. Raises MoveRefused (OPS_103), MoveOver (OPS_104) where the loop
        goes on already, Busy (OPS_031), ControlBusy (OPS_023).
        """
        value: dict[str, Any] = self._value("fn_take_back_move", actor=actor, reason=reason)
        return value

    def show_move(self) -> dict[str, Any] | None:
        """Show the move that is in force, or else the last one; None where there was none.

        `{"move_id", "side", "phase", "in_force", "from", "to", "begun_by", "begun_login", "reason", "begun_at",
        "closed_at", "leases_until", "ended_at", "running", "delivering"}`.
        """
        value: dict[str, Any] | None = self._value("fn_show_move")
        return value
