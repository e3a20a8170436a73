"""Moves a loop to another server: the steps of docs/moving.md in their order, each of which may be repeated.

Where a move is stands in `ops_moves` of both databases, and nowhere else: whoever is asked to go on, or back, looks
there. At most one of the two databases is open at any time, whatever is killed in between: the old one is closed before
the dump begins, it says that the loop has moved before the new one opens, and the new one gives its copy up before the
old one opens again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from opsloop import database
from opsloop.client import OwningClient, connect
from opsloop.errors import Busy, DatabaseUnavailable, MoveRefused, MoveStopped, translate

#: What a dump and a restore manage together, bytes a second; measured with 100,000 missions on one machine.
_PACE = 20_000_000
_POLL = 0.5
_SAY_EVERY = 2.0
_CHUNK = 1 << 18
#: How long the session of a command that was killed is waited for, seconds.
_PATIENCE = 5.0
#: What a failed program said last is enough to see why.
_LAST_WORDS = 4_000

_IDENTITY = """
  select (select system_identifier from pg_control_system())::text || '/'
         || (select oid from pg_database where datname = current_database())::text"""
_TABLES = """
  select c.relname, pg_total_relation_size(c.oid) as bytes
    from pg_class c
   where c.relnamespace = (select n.oid from pg_namespace n where n.nspname = %s) and c.relkind = 'r'
   order by c.relname"""
_OBJECTS = """
  select (select count(*) from pg_class c where c.relnamespace = n.oid)
         + (select count(*) from pg_proc p where p.pronamespace = n.oid)
         + (select count(*) from pg_type t where t.typnamespace = n.oid) as objects
    from pg_namespace n where n.nspname = %s"""
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
_RIGHTS = """
  select a.privilege_type as privilege,
         case a.grantee when 0 then '-' else pg_get_userbyid(a.grantee)::text end as grantee
    from pg_namespace n cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
   where n.nspname = %s and a.grantee <> n.nspowner"""
_SERVER = """
  select current_setting('server_version_num')::integer / 10000 as major, pg_is_in_recovery() as standby,
         current_setting('server_encoding') as encoding, current_user as login,
         (select rolsuper from pg_roles where rolname = current_user) as superuser,
         has_database_privilege(current_database(), 'create') as creates,
         (select coalesce(array_agg(c order by c), '{}')
            from pg_db_role_setting s cross join unnest(s.setconfig) c
           where s.setdatabase = (select oid from pg_database where datname = current_database())) as settings"""
_SESSIONS = """
  select usename as login, application_name as application, client_addr::text as address, count(*) as sessions
    from pg_stat_activity
   where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
   group by 1, 2, 3 order by 1, 2, 3"""
#: A lock of the session, so that it ends with whoever has it. Both halves of its key are from one text.
_TAKE = "select pg_try_advisory_lock(hashtext('opsloop move'), hashtext(%s))"
_HOLDERS = """
  select l.pid, a.usename as login, a.application_name as application, a.backend_start::text as since
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
   where l.locktype = 'advisory' and l.granted and l.objsubid = 2
     and l.classid = (hashtext('opsloop move')::bigint & 4294967295)::oid
     and l.objid = (hashtext(%s)::bigint & 4294967295)::oid
     and l.database = (select oid from pg_database where datname = current_database())"""


_RESTORE = "opsloop move: restore"
#: What a command that was killed has left behind: it could commit when the move was taken back long ago.
_END_RESTORES = """
  select count(pg_terminate_backend(pid, 5000)) as ended from pg_stat_activity
   where datname = current_database() and pid <> pg_backend_pid() and application_name = %s"""


@dataclass(frozen=True)
class Place:
    """One of the two databases: a session on it, and what it is called."""

    conn: psycopg.Connection[Any]
    dsn: str = field(repr=False)
    name: str
    """Host, port and database, for people. Never a password."""

    def row(self, query: str, *args: Any) -> dict[str, Any]:
        """The one row of a query."""
        (found,) = self.rows(query, *args)
        return found

    def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        with translate():
            return self.conn.cursor(row_factory=dict_row).execute(query.encode(), args).fetchall()

    def program(self, name: str, *options: str) -> tuple[list[str], dict[str, str]]:
        """A program of PostgreSQL's on this database, and its environment, which has the password."""
        said = {**conninfo_to_dict(self.dsn), **database.to_primary(self.dsn)}
        password = said.pop("password", None)
        env = dict(os.environ)
        if password is not None:
            env["PGPASSWORD"] = str(password)
        return [_path(name), "--dbname", make_conninfo("", **said), *options], env


