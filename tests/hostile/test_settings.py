"""The whole loop under settings of role and database that somebody else chose: it works as it does without them.

`make test` runs them in a few bundles, `make hostile` each by itself too (OPSLOOP_HOSTILE=all).
"""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from cli.commandline import Cli
from hostile.wholeloop import TEXT, by_command_line, by_sql, install
from logins import logins

SETTINGS = {
    "DateStyle": ["German", "SQL, DMY", "Postgres, YMD"],
    "IntervalStyle": ["iso_8601", "sql_standard", "postgres_verbose"],
    "TimeZone": ["Pacific/Chatham", "<+14>-14"],
    "client_encoding": ["UTF8", "LATIN1", "SQL_ASCII", "WIN1252"],
    "standard_conforming_strings": ["off"],
    "backslash_quote": ["off"],
    "escape_string_warning": ["on"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15"],
    "lc_messages": ["C"],
    "lc_numeric": ["C"],
    "search_path": ["", "pg_temp, public", "public, pg_catalog"],
    "default_transaction_isolation": ["repeatable read", "serializable"],
    "default_transaction_deferrable": ["on"],
    "row_security": ["off"],
    "xmlbinary": ["hex"],
    "array_nulls": ["off"],
    "transform_null_equals": ["on"],
    "quote_all_identifiers": ["on"],
    "plan_cache_mode": ["force_generic_plan", "force_custom_plan"],
    **{
        f"enable_{node}": ["off"]
        for node in [
            "seqscan",
            "indexscan",
            "indexonlyscan",
            "bitmapscan",
            "tidscan",
            "nestloop",
            "hashjoin",
            "mergejoin",
            "hashagg",
            "sort",
            "material",
            "memoize",
            "incremental_sort",
        ]
    },
    "jit": ["on"],
    "jit_above_cost": ["0"],
    "work_mem": ["64kB"],
    "synchronous_commit": ["off"],
    "constraint_exclusion": ["on"],
    "check_function_bodies": ["off"],
    "plpgsql.variable_conflict": ["use_column", "use_variable"],
    "plpgsql.extra_errors": ["all"],
    "plpgsql.extra_warnings": ["all"],
    "plpgsql.check_asserts": ["off"],
    "plpgsql.print_strict_params": ["on"],
    "idle_in_transaction_session_timeout": ["200ms"],
    "lock_timeout": ["20ms"],
    "geqo_threshold": ["2"],
    "join_collapse_limit": ["1"],
    "from_collapse_limit": ["1"],
    "cursor_tuple_fraction": ["0.0001"],
    "default_toast_compression": ["pglz"],
    "default_statistics_target": ["1"],
    "session_replication_role": ["origin"],
    "client_min_messages": ["debug1"],
    "application_name": ["opsloop heartbeat %s"],
    "opsloop.schema": ["elsewhere"],
    "opsloop.version": ["9.9.9"],
    "opsloop.code_digest": ["none"],
}
ALONE = {f"{name}={value or 'empty'}": {name: value} for name, values in SETTINGS.items() for value in values}
BUNDLES = {
    f"bundle {n}": {name: values[n] for name, values in SETTINGS.items() if n < len(values)}
    for n in (0, 1, 2)
}
CASES = {**BUNDLES, **(ALONE if os.environ.get("OPSLOOP_HOSTILE") == "all" else {})}


@pytest.fixture
def hostile(empty_dsn: str) -> Iterator[Callable[[dict[str, str]], str]]:
    """Sets what every session of this test's database begins with."""

    def hostile(settings: dict[str, str]) -> str:
        with psycopg.connect(empty_dsn, autocommit=True) as admin:
            database = sql.Identifier(admin.info.dbname)
            for name, value in settings.items():
                word = (
                    sql.SQL("{}").format(sql.Identifier(*name.split(".")))
                    if "." in name
                    else sql.Identifier(name)
                )
                admin.execute(sql.SQL("alter database {} set {} = {}").format(database, word, value))
        return empty_dsn

    return hostile


@pytest.mark.parametrize("case", CASES)
def test_the_whole_loop_works_under(
    case: str, hostile: Callable[[dict[str, str]], str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CASES[case]
    dsn = hostile(settings)
    monkeypatch.setenv("DATABASE_URL", dsn)
    text = (
        TEXT
        if settings.get("client_encoding", "UTF8") == "UTF8"
        else TEXT.encode("ascii", "replace").decode()
    )
    install(cli, "opsloop")
    with logins(dsn) as made:
        machine, person = made.make("producer", "worker"), made.make("operator", "admin")
        by_sql(dsn, made.dsn_of(machine), made.dsn_of(person), "opsloop", text)
    by_command_line(cli, "opsloop")
