"""Runs plpgsql_check over every routine of a deployed schema, trigger functions once per trigger.

Usage: python tools/plpgsql_check.py. Needs Debian's PostgreSQL 15 with postgresql-15-plpgsql-check, and starts a
server of its own on a temporary directory. A second time beside implicit casts to text, for ambiguous operators. Exit
code 1 with findings; 0 without, or when the tools are not installed (1
where OPSLOOP_REQUIRE lists plpgsql_check, as CI does).
"""

import os
import sys
from pathlib import Path

import psycopg

from opsloop import embedded, migrate

EXTENSION = Path("/usr/share/postgresql/15/extension/plpgsql_check.control")

#: Routines of retention that compose their statements of names from the catalogue and of what _retention_parts() has,
#: never of what a caller gives. Of these: whether text is quoted, and what the statements return.
COMPOSING = ["_archive_of", "_drop_expired", "_purge_rows", "_retain", "_retain_part"]

#: Left out: performance hints; parameters that a routine does not use (the contract fixes them); and text where an
#: array or jsonb is wanted, which is how plpgsql_check sees the literal in `v_faults text[] := '{}'`.
CHECK = """
  select p.oid::regprocedure::text as routine, t.tgname as trigger, c.level, c.lineno, c.message, c.detail, c.hint
    from pg_proc p
    join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
    left join pg_trigger t on t.tgfoid = p.oid and not t.tgisinternal
    cross join lateral plpgsql_check_function_tb(
      p.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable,
      other_warnings => true, extra_warnings => true, security_warnings => true, performance_warnings => false
    ) c
   where p.pronamespace = 'opsloop'::regnamespace
     and (p.prorettype <> 'trigger'::regtype or t.oid is not null)
     and c.message not like 'unused parameter %%'
     and not (p.proname = any (%(composing)s) and (c.level = 'security' or concat(c.message, c.detail) ~ 'dynamic SQL'))
     and coalesce(c.detail, '') !~ '^cast "text" value to "(text\\[\\]|uuid\\[\\]|jsonb)" type$'
   order by 1, 2, 4"""

#: Casts that somebody may have made for everybody in the database: beside them `'text' || number` is ambiguous.
CASTS = ["smallint", "integer", "bigint", "numeric", "uuid", "jsonb", "interval", "timestamptz"]

COUNT = """
  select count(*), count(*) filter (where p.prorettype = 'trigger'::regtype)
    from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
   where p.pronamespace = 'opsloop'::regnamespace"""


def main() -> int:
    """Checks; returns the exit code."""
    if not EXTENSION.exists():
        print("plpgsql-check: skipped: needs postgresql-15 and postgresql-15-plpgsql-check", file=sys.stderr)
        return int("plpgsql_check" in os.environ.get("OPSLOOP_REQUIRE", "").split())
    with embedded.server(version=15, settings=embedded.THROWAWAY) as server:
        migrate.migrate(server.dsn())
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute("create schema check_tools; create extension plpgsql_check schema check_tools")
            conn.execute("set search_path = opsloop, check_tools, pg_temp")
            findings = conn.execute(CHECK, {"composing": COMPOSING}).fetchall()
            for type_ in CASTS:
                conn.execute(f"create cast ({type_} as text) with inout as implicit")
            findings += [
                found
                for found in conn.execute(CHECK, {"composing": COMPOSING}).fetchall()
                if found[2] == "error"
            ]
            routines, triggers = conn.execute(COUNT).fetchone() or (0, 0)
    for routine, trigger, level, line, *words in findings:
        where = f"{routine}{f' (trigger {trigger})' if trigger else ''}:{line or ''}"
        print(f"{where}: {level}: {'; '.join(filter(None, words))}")
    print(f"plpgsql-check: {routines} routines, {triggers} of them for triggers: {len(findings)} findings")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
