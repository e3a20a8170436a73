"""Errors are found by SQLSTATE, carry what the database said, and leave PostgreSQL's own conditions alone."""

import psycopg
import pytest

from opsloop import errors
from opsloop.errors import BY_CODE, OpsError, translate

Conn = psycopg.Connection[tuple[object, ...]]


def raise_in_sql(conn: Conn, **options: str) -> None:
    """Let the server raise an exception with these options."""
    using = ", ".join(
        f"{name} = {psycopg.sql.Literal(value).as_string(conn)}" for name, value in options.items()
    )
    conn.execute(f"do $$ begin raise exception using {using}; end $$")


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_each_code_gives_its_class_by_sqlstate(conn: Conn, code: str) -> None:
    with pytest.raises(BY_CODE[code]) as caught, translate():
        raise_in_sql(conn, errcode=f"OP{code[4:]}", message=f"{code}: this is why", hint="do that")
    assert caught.value.code == code
    assert caught.value.message == "this is why"
    assert str(caught.value) == f"{code}: this is why"
    assert caught.value.hint == "do that"


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("select 'x'::integer", "of that type"),
        ("select '99999999999'::integer", "smaller number"),
        ("select 'teatime'::timestamptz", "2030-01-31T09:00:00Z"),
        (r"""select '{"a": "\u0000"}'::jsonb""", "U+0000"),
    ],
)
def test_a_value_that_postgresql_cannot_read_comes_with_a_remedy(
    conn: Conn, statement: str, hint: str
) -> None:
    with pytest.raises(errors.InvalidArgument) as caught, translate():
        conn.execute(statement)
    assert hint in caught.value.hint


def test_a_sqlstate_that_only_begins_like_ours_keeps_its_class(conn: Conn) -> None:
    with pytest.raises(psycopg.DatabaseError), translate():
        raise_in_sql(conn, errcode="OPABC", message="OPS_004: somebody else's")


def test_the_text_of_a_message_decides_nothing(conn: Conn) -> None:
    with pytest.raises(errors.NotFound), translate():
        raise_in_sql(conn, errcode="OP012", message="OPS_006: wrong text")


def test_detail_is_parsed_when_it_is_json(conn: Conn) -> None:
    with pytest.raises(OpsError) as caught, translate():
        raise_in_sql(conn, errcode="OP004", message="OPS_004: x", detail='["a", {"b": 1}]')
    assert caught.value.detail == ["a", {"b": 1}]


def test_detail_stays_text_when_it_is_not_json(conn: Conn) -> None:
    with pytest.raises(OpsError) as caught, translate():
        raise_in_sql(conn, errcode="OP004", message="OPS_004: x", detail="plain words")
    assert caught.value.detail == "plain words"


def test_a_code_newer_than_this_package_is_kept(conn: Conn) -> None:
    with pytest.raises(OpsError) as caught, translate():
        raise_in_sql(conn, errcode="OP999", message="OPS_999: from the future")
    assert caught.value.as_dict() == {
        "code": "OPS_999", "message": "from the future", "detail": None, "hint": None,
    }  # fmt: skip


def test_the_psycopg_error_stays_the_cause(conn: Conn) -> None:
    with pytest.raises(OpsError) as caught, translate():
        raise_in_sql(conn, errcode="OP006", message="OPS_006: x")
    assert isinstance(caught.value.__cause__, psycopg.Error)


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "57014", "55P03"])
def test_conditions_of_postgresql_itself_stay_psycopgs(conn: Conn, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught, translate():
        raise_in_sql(conn, errcode=sqlstate, message="x")
    assert caught.value.sqlstate == sqlstate


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select nobody_wrote_this()", errors.SchemaMismatch),
        ("select * from no_such_table", errors.SchemaMismatch),
        ("select 'x'::uuid", errors.InvalidArgument),
    ],
)
def test_conditions_that_mean_one_of_ours_get_its_class(
    conn: Conn, statement: str, expected: type[OpsError]
) -> None:
    with pytest.raises(expected), translate():
        conn.execute(statement.encode())


def test_a_connection_that_broke_is_ops_001(connect: object, conn: Conn) -> None:
    other: Conn = connect()  # type: ignore[operator]
    conn.execute("select pg_terminate_backend(%s)", (other.info.backend_pid,))
    with pytest.raises(errors.DatabaseUnavailable), translate():
        other.execute("select 1")


def test_other_exceptions_pass() -> None:
    with pytest.raises(KeyError), translate():
        raise KeyError("x")
