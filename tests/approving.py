"""People of a team: logins with rights and groups, and a policy that asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from looping import Loop, step

#: Runs only once a person has decided, whatever the default policies say: risk medium.
WORK = step("a", "http", params={"url": "https://x/"})


class Team:
    """Logins of one test, by short names; what they do, they do under their own session user."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._tag = uuid4().hex[:6]
        self._made: set[str] = set()

    def login(self, name: str) -> str:
        """The login of a person; made when first named, with the rights of an operator."""
        full = f"{name}_{self._tag}"
        if full not in self._made:
            self.loop.do(f"create role {full} login")
            self.loop.do(f"grant opsloop_operator to {full}")
            self.loop.do(f"grant opsloop_producer to {full}")
            self._made.add(full)
        return full

    def rules(self, *rules: dict[str, Any], groups: dict[str, list[str]], **more: Any) -> int:
        """Puts these rules in force, with groups of these persons."""
        logins = {name: {"logins": [self.login(one) for one in people]} for name, people in groups.items()}
        return self.loop.policy("approval_rules", groups=logins, rules=list(rules), **more)

    @contextmanager
    def being(self, name: str) -> Iterator[None]:
        """What the block does, this person does."""
        self.loop.conn.execute(
            sql.SQL("set session authorization {}").format(sql.Identifier(self.login(name)))
        )
        try:
            yield
        finally:
            self.loop.conn.execute("reset session authorization")

    def propose(self, name: str, **fields: Any) -> UUID:
        """This person proposes what needs a decision."""
        with self.being(name):
            made = self.loop.propose(WORK, **fields)
        assert made["status"] == "pending", made
        return made["proposal_id"]

    def approve(self, name: str, proposal: UUID, reason: str | None = None) -> dict[str, Any]:
        """This person approves it."""
        with self.being(name):
            return self.loop.row("select * from fn_approve_proposal(%s, null, %s)", proposal, reason)

    def reject(self, name: str, proposal: UUID, reason: str | None = None) -> dict[str, Any]:
        """This person rejects it."""
        with self.being(name):
            return self.loop.row("select * from fn_reject_proposal(%s, null, %s)", proposal, reason)

    def refused(self, code: str, name: str, call: str, *args: Any) -> str:
        """What this person asks is refused with that code and changes nothing; returns the message."""
        before = self.loop.contents()
        with (
            self.being(name),
            pytest.raises(psycopg.Error, match=f"^OPS_{code}: ") as raised,
            self.loop.savepoint(),
        ):
            self.loop.rows(call, *args)
        assert raised.value.sqlstate == f"OP{code}"
        assert raised.value.diag.message_hint
        assert self.loop.contents() == before
        return str(raised.value.diag.message_primary)


def rule(name: str = "two", **fields: Any) -> dict[str, Any]:
    """A rule; `oncall=2` asks for two of that group."""
    known = {"when", "veto", "reason_required", "expires_minutes", "on_expiry", "escalate"}
    require = [{"group": g, "count": n} for g, n in fields.items() if g not in known]
    return {"name": name, "require": require, **{k: v for k, v in fields.items() if k in known}}
