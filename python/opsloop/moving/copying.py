"""The copy of a loop on the new server: made at once, whole or not at all, and held against the old one."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import IO, Any

from psycopg import sql

from opsloop import database
from opsloop.errors import MoveStopped, translate
from opsloop.moving.checking import TABLES
from opsloop.moving.places import Place

_SAY_EVERY = 2.0
_CHUNK = 1 << 18
#: What a failed program said last is enough to see why.
_LAST_WORDS = 4_000

_RIGHTS = """
  select a.privilege_type as privilege,
         case a.grantee when 0 then '-' else pg_get_userbyid(a.grantee)::text end as grantee
    from pg_namespace n cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
   where n.nspname = %s and a.grantee <> n.nspowner"""
_RESTORE = "opsloop move: restore"
#: What a command that was killed has left behind: it could commit when the move was taken back long ago.
_END_RESTORES = """
  select count(pg_terminate_backend(pid, 5000)) as ended from pg_stat_activity
   where datname = current_database() and pid <> pg_backend_pid() and application_name = %s"""


WAY_BACK = "opsloop move --from … --to … --take-back"
DIFFERS = f"Look into it; take the move back: {WAY_BACK}. Until then the loop is closed."


class Copy:
    """The copy of one loop, and what there is to say about it (`figures`)."""

    def __init__(self, old: Place, target: Place, schema: str, say: Callable[[str], None]) -> None:
        self._old = old
        self._target = target
        self._schema = schema
        self._say = say
        self.figures: dict[str, Any] = {}

    def make(self) -> None:
        """Dump and restore at once, in one transaction: the copy is there whole or not at all.

        All bytes go through this process, so that a restore whose dump ended early, or whose mover was killed, finds
        the end of its input and undoes what it did.
        """
        pattern = '"' + self._schema.replace('"', '""') + '"'
        dump, dump_env = self._old.program(
            "pg_dump", "--format=custom", "--compress=1", "--no-password", f"--schema={pattern}"
        )
        # A schema that is there, such as public, is empty: it is dropped and made anew in the same transaction.
        restore, restore_env = self._target.program(
            "pg_restore", "--single-transaction", "--clean", "--if-exists", "--no-password"
        )
        restore_env["PGAPPNAME"] = _RESTORE
        began = time.monotonic()
        with ExitStack() as stack:
            dump_said, restore_said = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            dumping = _started(stack, dump, dump_env, subprocess.DEVNULL, subprocess.PIPE, dump_said)
            restoring = _started(
                stack, restore, restore_env, subprocess.PIPE, subprocess.DEVNULL, restore_said
            )
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
        self.figures |= {"bytes": moved, "seconds": seconds}
        self._say(f"restore: the copy is at {self._target.name}, {size(moved)} compressed, after {seconds} s")

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
            hint=f"Mend it and call again, or take it back: {WAY_BACK}. Until then the loop is closed.",
        )

    def grant(self) -> None:
        """Give the rights on the schema that a dump takes for granted: those that everybody has on public."""
        given = [
            {tuple(one.values()) for one in place.rows(_RIGHTS, self._schema)}
            for place in (self._old, self._target)
        ]
        for right, grantee in sorted(given[0] - given[1]):
            role = sql.SQL("public") if grantee == "-" else sql.Identifier(grantee)
            with translate():
                self._target.conn.execute(
                    sql.SQL("grant {} on schema {} to {}").format(
                        sql.SQL(right), sql.Identifier(self._schema), role
                    )
                )

    def compare(self) -> None:
        """The same tables with as many rows on both sides. Both are closed, so that nothing changes meanwhile."""
        names = [one["relname"] for one in self._old.rows(TABLES, self._schema)]
        if names != [one["relname"] for one in self._target.rows(TABLES, self._schema)]:
            raise MoveStopped("the two sides have different tables", hint=DIFFERS)
        with ThreadPoolExecutor(2) as both:
            counted = [
                both.submit(_counts, place, self._schema, names) for place in (self._old, self._target)
            ]
            here, there = (one.result() for one in counted)
        differ = {name: [here[name], there[name]] for name in names if here[name] != there[name]}
        if differ:
            raise MoveStopped(
                f"tables have other numbers of rows at {self._target.name}: {', '.join(differ)}",
                detail={"rows": differ},
                hint=DIFFERS,
            )
        self.figures |= {"tables": len(names), "rows": sum(here.values())}
        self._say(f"compare: {len(names)} tables, {sum(here.values())} rows on both sides")


def end_restores(target: Place) -> None:
    """End what a command that was killed has left behind."""
    target.rows(_END_RESTORES, _RESTORE)


def _counts(place: Place, schema: str, tables: list[str]) -> dict[str, int]:
    counted = {}
    with translate():
        for name in tables:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
            counted[name] = int(database.value(place.conn, query) or 0)
    return counted


def size(number: float) -> str:
    """A number of bytes, for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1024 or unit == "GB":
            break
        number /= 1024
    return f"{number:.0f} {unit}"


def _started(
    stack: ExitStack, words: list[str], env: dict[str, str], stdin: int, stdout: int, stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """A program that is killed when the stack is left while it runs."""
    process = stack.enter_context(
        subprocess.Popen(words, env=env, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0)
    )
    stack.callback(process.kill)
    return process
