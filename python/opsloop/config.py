"""Settings from the environment, read once and checked.

| variable | unit | unset |
|---|---|---|
| `DATABASE_URL`, or libpq's `PG*` | connection string | OPS_001 where a database is needed |
| `OPSLOOP_SCHEMA` | name | `opsloop` |
| `OPS_EVENT_BATCH_SIZE` | events | 50 |
| `OPS_REACTION_BATCH_SIZE` | reactions | 50 |
| `OPS_STEP_LEASE_MINUTES` | minutes | policy, then 30 seconds |
| `OPS_WORKER_MAX_RETRIES` | failures | policy, then 3 |
| `OPS_STALE_STEP_MINUTES` | minutes | 15 |
| `OPS_API_KEY` | secret | no key |
| `OPS_WEBHOOK_SECRET` | keys `whsec_…` of those who sign events | none may |
| `OPS_SQL_DSN` | connection string of the `sql` executor's own login | no `sql` executor |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from opsloop.errors import DatabaseUnavailable, InvalidArgument

DEFAULT_SCHEMA = "opsloop"

# Any of these says which database is meant; libpq fills in the rest.
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")

_NO_DATABASE = "no database is configured: neither DATABASE_URL nor any of libpq's PG* variables is set"
_NO_DATABASE_HINT = (
    "export DATABASE_URL=postgresql://user@host/database, or pass --dsn; "
    "--embedded starts a private PostgreSQL for a trial."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in the environment; None where one is not set and policy or the built-in value applies."""

    dsn: str | None = field(default=None, repr=False)
    """Connection string; the empty string leaves everything to libpq's PG* variables; None: no database."""
    schema: str = DEFAULT_SCHEMA
    """Schema that opsloop is installed in."""
    event_batch_size: int | None = None
    """Events looked at by one heartbeat (built in: 50)."""
    reaction_batch_size: int | None = None
    """Reactions worked off by one heartbeat (built in: 50)."""
    step_lease_minutes: int | None = None
    """Length of a lease, minutes (built in: 30 seconds)."""
    worker_max_retries: int | None = None
    """Failures after which a step fails for good (built in: 3)."""
    stale_step_minutes: int | None = None
    """Minutes after which a step without a lease on record counts as stale (built in: 15)."""
    api_key: str | None = field(default=None, repr=False)
    """Secret that callers of the HTTP control plane show."""
    webhook_secret: str | None = field(default=None, repr=False)
    """Keys of webhooks that bring events, with blanks between them."""
    sql_dsn: str | None = field(default=None, repr=False)
    """Connection string of the login that the `sql` executor uses."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read and check the environment (`os.environ` by default).

        An empty variable counts as unset. Raises InvalidArgument (OPS_018) for a value that cannot be used;
        it names the variable and the rule, and never shows a secret.
        """
        env = os.environ if environ is None else environ
        return cls(
            dsn=_dsn(env, "DATABASE_URL") or ("" if any(env.get(name) for name in _LIBPQ) else None),
            schema=_schema(env, "OPSLOOP_SCHEMA"),
            event_batch_size=_whole(env, "OPS_EVENT_BATCH_SIZE", 1, 10_000),
            reaction_batch_size=_whole(env, "OPS_REACTION_BATCH_SIZE", 1, 10_000),
            step_lease_minutes=_whole(env, "OPS_STEP_LEASE_MINUTES", 1, 1_440),
            worker_max_retries=_whole(
                env, "OPS_WORKER_MAX_RETRIES", 1, 100, "It counts failures: 1 is a single attempt. "
            ),
            stale_step_minutes=_whole(env, "OPS_STALE_STEP_MINUTES", 1, 525_600),
            api_key=env.get("OPS_API_KEY") or None,
            webhook_secret=env.get("OPS_WEBHOOK_SECRET") or None,
            sql_dsn=_dsn(env, "OPS_SQL_DSN"),
        )

    def database(self) -> str:
        """Return the connection string. Raises DatabaseUnavailable (OPS_001) when no database is configured."""
        if self.dsn is None:
            raise DatabaseUnavailable(_NO_DATABASE, hint=_NO_DATABASE_HINT)
        return self.dsn


def check_dsn(dsn: str, name: str) -> str:
    """Return `dsn` if libpq can read it; else raise InvalidArgument (OPS_018) naming `name`, never the value."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as exc:
        raise InvalidArgument(
            f"{name} is not a connection string that libpq can read",
            hint=f"Set {name} to postgresql://user:password@host:5432/database or to host=… dbname=… user=….",
        ) from exc
    return dsn


def check_schema(schema: str, name: str) -> str:
    """Return `schema` if PostgreSQL can use it as a name; else raise InvalidArgument (OPS_018) naming `name`."""
    if not schema or "\0" in schema or len(schema.encode()) > 63 or schema.startswith("pg_"):
        raise InvalidArgument(
            f"{name} is not a schema name that PostgreSQL allows",
            detail={"value": schema, "rule": "1 to 63 bytes, not starting with pg_"},
            hint=f"Set {name} to the schema that opsloop was installed in, such as {DEFAULT_SCHEMA}.",
        )
    return schema


def _dsn(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    return check_dsn(text, name) if text else None


def _schema(env: Mapping[str, str], name: str) -> str:
    return check_schema(env.get(name) or DEFAULT_SCHEMA, name)


def _whole(env: Mapping[str, str], name: str, least: int, most: int, meaning: str = "") -> int | None:
    text = env.get(name)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise InvalidArgument(
            f"{name} must be a whole number from {least} to {most}, not {text!r}",
            detail={"variable": name, "value": text, "least": least, "most": most},
            hint=f"{meaning}Correct {name}, or unset it for the value of policy or the built-in one.",
        )
    return value
