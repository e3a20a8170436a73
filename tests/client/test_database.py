"""Connections: opened in one place, and reading the same whatever the login, the database or the DSN is set to."""

import ast
import datetime
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import opsloop
from opsloop import database
from opsloop.errors import from_database

PACKAGE = Path(opsloop.__file__).parent
NOOP = {"title": "nothing much", "steps": [{"kind": "noop"}]}
SETTINGS = {
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "extra_float_digits": "0",
    "timezone": "Asia/Kathmandu",
}
VALUES = """select timestamptz '2026-01-02 03:04:05+00', date '2026-01-02', interval '1 day 2 hours', '\\d', 'é€'::text,
  '\\xff00'::bytea"""
READ = (
    datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    datetime.date(2026, 1, 2),
    datetime.timedelta(days=1, hours=2),
    "\\d",
    "é€",
    b"\xff\x00",
)


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text(encoding="utf-8"))


def test_nothing_else_opens_connections() -> None:
    opening = {
        str(path)
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and ast.unparse(node.value).split(".")[-1] in ("psycopg", "Connection", "AsyncConnection", "cls")
    }
    assert opening == {"database.py"}


def test_nothing_else_imports_a_json_library() -> None:
    importing = {
        str(path)
        for path, module in modules()
        for node in ast.walk(module)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name in ("json", "orjson", "simplejson", "psycopg.types.json")
    }
    assert importing == {"jsonio.py"}


def test_no_two_classes_have_one_name() -> None:
    names = Counter(
        node.name for _, module in modules() for node in module.body if isinstance(node, ast.ClassDef)
    )
    assert [name for name, number in names.items() if number > 1] == []


@pytest.fixture(params=["login", "connection string"])
def odd_dsn(request: pytest.FixtureRequest, dsn: str, conn: psycopg.Connection[Any]) -> Iterator[str]:
    """Connects a login that is set otherwise than most, or is said to be."""
    if request.param == "connection string":
        yield make_conninfo(dsn, options=" ".join(f"-c {name}={value}" for name, value in SETTINGS.items()))
        return
    for name, value in SETTINGS.items():
        conn.execute(f"alter role current_user in database {conn.info.dbname} set {name} = '{value}'")
    yield dsn


@pytest.mark.parametrize("autocommit", [True, False])
def test_what_a_connection_reads_does_not_depend_on_settings(odd_dsn: str, autocommit: bool) -> None:
    with database.connect(odd_dsn, autocommit=autocommit) as conn:
        assert conn.autocommit is autocommit
        assert conn.execute(VALUES).fetchone() == READ
        conn.rollback()
        assert conn.execute(VALUES).fetchone() == READ


async def test_nor_does_it_with_asyncio(odd_dsn: str) -> None:
    async with await database.connect_async(odd_dsn, autocommit=False) as conn:
        assert conn.autocommit is False
        await conn.rollback()
        assert await (await conn.execute(VALUES)).fetchone() == READ


def test_the_client_gives_the_same(odd_dsn: str) -> None:
    with opsloop.connect(odd_dsn, "opsloop") as loop:
        made = loop.create_proposal(NOOP)
        (mission,) = loop.list_missions(mission_id=made.mission_id)
        assert abs(mission.created_at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
        loop.emit_event("said", {"word": "é€"})
        # The time zone is the user's.
        assert loop.conn.execute("show timezone").fetchone() == ("Asia/Kathmandu",)


def test_a_session_that_is_set_as_most_are_costs_no_further_call(dsn: str) -> None:
    with database.connect(dsn) as conn:
        assert database._corrections(conn) == []


def parameters(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """What libpq was told."""
    return conn.info.get_parameters()


def test_how_long_to_wait_is_ours_unless_the_user_says(
    dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    with database.connect(dsn) as conn:
        said = parameters(conn)
        assert said["connect_timeout"] == "10"
        assert (said["keepalives_idle"], said["tcp_user_timeout"]) == ("30", "60000")
        assert said["fallback_application_name"] == "opsloop"
    with database.connect(make_conninfo(dsn, connect_timeout=7, application_name="mine"), name="x") as conn:
        assert parameters(conn)["connect_timeout"] == "7"
        assert conn.execute("show application_name").fetchone() == ("mine",)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "8")
    with database.connect(dsn) as conn:
        assert parameters(conn)["connect_timeout"] == "8"
    monkeypatch.delenv("PGCONNECT_TIMEOUT")
    services = tmp_path / "services"
    services.write_text("[loop]\nconnect_timeout=9\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    with database.connect(make_conninfo(dsn, service="loop")) as conn:
        assert parameters(conn)["connect_timeout"] == "9"


def test_a_connection_that_cannot_be_put_right_is_closed(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_READABLE", {"DateStyle": "no such style"})
    opened: list[psycopg.Connection[Any]] = []
    connect = psycopg.connect

    def noted(*args: Any, **kwargs: Any) -> psycopg.Connection[Any]:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(psycopg, "connect", noted)
    with pytest.raises(psycopg.Error) as caught:
        database.connect(dsn)
    assert from_database(caught.value) is not None
    assert [conn.closed for conn in opened] == [True]


def test_both_ways_to_connect_take_the_same() -> None:
    ours, twin = (inspect.signature(f).parameters for f in (database.connect, database.connect_async))
    assert list(ours.values()) == list(twin.values())
