"""Obstacles to a move, asked of both servers before any change."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from opsloop.client import OwningClient
from opsloop.errors import MoveRefused, NotAllowed
from opsloop.moving.places import Place, program_path

#: What a dump and a restore manage together, bytes a second; measured with 100,000 missions on one machine.
_PACE = 20_000_000
TABLES = """
  select c.relname, pg_total_relation_size(c.oid) as bytes
    from pg_class c
   where c.relnamespace = (select n.oid from pg_namespace n where n.nspname = %s) and c.relkind = 'r'
   order by c.relname"""
_ROLES = """
  with own as (
    select n.oid, n.nspowner, n.nspacl from pg_namespace n where n.nspname = %s
  ), rights as (
    select nspowner as owner, nspacl as acl from own
     union all select c.relowner, c.relacl from pg_class c join own on own.oid = c.relnamespace
     union all select p.proowner, p.proacl from pg_proc p join own on own.oid = p.pronamespace
  )
  select distinct o.rolname as role, true as owns from rights r join pg_roles o on o.oid = r.owner
   union
  select distinct g.rolname, false
    from rights r cross join lateral aclexplode(r.acl) a join pg_roles g on g.oid = a.grantee
   where not exists (select from rights w where w.owner = g.oid)
   order by 1"""
_TABLESPACES = """
  select distinct t.spcname as name
    from pg_class c
    join pg_tablespace t on t.oid = c.reltablespace
   where c.relnamespace = (select n.oid from pg_namespace n where n.nspname = %s)
   order by 1"""
SERVER = """
  select current_setting('server_version_num')::integer / 10000 as major, pg_is_in_recovery() as standby,
         current_setting('server_encoding') as encoding, current_user as login,
         (select rolsuper from pg_roles where rolname = current_user) as superuser,
         has_database_privilege(current_database(), 'create') as creates,
         (select coalesce(array_agg(c order by c), '{}')
            from pg_db_role_setting s cross join unnest(s.setconfig) c
           where s.setdatabase = (select oid from pg_database where datname = current_database())) as settings"""
SESSIONS = """
  select usename as login, application_name as application, client_addr::text as address, count(*) as sessions
    from pg_stat_activity
   where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
   group by 1, 2, 3 order by 1, 2, 3"""


def check(source: OwningClient, old: Place, target: Place, schema: str) -> dict[str, Any]:
    """What a move would do. Raises MoveRefused (OPS_103) with all that stands against it."""
    here, there = old.row(SERVER), target.row(SERVER)
    tables = old.rows(TABLES, schema)
    total = sum(int(one["bytes"]) for one in tables)
    faults = [
        *_server_faults(old, target, here, there),
        *_schema_faults(old, target, schema),
        *_role_faults(old, target, here, there, schema),
        *_program_faults(here["major"], there["major"]),
    ]
    broken = source.check_invariants()
    faults += [f"{old.name}: invariant {one.invariant} is broken: {one.subject}" for one in broken[:20]]
    if faults:
        raise MoveRefused(
            f"the loop cannot move to {target.name}: {'; '.join(faults)}",
            detail={"faults": faults},
            hint="Mend these and call again. Nothing was changed.",
        )
    return {
        "from": old.name,
        "to": target.name,
        "schema": schema,
        "tables": len(tables),
        "bytes": total,
        "seconds": max(1, round(total / _PACE)),
        "running": len(source.list_running(1000)),
        "settings": here["settings"],
        "sessions": old.rows(SESSIONS),
    }


def _server_faults(
    old: Place, target: Place, here: Mapping[str, Any], there: Mapping[str, Any]
) -> Iterator[str]:
    for place, server in ((old, here), (target, there)):
        if server["standby"]:
            yield f"{place.name} is a standby"
    if there["major"] < here["major"]:
        yield f"{target.name} is PostgreSQL {there['major']}, older than {here['major']}"
    if there["encoding"] != "UTF8":
        yield f"{target.name} is in {there['encoding']}, not in UTF8"
    if not there["creates"]:
        yield f"{there['login']} may not create a schema in {target.name}"


def _schema_faults(old: Place, target: Place, schema: str) -> Iterator[str]:
    if not target.is_empty(schema):
        copy = ": it is the copy of a move that was taken back; --take-back, once more, drops it"
        yield f"schema {schema} of {target.name} is not empty{copy if _is_given_up(target, schema) else ''}"
    known = {one["spcname"] for one in target.rows("select spcname from pg_tablespace")}
    missing = [one["name"] for one in old.rows(_TABLESPACES, schema) if one["name"] not in known]
    if missing:
        yield f"{target.name} lacks the tablespaces {', '.join(missing)}"


def _is_given_up(target: Place, schema: str) -> bool:
    with suppress(NotAllowed):
        loop = target.loop(schema)
        state = loop.show_move() if loop is not None else None
        return state is not None and state["phase"] == "given_up"
    return False


def _role_faults(
    old: Place, target: Place, here: Mapping[str, Any], there: Mapping[str, Any], schema: str
) -> Iterator[str]:
    roles = old.rows(_ROLES, schema)
    known = {one["rolname"] for one in target.rows("select rolname from pg_roles")}
    missing = [one["role"] for one in roles if one["role"] not in known]
    if missing:
        yield (
            f"{target.name} lacks the roles {', '.join(missing)}: "
            "pg_dumpall --roles-only of the old server makes them"
        )
    for one in roles:
        if not one["owns"]:
            continue
        member = "select pg_has_role(%s, 'member') as is_member"
        if not here["superuser"] and not old.row(member, one["role"])["is_member"]:
            yield f"{here['login']} of {old.name} is no member of the owner {one['role']}"
        if one["role"] in known and not target.row(member, one["role"])["is_member"]:
            yield f"{there['login']} of {target.name} is no member of the owner {one['role']}"


def _program_faults(old: int, new: int) -> Iterator[str]:
    """pg_dump reads servers of its own version and older ones; pg_restore sets what older servers do not know."""
    versions = {}
    for program in ("pg_dump", "pg_restore"):
        try:
            said = subprocess.run(
                [program_path(program), "--version"], capture_output=True, text=True, check=True
            ).stdout
        except MoveRefused as error:
            yield error.message
            return
        found = re.search(r"\) (\d+)", said)
        versions[program] = int(found[1]) if found else 0
    if versions["pg_dump"] < old:
        yield f"pg_dump is of PostgreSQL {versions['pg_dump']}, older than the server's {old}"
    if versions["pg_restore"] < versions["pg_dump"]:
        yield f"pg_restore is of PostgreSQL {versions['pg_restore']}, older than pg_dump"
    if versions["pg_restore"] > new:
        yield f"pg_restore is of PostgreSQL {versions['pg_restore']}, newer than the new server's {new}"
