"""A neglected database for each test."""

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from demo.caring import NEGLECT, Care


@pytest.fixture
def care(dsn: str, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Care]:
    """A database that nobody looked after, and a login `care_…` that may see statistics and nothing else."""
    login = f"care_{secrets.token_hex(4)}"
    conn.execute(NEGLECT.encode())
    conn.execute("select pg_stat_force_next_flush()")
    conn.execute(f"create role {login} login")
    conn.execute(f"grant pg_monitor to {login}")
    made = Care(dsn, login, conn)
    monkeypatch.setenv("OPS_CARE_DSN", made.care_dsn)
    yield made
    conn.execute(f"drop owned by {login}")
    conn.execute(f"drop role {login}")


@pytest.fixture
def trusted(care: Care) -> Care:
    """The same, the login being allowed to do everything."""
    care.conn.execute(f"alter role {care.login} superuser")
    return care