class Move:
    """The move of one loop. `run` and `take_back` are what a person asks for; both go on from wherever it is."""

    def __init__(
        self,
        source: str,
        target: str,
        schema: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        drain: float = 300.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source_dsn = source
        self._target_dsn = target
        self._schema = schema
        self._actor = actor
        self._reason = reason
        self._drain_seconds = drain
        self._say = say
        self._copied: dict[str, Any] = {}

    def survey(self) -> dict[str, Any]:
        """What a move would do, without doing it. Raises MoveRefused (OPS_103) with all that stands against it."""
        with self._source() as source, self._target() as target:
            old = self._place(source)
            _assert_apart(old, target)
            return self._check(source, old, target)

    def run(self) -> dict[str, Any]:
        """Move the loop, or go on with it. Returns where it is by then, and what is to be switched."""
        with self._source() as source, self._target() as target:
            old = self._place(source)
            _assert_apart(old, target)
            with self._alone(old), self._alone(target):
                state = self._state_of_source(source, target)
                if state is None:
                    self._check(source, old, target)
                    self._say(f"check: {target.name} takes it; beginning to move")
                    state = source.begin_move(target.name, old.name, self._actor, self._reason)
                else:
                    self._say(
                        f"going on with the move that {state['begun_by']} began: it is {state['phase']}"
                    )
                sessions = old.rows(_SESSIONS)
                if state["phase"] == "draining":
                    self._drain(source, state)
                    state = source.close_move(self._actor)
                    self._say(f"close: nothing is written to {old.name} any more")
                if state["phase"] == "closed":
                    arrived = self._bring_over(source, old, target, state)
                    self._await_leases(arrived)
                    state = source.finish_move(self._actor)
                    self._say(f"moved: {old.name} says so from now on")
                opened = self._open(source, target, state)
                return {
                    "move": opened,
                    "copied": self._copied,
                    "switch": self._switch(old, target, sessions),
                }

    def open_without_source(self) -> dict[str, Any]:
        """Open the copy although the old server is lost. What was closed there stays so when it comes back."""
        with suppress(DatabaseUnavailable), self._source() as source:
            raise MoveRefused(
                f"{_name(source.conn)} is not lost: it answers",
                detail=source.show_move(),
                hint="Leave out --source-is-lost, and the move goes on.",
            )
        with self._target() as target, self._alone(target):
            loop = self._loop_at(target)
            state = loop.show_move() if loop is not None else None
            if loop is None or state is None or state["side"] != "target":
                raise MoveRefused(
                    f"{target.name} has no copy of the loop",
                    detail=state,
                    hint="Restore a backup there, and call opsloop after-restore (docs/recovery.md).",
                )
            if state["phase"] == "closed":
                self._receive(loop)
                self._assert_sound(loop, target)
                state = loop.show_move() or state
            self._await_leases(state)
            opened = loop.finish_move(self._actor)
            self._say(f"open: the loop goes on at {target.name}")
            return {"move": opened, "copied": {}, "switch": self._switch(None, target, [])}

    def take_back(self, *, target_is_lost: bool = False) -> dict[str, Any]:
        """Take the move back. Raises MoveOver (OPS_104) when the loop goes on on the new server already."""
        with self._source() as source:
            old = self._place(source)
            with self._alone(old):
                state = source.show_move()
                if state is None or state["side"] != "source":
                    raise MoveRefused(
                        f"no move was begun at {old.name}",
                        detail=state,
                        hint="--from is where the loop was before.",
                    )
                # Before it is closed nothing has been brought over.
                if state["phase"] != "draining" and not target_is_lost:
                    self._give_up_copy(state)
                taken = source.take_back_move(self._actor, self._reason)
                self._say(f"taken back: the loop goes on at {old.name}")
                return {"move": taken}

    # -- the two sides -----------------------------------------------------------------------------------------------

    @contextmanager
    def _source(self) -> Iterator[OwningClient]:
        with _at("--from"):
            client = connect(self._source_dsn, self._schema)
        with client:
            with translate():
                client.conn.execute("set statement_timeout = 0")
            yield client

    def _place(self, source: OwningClient) -> Place:
        return Place(source.conn, self._source_dsn, _name(source.conn))

    @contextmanager
    def _target(self) -> Iterator[Place]:
        with _at("--to"):
            conn = database.connect(self._target_dsn, name="opsloop move")
        try:
            with translate():
                conn.execute("set statement_timeout = 0")
            yield Place(conn, self._target_dsn, _name(conn))
        finally:
            conn.close()

    def _loop_at(self, target: Place) -> OwningClient | None:
        """The loop on the new server, if one is there that may have come by a move."""
        found = target.row(
            "select to_regclass(%s) is not null as there", f"{_quoted(self._schema)}.ops_moves"
        )
        return OwningClient(target.conn, self._schema) if found["there"] else None

    @contextmanager
    def _alone(self, place: Place) -> Iterator[None]:
        """Hold the right to move this loop from here, or to here. Raises Busy (OPS_031)."""
        ends = time.monotonic() + _PATIENCE
        while not place.row(_TAKE, self._schema)["pg_try_advisory_lock"]:
            if time.monotonic() < ends:
                time.sleep(_POLL)
                continue
            holders = place.rows(_HOLDERS, self._schema)
            raise Busy(
                f"somebody is moving schema {self._schema} of {place.name}",
                detail={"holders": holders},
                hint="Let that command go on. One that was killed holds it until its session has ended.",
            )
        # The lock ends with the session.
        yield

    def _state_of_source(self, source: OwningClient, target: Place) -> dict[str, Any] | None:
        """The move in force, if it is the one that is asked for; None when none is."""
        state = source.show_move()
        if state is None or not state["in_force"]:
            return None
        if state["side"] != "source":
            raise MoveRefused(
                f"--from is the copy of a loop that is moving here from {state['from']}",
                detail=state,
                hint="--from is the old server, --to the new one.",
            )
        if state["to"] != target.name:
            raise MoveRefused(
                f"the loop is being moved to {state['to']}, not to {target.name}",
                detail=state,
                hint="Go on with that move (--to as it was then), or take it back: opsloop move --take-back.",
            )
        return state

    # -- check -------------------------------------------------------------------------------------------------------

    def _check(self, source: OwningClient, old: Place, target: Place) -> dict[str, Any]:
        """All that can be known before anything is touched."""
        here, there = old.row(_SERVER), target.row(_SERVER)
        tables = old.rows(_TABLES, self._schema)
        total = sum(int(one["bytes"]) for one in tables)
        faults = [*self._faults(old, target, here, there), *_program_faults(here["major"])]
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
            "schema": self._schema,
            "tables": len(tables),
            "bytes": total,
            "seconds": max(1, round(total / _PACE)),
            "running": len(source.list_running(1000)),
            "settings": here["settings"],
            "sessions": old.rows(_SESSIONS),
        }

    def _faults(
        self, old: Place, target: Place, here: Mapping[str, Any], there: Mapping[str, Any]
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
        present = target.rows(_OBJECTS, self._schema)
        if present and present[0]["objects"]:
            yield f"schema {self._schema} of {target.name} is not empty"
        roles = old.rows(_ROLES, self._schema)
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

    # -- drain, copy, compare ----------------------------------------------------------------------------------------

    def _drain(self, source: OwningClient, state: dict[str, Any]) -> None:
        """Wait until nothing runs. What runs then still is left to its leases: it comes back on the new server."""
        ends = time.monotonic() + self._drain_seconds
        said = None
        while state["running"] or state["delivering"]:
            now = state["running"], state["delivering"]
            if time.monotonic() >= ends:
                self._say(f"drain: {now[0]} steps and {now[1]} deliveries are not waited for any longer")
                return
            if now != said:
                self._say(f"drain: {now[0]} steps run, {now[1]} deliveries are on their way")
                said = now
            time.sleep(_POLL)
            state = source.show_move() or state
        self._say("drain: nothing runs any more")

    def _bring_over(
        self, source: OwningClient, old: Place, target: Place, state: dict[str, Any]
    ) -> dict[str, Any]:
        """Have a copy on the new server that is known to be whole and sound, and closed."""
        target.rows(_END_RESTORES, _RESTORE)
        loop = self._loop_at(target)
        if loop is None:
            present = target.rows(_OBJECTS, self._schema)
            if present and present[0]["objects"]:
                raise MoveStopped(
                    f"schema {self._schema} of {target.name} has objects of somebody else by now",
                    hint=f"Drop them and call again, or take it back: {self._way_back()}.",
                )
            self._copy(old, target)
            loop = OwningClient(target.conn, self._schema)
        there = loop.show_move()
        if there is None or there["move_id"] != state["move_id"] or there["side"] != "target":
            raise MoveStopped(
                f"schema {self._schema} of {target.name} is another loop, or the copy of another move",
                detail=there,
                hint=f"Drop it and call again, or take it back: {self._way_back()}.",
            )
        if there["phase"] == "given_up":
            raise MoveStopped(
                f"the copy at {target.name} was given up: the move is being taken back",
                detail=there,
                hint=f"Go on with that: {self._way_back()}. Then the loop can move anew.",
            )
        if there["phase"] == "closed":
            self._grant(old, target)
            self._compare(old, target)
            there = self._receive(loop)
        self._assert_sound(source, old)
        self._assert_sound(loop, target)
        return there

    def _copy(self, old: Place, target: Place) -> None:
        """Dump and restore at once, in one transaction: the copy is there whole or not at all.

        All bytes go through this process, so that a restore whose dump ended early, or whose mover was killed, finds
        the end of its input and undoes what it did.
        """
        pattern = '"' + self._schema.replace('"', '""') + '"'
        dump, dump_env = old.program(
            "pg_dump", "--format=custom", "--compress=1", "--no-password", f"--schema={pattern}"
        )
        # A schema that is there, such as public, is empty: it is dropped and made anew in the same transaction.
        restore, restore_env = target.program(
            "pg_restore", "--single-transaction", "--clean", "--if-exists", "--no-password"
        )
        restore_env["PGAPPNAME"] = _RESTORE
        began = time.monotonic()
        with ExitStack() as stack:
            dump_said, restore_said = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            dumping = stack.enter_context(
                subprocess.Popen(
                    dump,
                    env=dump_env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=dump_said,
                    bufsize=0,
                )
            )
            stack.callback(dumping.kill)
            restoring = stack.enter_context(
                subprocess.Popen(
                    restore,
                    env=restore_env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=restore_said,
                    bufsize=0,
                )
            )
            stack.callback(restoring.kill)
            assert dumping.stdout is not None
            assert restoring.stdin is not None
            try:
                moved = self._pump(dumping.stdout, restoring.stdin, began)
            except BrokenPipeError:
                restoring.wait()
                raise self._failed("pg_restore", restore_said) from None
            if dumping.wait() != 0:
                # The restore has not seen the end of the dump, and never will.
                raise self._failed("pg_dump", dump_said)
            restoring.stdin.close()
            if restoring.wait() != 0:
                raise self._failed("pg_restore", restore_said)
        seconds = round(time.monotonic() - began, 1)
        self._copied |= {"bytes": moved, "seconds": seconds}
        self._say(f"restore: the copy is at {target.name}, {size(moved)} compressed, after {seconds} s")

    def _pump(self, dump: IO[bytes], restore: IO[bytes], began: float) -> int:
        moved, said = 0, began
        while chunk := dump.read(_CHUNK):
            rest = memoryview(chunk)
            while rest:
                rest = rest[restore.write(rest) :]
            moved += len(chunk)
            if time.monotonic() - said >= _SAY_EVERY:
                said = time.monotonic()
                self._say(f"copy: {size(moved)} so far, {round(said - began)} s")
        return moved

    def _failed(self, program: str, words: IO[bytes]) -> MoveStopped:
        words.seek(0)
        said = words.read().decode(errors="replace").strip()[-_LAST_WORDS:]
        return MoveStopped(
            f"{program} failed: {said.splitlines()[-1] if said else 'it said nothing'}",
            detail={"program": program, "said": said},
            hint=f"Mend it and call again, or take it back: {self._way_back()}. Until then the loop is closed.",
        )

    def _grant(self, old: Place, target: Place) -> None:
        """Give the rights on the schema that a dump takes for granted: those that everybody has on public."""
        given = [
            {tuple(one.values()) for one in place.rows(_RIGHTS, self._schema)} for place in (old, target)
        ]
        for right, grantee in sorted(given[0] - given[1]):
            role = sql.SQL("public") if grantee == "-" else sql.Identifier(grantee)
            with translate():
                target.conn.execute(
                    sql.SQL("grant {} on schema {} to {}").format(
                        sql.SQL(right), sql.Identifier(self._schema), role
                    )
                )

    def _compare(self, old: Place, target: Place) -> None:
        """The same tables with as many rows on both sides. Both are closed, so that nothing changes meanwhile."""
        names = [one["relname"] for one in old.rows(_TABLES, self._schema)]
        if names != [one["relname"] for one in target.rows(_TABLES, self._schema)]:
            raise MoveStopped("the two sides have different tables", hint=self._differs())
        with ThreadPoolExecutor(2) as both:
            counted = [both.submit(_counts, place, self._schema, names) for place in (old, target)]
            here, there = (one.result() for one in counted)
        differ = {name: [here[name], there[name]] for name in names if here[name] != there[name]}
        if differ:
            raise MoveStopped(
                f"tables have other numbers of rows at {target.name}: {', '.join(differ)}",
                detail={"rows": differ},
                hint=self._differs(),
            )
        self._copied |= {"tables": len(names), "rows": sum(here.values())}
        self._say(f"compare: {len(names)} tables, {sum(here.values())} rows on both sides")

    def _receive(self, loop: OwningClient) -> dict[str, Any]:
        there = loop.receive_move(self._actor)
        if (restored := there.get("restored")) is not None:
            held = f", {restored['held']} of them wait for a person" if restored["held"] else ""
            self._say(f"after-restore: epoch {restored['epoch']}, {restored['revoked']} leases revoked{held}")
        return there

    def _assert_sound(self, loop: OwningClient, place: Place) -> None:
        broken = loop.check_invariants()
        if broken:
            raise MoveStopped(
                f"{len(broken)} invariants are broken at {place.name}",
                detail={"broken": [[one.invariant, one.subject, one.detail] for one in broken[:50]]},
                hint=self._differs(),
            )
        self._say(f"invariants: {place.name} is sound")

    def _await_leases(self, state: Mapping[str, Any]) -> None:
        """No worker is at a step of the old server any more when the new one hands it out."""
        if state["leases_until"] is None:
            return
        until = datetime.fromisoformat(state["leases_until"])
        while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
            self._say(f"leases: the last one of the old server ends in {left:.0f} s")
            time.sleep(min(left, 10.0))

    def _open(self, source: OwningClient, target: Place, state: dict[str, Any]) -> dict[str, Any]:
        """The old server has said that the loop has moved: open it on the new one."""
        loop = self._loop_at(target)
        there = loop.show_move() if loop is not None else None
        if loop is None or there is None or there["move_id"] != state["move_id"]:
            raise MoveStopped(
                f"the loop has moved, but {target.name} does not have this copy of it",
                detail={"source": state, "target": there},
                hint=f"If it never went on there: {self._way_back()} --target-is-lost.",
            )
        self._await_leases(there)
        while True:
            try:
                opened = loop.finish_move(self._actor)
                break
            except MoveRefused as error:
                # The clocks of the two servers, or of this machine, differ.
                if there["phase"] != "arrived" or not _is_later(error.detail):
                    raise
                time.sleep(_POLL)
        self._say(f"open: the loop goes on at {target.name}")
        return opened

    # -- back --------------------------------------------------------------------------------------------------------

    def _give_up_copy(self, state: Mapping[str, Any]) -> None:
        try:
            with self._target() as target, self._alone(target):
                if target.name != state["to"]:
                    raise MoveRefused(
                        f"the loop was being moved to {state['to']}, not to {target.name}",
                        detail=dict(state),
                        hint="--to as it was then: the copy there has to be given up first.",
                    )
                target.rows(_END_RESTORES, _RESTORE)
                loop = self._loop_at(target)
                there = loop.show_move() if loop is not None else None
                if loop is None or there is None or there["move_id"] != state["move_id"]:
                    return
                if there["phase"] != "given_up":
                    loop.take_back_move(self._actor, self._reason)
                with translate():
                    target.conn.execute(
                        sql.SQL("drop schema {} cascade").format(sql.Identifier(self._schema))
                    )
                self._say(f"the copy at {target.name} is dropped")
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                f"{error.message}: nobody can tell whether the loop goes on there",
                detail=error.detail,
                hint="Take it back when that server can be reached; --target-is-lost if it is gone for good.",
            ) from error

    def _switch(self, old: Place | None, target: Place, sessions: list[dict[str, Any]]) -> dict[str, Any]:
        said = conninfo_to_dict(target.dsn)
        said.pop("password", None)
        return {
            "database_url": make_conninfo("", **said),
            "sessions": sessions,
            "settings": [] if old is None else old.row(_SERVER)["settings"],
        }

    def _differs(self) -> str:
        return f"Look into it; take the move back: {self._way_back()}. Until then the loop is closed."

    def _way_back(self) -> str:
        return "opsloop move --from … --to … --take-back"


