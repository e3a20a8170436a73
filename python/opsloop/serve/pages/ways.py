"""What the statement that frees something comes to here: a call that a button makes, or the page that does it.

A statement is run only when it is, to the letter, one that the loop itself gives at that moment, calls one of the
functions named here, and all its arguments are literals. It is taken apart, never executed: the call goes through the
client, as the login of whoever is signed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

#: What a button may call, and what it says.
_CALLS = {
    "fn_resume": "Resume",
    "fn_end_session": "End that session",
    "fn_heartbeat": "Turn the loop once",
    "fn_retry_step": "Let it run again",
    "fn_recover_expired_leases": "Take expired leases back",
    "fn_recover_stale_steps": "Take stale steps back",
}
#: Of these, the ones that know who asks and why.
_SIGNED = {
    "fn_resume": ("actor", "reason"),
    "fn_end_session": ("actor", "reason"),
    "fn_retry_step": ("actor",),
}
_STATEMENT = re.compile(
    r'select (?:\* from )?(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)\.(fn_[a-z_]+)\((.*)\);', re.S
)
_ENDS = re.compile(r"select pg_terminate_backend\((\d{1,9})\);")
_ARGUMENT = re.compile(r"\s*(?:'((?:[^']|'')*)'|(-?\d+)|(null))\s*(,|$)", re.I)
_POLICY = re.compile(r"\.fn_set_policy\(|ops_policy\b")
_POLICY_KEY = re.compile(r"'(worker_policy|proposal_caps|auto_approve|approval_rules|outbox)'")


@dataclass(frozen=True)
class Way:
    """How a statement is done here."""

    label: str = ""
    page: str = ""
    """The page that does it, where a button does not."""
    runs: bool = False
    call: str = ""
    """Method of the client."""
    arguments: tuple[Any, ...] = ()
    signed: tuple[str, ...] = field(default=())


def way(statement: str | None) -> Way:
    """Return how a statement is done here; one without a label is only shown."""
    if not statement:
        return Way()
    if ends := _ENDS.fullmatch(statement.strip()):
        # The function of the loop does the same, for who holds rows of the loop only, and writes down who asked.
        return Way(
            _CALLS["fn_end_session"], "", True, "end_session", (int(ends[1]),), _SIGNED["fn_end_session"]
        )
    found = _STATEMENT.fullmatch(statement.strip())
    if found is None:
        key = _POLICY_KEY.search(statement) if _POLICY.search(statement) else None
        return Way(label=f"Change policy {key[1]}", page=f"/policy/{key[1]}") if key else Way()
    name, written = found[1], found[2]
    arguments = _arguments(written)
    if arguments is None:
        return Way()
    if name in ("fn_approve_proposal", "fn_explain_proposal", "fn_explain_mission") and len(arguments) == 1:
        where = {
            "fn_approve_proposal": ("Look and decide", "/inbox/"),
            "fn_explain_proposal": ("Look at that proposal", "/proposals/"),
            "fn_explain_mission": ("Look at that mission", "/missions/"),
        }[name]
        return Way(label=where[0], page=f"{where[1]}{arguments[0]}")
    if name == "fn_missing_executors":
        return Way(label="Look at the workers", page="/workers")
    if name == "fn_resume" and arguments[:1] == ("all",):
        return Way(label="Resume everything", page="/#stop")
    if name not in _CALLS:
        return Way()
    return Way(
        label=_CALLS[name],
        runs=True,
        call=name.removeprefix("fn_"),
        arguments=arguments,
        signed=_SIGNED.get(name, ()),
    )


def _arguments(written: str) -> tuple[Any, ...] | None:
    """The literals of an argument list; None where one is anything else."""
    found: list[Any] = []
    at = 0
    while at < len(written):
        one = _ARGUMENT.match(written, at)
        if one is None:
            return None
        text, number, _null, _ = one.groups()
        found.append(text.replace("''", "'") if text is not None else int(number) if number else None)
        at = one.end()
    return tuple(found)
