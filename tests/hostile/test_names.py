"""Names that somebody else chose: of the schema, and of what stands beside it in `public`."""

import os
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.commandline import Cli
from databases import Databases, unused_name
from hostile.wholeloop import by_command_line, by_sql, install
from logins import logins
from upgrade.deploying import Sqitch, psql, require_sqitch

SCHEMAS = ["n" * 57, "é" * 31 + "n", "A %s.d \"q\" 's' é"] + (
    ["n" * 56, "n" * 63, "é" * 31, "a%b", "a.b", "a b", "Ops", "select", "ops\\d", "$$", "日本語" * 7]
    if os.environ.get("OPSLOOP_HOSTILE") == "all"
    else []
)

#: What a search path, an operator or an implicit cast of others could put in the way.
SHADOWS = [
    "create function public.now() returns timestamptz language sql as $$select timestamptz 'epoch'$$",
    "create function public.format(text, text) returns text language sql as $$select 'shadow'$$",
    "create function public._now() returns timestamptz language sql as $$select timestamptz 'epoch'$$",
    "create function public.fn_emit_event(text, jsonb) returns uuid language sql as $$select null::uuid$$",
    "create table public.ops_mission_steps (id integer)",
    "create function public.same(text, text) returns boolean language sql as $$select true$$;"
    " create operator public.= (leftarg = text, rightarg = text, function = public.same)",
    "create function public.joined(text, integer) returns text language sql as $$select 'shadow'$$;"
    " create operator public.|| (leftarg = text, rightarg = integer, function = public.joined)",
    "create cast (integer as text) with inout as implicit",
    "create cast (bigint as text) with inout as implicit",
    "create cast (text as integer) with inout as implicit",
    "create cast (text as jsonb) with inout as implicit",
    "create cast (uuid as text) with inout as implicit",
    "create cast (text as uuid) with inout as implicit",
    "create cast (jsonb as text) with inout as implicit",
    "create cast (timestamptz as text) with inout as implicit",
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_whole_loop_works_in_a_schema_of_any_name(
    schema: str, empty_dsn: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    install(cli, schema)
    by_sql(empty_dsn, empty_dsn, empty_dsn, schema)
    by_command_line(cli, schema)


def _shadows() -> dict[str, list[str]]:
    alone = {shadow: [shadow] for shadow in SHADOWS} if os.environ.get("OPSLOOP_HOSTILE") == "all" else {}
    return {
        "functions and operators": [s for s in SHADOWS if "cast" not in s],
        "casts": [s for s in SHADOWS if "create cast" in s],
        **alone,
    }


@pytest.mark.parametrize("shadows", _shadows())
def test_the_whole_loop_works_beside(
    shadows: str, empty_dsn: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    with psycopg.connect(empty_dsn, autocommit=True) as admin:
        for statement in _shadows()[shadows]:
            admin.execute(statement)
    install(cli, "opsloop")
    with logins(empty_dsn) as made:
        machine, person = made.make("producer", "worker"), made.make("operator", "admin")
        by_sql(empty_dsn, made.dsn_of(machine), made.dsn_of(person), "opsloop")
    by_command_line(cli, "opsloop")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_in_one_sentence(
    encoding: str, databases: Databases, offline: Cli, tmp_path: Path
) -> None:
    name = unused_name()
    with psycopg.connect(databases.dsn, autocommit=True) as admin:
        admin.execute(f"create database {name} encoding '{encoding}' locale 'C' template template0")
        try:
            dsn = make_conninfo(databases.dsn, dbname=name)
            done = offline("migrate", "--dsn", dsn)
            assert done.code == 1
            assert done.err.startswith(f"OPS_055: database {name} is in {encoding}, and opsloop needs UTF8")
            assert "encoding 'UTF8'" in done.err
            script = offline("sql").out
            refused = psql(databases.programs, dsn, text=script)
            assert "OPS_055" in refused.stderr
            require_sqitch()
            deployed = Sqitch(databases.programs, dsn, tmp_path)("deploy")
            assert "OPS_055" in deployed.stdout + deployed.stderr
            with psycopg.connect(dsn) as conn:
                assert conn.execute("select to_regnamespace('opsloop') is null").fetchone() == (True,)
        finally:
            admin.execute(f"drop database {name} with (force)")