def _assert_apart(old: Place, target: Place) -> None:
    if old.row(_IDENTITY) == target.row(_IDENTITY):
        fault = "--from and --to are the same database"
        raise MoveRefused(
            f"the loop cannot move: {fault}",
            detail={"faults": [fault]},
            hint="Name another database with --to.",
        )


def _counts(place: Place, schema: str, tables: list[str]) -> dict[str, int]:
    counted = {}
    with translate():
        for name in tables:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
            counted[name] = int(database.value(place.conn, query) or 0)
    return counted


def _is_later(detail: Any) -> bool:
    """Whether a step was refused because leases of the old server have not ended by the clock of the new one."""
    return (
        isinstance(detail, dict)
        and detail.get("phase") == "arrived"
        and detail.get("leases_until") is not None
    )


def _name(conn: psycopg.Connection[Any]) -> str:
    said = conn.info.get_parameters()
    host = said.get("host") or said.get("hostaddr") or conn.info.host or "localhost"
    return f"{host}:{said.get('port') or conn.info.port}/{conn.info.dbname}"


@contextmanager
def _at(option: str) -> Iterator[None]:
    """Say which of the two could not be reached."""
    try:
        with translate():
            yield
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"{option}: {error.message}", detail=error.detail, hint=error.hint
        ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise MoveRefused(
            f"{program} is not on the PATH",
            hint="Install the client programs of PostgreSQL, or put them on the PATH.",
        )
    return found


def _program_faults(major: int) -> Iterator[str]:
    """pg_dump reads servers of its own version and older ones, pg_restore dumps likewise."""
    versions = {}
    for program in ("pg_dump", "pg_restore"):
        try:
            said = subprocess.run(
                [_path(program), "--version"], capture_output=True, text=True, check=True
            ).stdout
        except MoveRefused as error:
            yield error.message
            return
        found = re.search(r"\) (\d+)", said)
        versions[program] = int(found[1]) if found else 0
    if versions["pg_dump"] < major:
        yield f"pg_dump is of PostgreSQL {versions['pg_dump']}, older than the server's {major}"
    if versions["pg_restore"] < versions["pg_dump"]:
        yield f"pg_restore is of PostgreSQL {versions['pg_restore']}, older than pg_dump"


def size(number: float) -> str:
    """A number of bytes, for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1024 or unit == "GB":
            break
        number /= 1024
    return f"{number:.0f} {unit}"
