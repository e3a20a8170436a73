"""Real logins: made for a test, members of the group roles of a loop, gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

#: The contract, as people grant them by name: not read from the code.
ROLES = ("reader", "producer", "worker", "operator", "admin")
_PASSWORD = "test"


class Logins:
    """Makes logins on one server and opens their sessions."""

    def __init__(self, dsn: str, schema: str = "opsloop") -> None:
        self.dsn = dsn
        self.schema = schema
        self._admin = psycopg.connect(dsn, autocommit=True)
        self._made: list[str] = []
        self._opened: list[psycopg.Connection[Any]] = []

    def make(self, *groups: str, name: str | None = None, attributes: str = "") -> str:
        """A new login that is a member of these: names of roles, or reader, producer … for this loop's own."""
        name = name or f"opsloop_test_{uuid4().hex[:10]}"
        own = sql.Identifier(name)
        self._admin.execute(
            sql.SQL("create role {} login password {} {}").format(own, _PASSWORD, sql.SQL(attributes))
        )
        self._made.append(name)
        for group in groups:
            role = f"{self.schema}_{group}" if group in ROLES else group
            self._admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), own))
        return name

    def adopt(self, *names: str) -> None:
        """Takes on logins that somebody else has made."""
        for name in names:
            self._admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(name), _PASSWORD))
            self._made.append(name)

    def dsn_of(self, name: str) -> str:
        """The connection string of a login."""
        return make_conninfo(self.dsn, user=name, password=_PASSWORD)

    def open(self, name: str, **settings: Any) -> psycopg.Connection[Any]:
        """A session of a login: autocommit, search_path set to the loop's schema."""
        path = sql.Identifier(self.schema).as_string(None).replace(" ", "\\ ")
        given = {"autocommit": True, "options": f"-c search_path={path}", **settings}
        session = psycopg.connect(self.dsn_of(name), **given)
        self._opened.append(session)
        return session

    def session(self, *groups: str) -> psycopg.Connection[Any]:
        """A session of a new login that is a member of these."""
        return self.open(self.make(*groups))

    def close(self) -> None:
        """Ends the sessions and drops the logins."""
        for session in self._opened:
            session.close()
        for name in self._made:
            own = sql.Identifier(name)
            self._admin.execute(sql.SQL("drop owned by {}").format(own))
            self._admin.execute(sql.SQL("drop role {}").format(own))
        self._admin.close()


@contextmanager
def logins(dsn: str, schema: str = "opsloop") -> Iterator[Logins]:
    """Logins on that database while the block runs."""
    made = Logins(dsn, schema)
    try:
        yield made
    finally:
        made.close()


def sqlstate(call: Callable[..., Any], *args: Any, **named: Any) -> str | None:
    """The SQLSTATE that a call with these arguments is refused with; None when it is not."""
    try:
        call(*args, **named)
    except psycopg.Error as error:
        return error.sqlstate
    return None
