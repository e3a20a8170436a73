"""Errors of opsloop: one class per code, mapped from PostgreSQL by SQLSTATE, never by text.

`docs/errors.md` lists every code with its cause and its remedy.
"""
# ruff: noqa: N818 - `except LeaseLost` reads better than `except LeaseLostError`

from __future__ import annotations

from types import TracebackType
from typing import Any

import psycopg

from opsloop import jsonio


class OpsError(Exception):
    """Something opsloop refused, or could not do.

    `code` is the code, such as `OPS_006`; `message` one sentence, without the code; `detail` the values behind
    it, parsed when they are JSON, else as text, else None; `hint` what the reader can do about it, or None.
    `sqlstate` is the server's own code, when the server said no.
    """

    code: str = "OPS_022"
    sqlstate: str | None = None

    def __init__(self, message: str, *, detail: Any = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message.removeprefix(f"{self.code}: ")
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def server_code(self) -> str:
        """The SQLSTATE where an error of PostgreSQL's own is behind this one, else `code`."""
        return self.code if self.sqlstate is None or _is_ours(self.sqlstate) else self.sqlstate

    def as_dict(self) -> dict[str, Any]:
        """Return code, message, detail and hint, ready for JSON."""
        return {"code": self.code, "message": self.message, "detail": self.detail, "hint": self.hint}


class DatabaseUnavailable(OpsError):
    """No database is named, or it could not be reached, or the connection broke."""

    code = "OPS_001"


class PolicyNotFound(OpsError):
    """There is no policy document of that name."""

    code = "OPS_002"


class GateRefused(OpsError):
    """The gate refused a proposal: over a cap, or something policy forbids."""

    code = "OPS_003"


class InvalidTemplate(OpsError):
    """A proposal template has faults; `detail` lists every one."""

    code = "OPS_004"


class ExecutorNotFound(OpsError):
    """No such executor is offered here."""

    code = "OPS_005"


class LeaseLost(OpsError):
    """The lease token is not, or no longer, the valid one of its step."""

    code = "OPS_006"


class StepFailed(OpsError):
    """A step failed while it ran."""

    code = "OPS_007"


class InvalidPattern(OpsError):
    """A pattern of the reaction matrix cannot be used."""

    code = "OPS_008"


class AutoApprovalRefused(OpsError):
    """Policy does not approve this by itself; a person has to decide."""

    code = "OPS_009"


class StaleStep(OpsError):
    """A step went stale: nobody extended it, and no lease is on record."""

    code = "OPS_010"


class PolicyVersionConflict(OpsError):
    """Another session changed the policy document since it was read."""

    code = "OPS_011"


class NotFound(OpsError):
    """There is no event, proposal, mission or step with that id."""

    code = "OPS_012"


class ForeignObject(OpsError):
    """Objects that are not opsloop's stand in the way of an installation."""

    code = "OPS_013"


class IllegalState(OpsError):
    """The object's state does not allow this action."""

    code = "OPS_014"


class NotAllowed(OpsError):
    """The request is not allowed to this login."""

    code = "OPS_015"


class TemplateChanged(OpsError):
    """The template is not the one that was proposed; an approval counts for that one only."""

    code = "OPS_016"


class InvalidPolicy(OpsError):
    """A policy document has faults; `detail` lists every one."""

    code = "OPS_017"


class InvalidArgument(OpsError):
    """An argument, option or environment variable has a value that cannot be used."""

    code = "OPS_018"


class InvalidEvent(OpsError):
    """An event has faults; `detail` names them."""

    code = "OPS_019"


class ParamsRefused(OpsError):
    """An executor refused the params of its step."""

    code = "OPS_020"


class SchemaMismatch(OpsError):
    """opsloop is not installed in that schema, or in a release that does not fit this one."""

    code = "OPS_021"


class DatabaseError(OpsError):
    """The database failed a call for a reason of its own; `detail` has the SQLSTATE."""

    code = "OPS_022"


class ControlBusy(OpsError):
    """Another transaction has paused, killed or changed policy and not yet committed; `detail` has its pid or gid."""

    code = "OPS_023"


class InvalidSchedule(OpsError):
    """A schedule has faults; `detail` names them all."""

    code = "OPS_024"


class UnknownSchedule(OpsError):
    """There is no schedule of that name."""

    code = "OPS_025"


class ReadOnlyDatabase(OpsError):
    """The database takes no writes: a standby, or read-only by its settings."""

    code = "OPS_026"


class BackfillTooLarge(OpsError):
    """A schedule has more ticks in that time than one call takes; `detail` says up to when they are enough."""

    code = "OPS_027"


class SchedulePaused(OpsError):
    """The schedule is paused, so that it does not tick, by hand neither."""

    code = "OPS_028"


class NodeAway(OpsError):
    """A node of the fleet does not answer."""

    code = "OPS_029"


class UnfitDatabase(OpsError):
    """The database cannot hold the loop: it is not in UTF-8."""

    code = "OPS_055"


class LockLost(OpsError):
    """The lock is not, or no longer, held under that token."""

    code = "OPS_030"


class Busy(OpsError):
    """Another holder has the lock, or an open transaction has the rows of the call; `detail` names it."""

    code = "OPS_031"


class ValuesTooLarge(OpsError):
    """The values filled into the placeholders of one document are too large together."""

    code = "OPS_040"


class UnreadableNumber(OpsError):
    """A number is beyond what readers of JSON can hold; the message has its path."""

    code = "OPS_041"


class RowUnchangeable(OpsError):
    """A row cannot be changed at all, so that not even its failure can be written down."""

    code = "OPS_042"


class TooLarge(OpsError):
    """A document, a batch or a count is above its limit in `size_limits`."""

    code = "OPS_045"


class WaitFaulty(OpsError):
    """A step of kind wait cannot wait: its params, once filled, are faulty."""

    code = "OPS_046"


class WaitTimedOut(OpsError):
    """The event that a step of kind wait waited for did not come in time."""

    code = "OPS_047"


class ChildFailed(OpsError):
    """The mission that a step of kind mission had proposed did not succeed, or never began."""

    code = "OPS_048"


class ItemsFaulty(OpsError):
    """What a step is to be run for each of is no list, or one that is too long."""

    code = "OPS_049"


class LoopInUse(OpsError):
    """A worker lives, or a session writes to the loop: nothing that needs it to be still."""

    code = "OPS_060"


class ApprovedByHand(OpsError):
    """A proposal is approved by `approve_proposal`, not by an UPDATE: nothing would come of it."""

    code = "OPS_061"


class DirectiveBusy(OpsError):
    """Another session is changing the directive right now."""

    code = "OPS_070"


class DirectiveClaimed(OpsError):
    """Another session has claimed the directive, or the one that releases it has not."""

    code = "OPS_071"


class WrongPhase(OpsError):
    """The transition does not start from the phase that the directive is in."""

    code = "OPS_072"


class TransitionVersionConflict(OpsError):
    """Another transition was completed since the caller read the directive."""

    code = "OPS_073"


class NoSuchRequirement(OpsError):
    """The directive has no requirement of that id."""

    code = "OPS_074"


class RequestReused(OpsError):
    """The request id was completed for another transition or directive."""

    code = "OPS_075"


class DirectiveEnded(OpsError):
    """The directive is completed, cancelled or deferred."""

    code = "OPS_076"


class InvalidGateResult(OpsError):
    """The result of a gate is not of the form that gates return."""

    code = "OPS_077"


class HandoffBlocked(OpsError):
    """The gates did not let the directive pass."""

    code = "OPS_078"


class NoSuchPolicyVersion(OpsError):
    """The policy document has no version of that number."""

    code = "OPS_080"


class PolicyTestsFail(OpsError):
    """Policy would not decide as its tests say; `detail` has those that fail."""

    code = "OPS_081"


class ResultGone(OpsError):
    """The row of a step was deleted whose result this one needs."""

    code = "OPS_082"


class Purged(OpsError):
    """The row with this id was purged; `detail` says what it was, when, and where its rows are."""

    code = "OPS_083"


class ArchiveUnfit(OpsError):
    """An archive lacks a column of its table; the hint has the statement that adds it."""

    code = "OPS_084"


class NoSeat(OpsError):
    """The login is in none of the groups that approval_rules ask for."""

    code = "OPS_085"


class ReasonRequired(OpsError):
    """approval_rules ask for a reason, and none was given."""

    code = "OPS_086"


class ProposalExpired(OpsError):
    """No decision came in time: the proposal never runs."""

    code = "OPS_087"


class UnknownPerson(OpsError):
    """The person that a vote was cast for is no login."""

    code = "OPS_088"


class WrongNode(OpsError):
    """The call belongs to another database of the fleet."""

    code = "OPS_089"


class GlassIntact(OpsError):
    """The proposal cannot be started by one decision alone."""

    code = "OPS_090"


class NotSignedIn(OpsError):
    """A key, or the sign-in of a browser, is not or no longer valid, or there is none."""

    code = "OPS_091"


class TooManyTries(OpsError):
    """Too many wrong keys came from there; `detail` says when the next try counts."""

    code = "OPS_092"


class ServerReadOnly(OpsError):
    """The server is read-only: it shows, and changes nothing."""

    code = "OPS_093"


class Forged(OpsError):
    """A form that no page of this server sent, or a message whose signature does not fit."""

    code = "OPS_094"


class AmbiguousId(OpsError):
    """The end of an id fits several ids; `detail` has them."""

    code = "OPS_096"


class SessionNotEnded(OpsError):
    """The session holds nothing of this loop, or the owner of the schema may not end it."""

    code = "OPS_097"


class LoopMoving(OpsError):
    """The loop is on its way to another server: refused now, here or there it goes on. `detail` says from where to
    where.
    """

    code = "OPS_101"


class LoopMoved(OpsError):
    """The loop is at another server for good; `detail` says at which (`loop_is_at`)."""

    code = "OPS_102"


class MoveRefused(OpsError):
    """A step of a move cannot be taken now, or not here; `detail` has the state of the move, or the faults."""

    code = "OPS_103"


class MoveOver(OpsError):
    """The move cannot be taken back: the loop goes on on the new server already."""

    code = "OPS_104"


class MoveStopped(OpsError):
    """A move came to a halt: the copy failed, or is not the same. The loop is closed until it goes on or back."""

    code = "OPS_105"


class PolicyNotAgreed(OpsError):
    """The change of policy lets more run, and those have not agreed yet whom approval_rules ask for."""

    code = "OPS_109"


BY_CODE: dict[str, type[OpsError]] = {cls.code: cls for cls in OpsError.__subclasses__()}
"""Every code and its class: `BY_CODE["OPS_006"] is LeaseLost`."""

# SQLSTATEs of PostgreSQL itself that mean one of ours. The longest prefix wins.
_FOREIGN: dict[str, type[OpsError]] = {
    "08": DatabaseUnavailable,  # connection exceptions
    "28": DatabaseUnavailable,  # login refused
    "3D000": DatabaseUnavailable,  # no such database
    "53300": DatabaseUnavailable,  # too many connections
    "57P": DatabaseUnavailable,  # server shutting down, starting up, or the session was ended
    "57P05": DatabaseUnavailable,  # idle session ended
    "22": InvalidArgument,  # a value out of range or of the wrong form
    "25006": ReadOnlyDatabase,  # read-only transaction
    "3F000": SchemaMismatch,  # no such schema
    "42883": SchemaMismatch,  # no such function
    "42P01": SchemaMismatch,  # no such table
    "42703": SchemaMismatch,  # no such column
    "42501": NotAllowed,  # no privilege
}

_HINTS: dict[type[OpsError], str] = {
    DatabaseUnavailable: "Check DATABASE_URL (or --dsn, or libpq's PG* variables) and that the server runs.",
    SchemaMismatch: "`opsloop status` shows what is installed there; `opsloop migrate` installs it.",
    ReadOnlyDatabase: "Connect to the primary (target_session_attrs=read-write finds it among several hosts); "
    "where login or database has it so: alter role NAME, or alter database NAME, reset default_transaction_read_only;",
    NotAllowed: "Connect as a login that the schema's owner has granted this.",
}


#: By SQLSTATE, for errors of PostgreSQL that have no code of ours.
_ADVICE = {
    "57014": "Where statement_timeout of the login or the database is too short for it: alter role NAME, or alter "
    "database NAME, reset statement_timeout;",
    "22003": "Give a smaller number.",
    "22007": "Give a time such as 2030-01-31T09:00:00Z.",
    "22008": "Give a time such as 2030-01-31T09:00:00Z.",
    "22P02": "Give a value of that type.",
    "22P05": "No text in PostgreSQL has the character U+0000: leave it out.",
}


def advice(exc: psycopg.Error) -> str | None:
    """The remedy for an error of PostgreSQL's own: the server's hint, or ours."""
    return exc.diag.message_hint or _ADVICE.get(exc.sqlstate or "")


def _is_ours(sqlstate: str) -> bool:
    return sqlstate.startswith("OP") and sqlstate[2:].isdecimal()


def _class_of(sqlstate: str) -> type[OpsError] | None:
    if _is_ours(sqlstate):
        return BY_CODE.get(f"OPS_{sqlstate[2:]}", OpsError)
    for length in (5, 3, 2):
        found = _FOREIGN.get(sqlstate[:length])
        if found is not None:
            return found
    return None


def _parsed(detail: str | None) -> Any:
    if detail is None:
        return None
    try:
        return jsonio.parse(detail)
    except ValueError:
        return detail


def condemns(error: OpsError) -> bool:
    """Whether a refusal is about what was said, so that saying it again is refused again.

    Everything else is about the state of the server or of this session, and says nothing about the work.
    """
    if error.sqlstate is None:
        return not isinstance(error, DatabaseUnavailable)
    own = _is_ours(error.sqlstate) and not isinstance(
        error, ControlBusy | NodeAway | ReadOnlyDatabase | SchemaMismatch | LoopMoving | LoopMoved
    )
    return own or error.sqlstate.startswith("22")


#: SQLSTATEs of a state of the server that passes: connection, rollback (deadlock, serialization), read-only, resources,
#: intervention (cancelled, statement timeout, shutdown); lock not available; a node that is away; a move, which may be
#: taken back.
_PASSING = ("08", "40", "25006", "53", "55P03", "57", "OP023", "OP029", "OP101")


def is_passing(error: OpsError) -> bool:
    """Whether a refusal comes from a state of the server that passes by itself: not now is not no."""
    if error.sqlstate is None:
        return isinstance(error, DatabaseUnavailable)
    return error.sqlstate.startswith(_PASSING)


def is_final(error: BaseException | None) -> bool:
    """Whether a process has nothing to hope for where it is connected: it needs another release, or another server."""
    return isinstance(error, SchemaMismatch | LoopMoved)


def is_outage(error: OpsError) -> bool:
    """Whether the database was away, closed, or had no room: nothing that the work itself could have caused."""
    if isinstance(error, DatabaseUnavailable | ReadOnlyDatabase | LoopMoving | LoopMoved):
        return True
    return error.sqlstate is not None and error.sqlstate.startswith("53")


def from_database(exc: psycopg.Error) -> OpsError | None:
    """Return the opsloop error that a psycopg error stands for, or None when it stands for none.

    None is what deadlocks, serialization failures, cancelled statements and the like give: they are
    PostgreSQL's own and keep their own class.
    """
    error = _from_database(exc)
    if error is not None:
        error.sqlstate = exc.sqlstate
    return error


def as_ours(exc: psycopg.Error) -> OpsError:
    """As `from_database`; what is PostgreSQL's own is OPS_022."""
    error = from_database(exc)
    if error is None:
        error = OpsError(
            str(exc.diag.message_primary or exc), detail={"sqlstate": exc.sqlstate}, hint=advice(exc)
        )
        error.sqlstate = exc.sqlstate
    return error


def _from_database(exc: psycopg.Error) -> OpsError | None:
    sqlstate = exc.sqlstate
    # libpq's own messages go on with advice in further lines.
    text = exc.diag.message_primary or str(exc).strip().partition("\n")[0] or type(exc).__name__
    if sqlstate is None:
        # psycopg has no SQLSTATE for what happens on this side of the connection.
        if isinstance(exc, psycopg.OperationalError):
            return DatabaseUnavailable(text, hint=_HINTS[DatabaseUnavailable])
        if isinstance(exc, psycopg.DataError):
            return InvalidArgument(text)
        return None
    cls = _class_of(sqlstate)
    if cls is None:
        return None
    detail, hint = _parsed(exc.diag.message_detail), exc.diag.message_hint
    if cls is OpsError:
        # A code newer than this package.
        error = OpsError(text, detail=detail, hint=hint)
        error.code = f"OPS_{sqlstate[2:]}"
        error.message = text.removeprefix(f"{error.code}: ")
        return error
    if not _is_ours(sqlstate):
        hint = _HINTS.get(cls) or advice(exc)
    return cls(text, detail=detail, hint=hint)


class translate:  # noqa: N801 - used like a function: `with translate():`
    """Turn psycopg errors raised inside the block into `OpsError`s; others pass as they are.

    Works around `await` as well. The psycopg error stays available as `__cause__`.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        if isinstance(exc, psycopg.Error):
            error = from_database(exc)
            if error is not None:
                raise error from exc
        elif isinstance(exc, UnicodeEncodeError):
            # What a shell passes on of bytes that are not UTF-8.
            raise InvalidArgument(f"text that is not Unicode: {exc.object!a}") from exc
