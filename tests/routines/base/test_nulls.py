"""Every public function, given null or lists of null: an answer, or a refusal that says what is wrong."""

import psycopg
import pytest
from psycopg import sql


def functions(loop):
    return loop.rows(
        """select p.oid::regprocedure::text as signature, p.proname as name,
                  array(select format_type(t, null) from unnest(p.proargtypes) t) as types
             from pg_proc p
            where p.pronamespace = 'opsloop'::regnamespace and starts_with(p.proname, 'fn_') and p.pronargs > 0
            order by 1"""
    )


@pytest.mark.parametrize("document", [None, "null", "[null]", "[[]]", "{}", "[{}]", "[1]", '"x"'])
def test_no_refusal_fails_on_the_null_that_it_would_show(loop, document):
    raw = []
    for function in functions(loop):
        given = [document if type_ == "jsonb" else None for type_ in function["types"]]
        arguments = [
            sql.SQL("{}::{}").format(value, sql.SQL(type_))
            for value, type_ in zip(given, function["types"], strict=True)
        ]
        call = sql.SQL("select {}({})").format(
            sql.Identifier(function["name"]), sql.SQL(", ").join(arguments)
        )
        try:
            with loop.savepoint():
                loop.conn.execute(call)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("OP"):
                raw.append((function["signature"], error.sqlstate, error.diag.message_primary))
    assert raw == []
