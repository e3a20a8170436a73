"""Installs opsloop into a database, upgrades it and takes it back: yoyo-migrations applies, the ledger decides.

Every change runs in one transaction together with its ledger row and yoyo's own mark, so a killed installer
leaves nothing half done. What is installed is what the ledger (`opsloop_schema_change`) says, whoever wrote it:
changes deployed by sqitch or psql are recognised. Installers of one schema wait for each other.

All functions take a libpq connection string or URL; an empty one means the PG* environment. They need a direct
connection, not one through a transaction-pooling PgBouncer.

Raises, all of them: DatabaseUnavailable (OPS_001), ForeignObject (OPS_013) when something that is not opsloop's
stands in the way, IllegalState (OPS_014) when a lock is not to be had, NotAllowed (OPS_015), InvalidArgument
(OPS_018), SchemaMismatch (OPS_021) when a newer opsloop was here. A change that fails changes nothing; those before
it stay.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, MigrationStep

from opsloop import compatibility, sqlfiles
from opsloop.config import DEFAULT_SCHEMA, check_schema
from opsloop.database import connect, value
from opsloop.errors import ForeignObject, IllegalState, InvalidArgument, SchemaMismatch, translate
from opsloop.sqlfiles import Change

#: How the comment on the schema of a compatibility layer begins; the schema of its loop follows.
_LAYER = "opsloop compat of schema "
_LAID_OVER: LiteralString = """
  select string_agg(distinct (parse_ident(l.over))[1], ', ')
    from (select substr(obj_description(n.oid, 'pg_namespace'), length(p.begins) + 1)
            from pg_namespace n, (values (%s)) p (begins)
           where n.nspname = %s and starts_with(obj_description(n.oid, 'pg_namespace'), p.begins)
          union all
          select f.pronamespace::regnamespace::text from pg_proc f where obj_description(f.oid, 'pg_proc') = %s
         ) l (over)"""


@dataclass(frozen=True)
class Status:
    """The content of one schema, against that of this package."""

    schema: str
    #: Changes that the ledger lists, oldest first; reloads of the routines (code_…) are not among them.
    applied: list[str] = field(default_factory=list)
    #: Changes that this package ships and the ledger does not list, in the order they would run.
    pending: list[str] = field(default_factory=list)
    #: Changes that the ledger lists and this package does not ship: a newer opsloop was here.
    unknown: list[str] = field(default_factory=list)
    #: Whether the routines in the database are those of this package.
    code_current: bool = False
    #: The compatibility number of the routines there; None when there are none, or none that tell it.
    compatibility: int | None = None

    @property
    def up_to_date(self) -> bool:
        """True when `migrate` would change nothing."""
        return not self.pending and not self.unknown and self.code_current

    @property
    def served(self) -> bool:
        """True when this package works on what is there, be it a newer release."""
        return self.compatibility is not None and compatibility.serves(self.compatibility)


def migrate(dsn: str, schema: str = DEFAULT_SCHEMA) -> list[str]:
    """Installs what is missing and returns the names, in order; [] when there was nothing to do.

    After the pending changes it loads the routines if they are not those of this package; that is listed as
    `code_…` and happens between releases only, since a release loads them itself.
    """
    with _installer(dsn, schema) as backend:
        before = _status(backend.connection, schema)
        _refuse_newer(before)
        pending = [c for c in sqlfiles.changes() if c.name in before.pending]
        backend.sync_marks(before.applied)
        backend.apply_migrations(MigrationList([_YoyoChange(c, schema) for c in pending]))
        done = [c.name for c in pending]
        if not _status(backend.connection, schema).code_current:
            with backend.transaction():
                _run(backend.connection, sqlfiles.reload_text(schema))
            done.append(f"code_{sqlfiles.code_digest()[:12]}")
        return done


def bring_up(dsn: str, schema: str = DEFAULT_SCHEMA) -> list[str]:
    """As `migrate`, but leaves a schema of a newer opsloop as it is where it serves this package.

    A login that may work but not install is welcome where there is nothing to install.
    """
    state = status(dsn, schema)
    return [] if state.up_to_date or (state.unknown and state.served) else migrate(dsn, schema)


def rollback(dsn: str, schema: str = DEFAULT_SCHEMA, to: str | None = None) -> list[str]:
    """Takes back every change after `to`, newest first, and returns their names; `to=None` takes back all.

    Rows go with their tables. The schema itself stays, with yoyo's tables in it.
    """
    with _installer(dsn, schema) as backend:
        state = _status(backend.connection, schema)
        _refuse_newer(state)
        if to is not None and to not in state.applied:
            raise InvalidArgument(
                f"change {to} is not installed in schema {schema}", detail={"installed": state.applied}
            )
        keep = 0 if to is None else state.applied.index(to) + 1
        gone = set(state.applied[keep:])
        back = [c for c in reversed(sqlfiles.changes()) if c.name in gone]
        backend.sync_marks(state.applied)
        backend.rollback_migrations(MigrationList([_YoyoChange(c, schema) for c in back]))
        return [c.name for c in back]


def status(dsn: str, schema: str = DEFAULT_SCHEMA) -> Status:
    """Compares the ledger with this package. Reads only; an absent schema counts as an empty one."""
    check_schema(schema, "schema")
    with translate(), connect(dsn) as conn:
        _use_schema(conn, schema)
        return _status(conn, schema)


def render_sql(schema: str = DEFAULT_SCHEMA, from_: int = 0) -> str:
    """The SQL that `migrate` would run for the changes numbered `from_` and up: for a DBA's own tool."""
    check_schema(schema, "schema")
    parts = [
        f"-- {change.name}\nbegin;\n\n{sqlfiles.install_text(change, schema)}\ncommit;\n"
        for change in sqlfiles.changes()
        if change.number >= from_
    ]
    return "\n".join(parts)


def seed(dsn: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Puts the default policies in place; a policy that exists is left as it is."""
    check_schema(schema, "schema")
    script = sqlfiles.sql_root() / "seed/policies.sql"
    with translate(), connect(dsn) as conn, conn.transaction():
        _use_schema(conn, schema)
        _run(conn, sqlfiles.expand(script))


def apply_rights(dsn: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Applies sql/grants.sql again, as each load of the routines does: after roles were made or changed.

    To be run by the owner of the schema. Makes the roles first when the login may; loads no routines.
    """
    check_schema(schema, "schema")
    with translate(), _explain(schema), connect(dsn) as conn, conn.transaction():
        _run(conn, sqlfiles.rights_text(schema))


def layers(dsn: str) -> dict[str, str | None]:
    """Each compatibility layer that this package ships, with the schema it is laid over here; None: not installed.

    One of functions in the schema of the loop itself can lie over several.
    """
    with translate(), connect(dsn) as conn:
        return {
            name: value(conn, _LAID_OVER, (_LAYER, name, f"opsloop compat {name}"))
            for name in sqlfiles.layers()
        }


def install_layer(dsn: str, name: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Lays a compatibility layer over the loop in `schema`; again does no harm."""
    _run_layer(dsn, name, name, schema)


def remove_layer(dsn: str, name: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Takes a compatibility layer back. NotFound (OPS_012) when there is none over the loop in `schema`."""
    _run_layer(dsn, name, f"{name}_remove", schema)


def _run_layer(dsn: str, name: str, script: str, schema: str) -> None:
    check_schema(schema, "schema")
    if name not in sqlfiles.layers():
        raise InvalidArgument(
            f"there is no compatibility layer {name!r}",
            detail={"layers": sqlfiles.layers()},
            hint="opsloop compat list",
        )
    with translate(), _explain(schema), connect(dsn, autocommit=False) as conn:
        _run(conn, sqlfiles.layer_text(script, schema))


def _run(conn: psycopg.Connection[Any], script: str) -> None:
    """Run a whole script in the transaction that is open.

    The server reads all of it in the time of its first statement: a statement_timeout that is meant for queries must
    not be in force by then, whatever the script sets.
    """
    conn.execute("set local statement_timeout = 0")
    conn.execute(script.encode())


def _use_schema(conn: psycopg.Connection[Any], schema: str) -> None:
    conn.execute(sql.SQL("set search_path = {}, pg_temp").format(sql.Identifier(schema)))


def _status(conn: psycopg.Connection[Any], schema: str) -> Status:
    """As `status`, on a connection whose search_path is set."""
    shipped = [c.name for c in sqlfiles.changes()]
    if not value(conn, "select to_regclass('opsloop_schema_change') is not null"):
        return Status(schema, pending=shipped)
    ledger = conn.cursor(row_factory=dict_row)
    rows = ledger.execute(
        "select change, code_digest from opsloop_schema_change order by installed_at"
    ).fetchall()
    applied = sorted(row["change"] for row in rows if not row["change"].startswith("code_"))
    digests = [row["code_digest"] for row in rows if row["code_digest"] is not None]
    told = value(conn, "select to_regprocedure('fn_compatibility()') is not null")
    return Status(
        schema,
        applied=applied,
        pending=[name for name in shipped if name not in applied],
        unknown=[name for name in applied if name not in shipped],
        code_current=_has_code(conn, digests[-1] if digests else "none"),
        compatibility=value(conn, "select fn_compatibility()") if told else None,
    )


def _has_code(conn: psycopg.Connection[Any], digest: str) -> bool:
    """Whether the routines there are those of this package, by the digest of the files that were loaded last.

    psql and sqitch know no digest: then the routines themselves are compared.
    """
    if digest != "unknown":
        return bool(digest == sqlfiles.code_digest())
    rows = conn.execute(
        "select p.proname, p.prosrc, p.prosecdef, p.provolatile,"
        " array(select c from unnest(p.proconfig) c where c !~ '^search_path=') from opsloop_routine r"
        " join pg_proc p on p.proname = r.name and oidvectortypes(p.proargtypes) = r.arg_types"
        " where p.pronamespace = quote_ident(current_schema())::regnamespace"
    ).fetchall()
    found, shipped = {name: tuple(about) for name, *about in rows}, sqlfiles.routines()
    # A node of a fleet writes its number there.
    return found.pop("_node", None) is not None and shipped.pop("_node") is not None and found == shipped


@contextmanager
def _installer(dsn: str, schema: str) -> Iterator["_Backend"]:
    """A yoyo backend on `schema`, which exists from then on, while no other installer is at work there."""
    check_schema(schema, "schema")
    with translate(), _explain(schema), connect(dsn, autocommit=False) as guard:
        # An open transaction holds the lock, on a connection of its own: the lock goes when this process does.
        # Not the key that sql/loader/begin.sql locks, or the installer would wait for itself.
        guard.execute("set local idle_in_transaction_session_timeout = 0")
        guard.execute("set local statement_timeout = 0; set local lock_timeout = '10min'")
        guard.execute(
            "select pg_advisory_xact_lock(hashtextextended('opsloop:install:' || %s, 0))", (schema,)
        )
        with connect(dsn, autocommit=False) as first, first.transaction():
            _run(first, sqlfiles.prepare_text(schema))
        uri = DatabaseURI("postgresql+psycopg", None, None, None, None, None, {"dsn": dsn, "schema": schema})
        with _Backend(uri, "_yoyo_opsloop_migration") as backend:
            backend.create_lock_table()
            backend.break_lock()  # left by a killed process: nobody else is here while the guard holds its lock
            yield backend


@contextmanager
def _explain(schema: str) -> Iterator[None]:
    """Says what a refusal of PostgreSQL means for an installation."""
    try:
        yield
    except (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject) as error:
        # The ledger does not know it, so it is somebody else's.
        raise ForeignObject(
            f"schema {schema} holds an object of a name that opsloop needs",
            detail=error.diag.message_primary,
            hint="Nothing was changed. Rename or drop it, or install opsloop into a schema of its own.",
        ) from error
    except psycopg.errors.DependentObjectsStillExist as error:
        raise ForeignObject(
            error.diag.message_primary or "something else depends on what is to be removed",
            detail=error.diag.message_detail,
            hint="Nothing of that change was taken back. Drop what depends on it first, or move it elsewhere.",
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise IllegalState(
            f"somebody holds a lock that the installation of schema {schema} needs",
            detail=error.diag.context,
            hint="The change was rolled back, those before it stay. pg_locks shows who holds it; then run it again.",
        ) from error


def _refuse_newer(state: Status) -> None:
    if state.unknown:
        raise SchemaMismatch(
            f"a newer opsloop is installed in schema {state.schema}",
            detail={"unknown": state.unknown},
            hint="Use the opsloop package of that release, or a newer one.",
        )


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend for psycopg 3, with four differences.

    It connects by any libpq connection string and quotes the schema, whatever is in its name; its tables have names
    of their own, so that a team's own use of yoyo in the same schema is not mixed up with ours; and a change is
    marked as applied in the transaction that applies it, where yoyo does so after the commit.
    """

    log_table = "_yoyo_opsloop_log"
    lock_table = "yoyo_opsloop_lock"
    version_table = "_yoyo_opsloop_version"

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection[Any]:
        self.schema = dburi.args["schema"]
        return connect(dburi.args["dsn"])

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        _use_schema(connection, self.schema)

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:
        # psycopg reads a percent sign, as the name of a schema may have one, as the beginning of a parameter.
        return super().execute(sql.replace("%", "%%"), params)

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        self.ensure_internal_schema_updated()
        with self.transaction():
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            self.mark_one(migration, log=False)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        self.ensure_internal_schema_updated()
        with self.transaction():
            migration.process_steps(self, "rollback", force=force)
            self.log_migration(migration, "rollback")
            self.unmark_one(migration, log=False)

    def sync_marks(self, applied: list[str]) -> None:
        """Makes yoyo's marks say what the ledger says: another runner may have been at work."""
        marked = set(self.get_applied_migration_hashes())
        known = [_YoyoChange(c, self.schema) for c in sqlfiles.changes()]
        self.mark_migrations([m for m in known if m.id in applied and m.hash not in marked])
        self.unmark_migrations([m for m in known if m.id not in applied and m.hash in marked])


class _YoyoChange(Migration):  # type: ignore[misc]
    """A change as yoyo wants it: one step, which sends one string."""

    def __init__(self, change: Change, schema: str) -> None:
        super().__init__(change.name, str(change.script), str(change.script.parent))
        self._change = change
        self._schema = schema
        self._depends: set[Migration] = set()

    def load(self) -> None:
        def install(conn: psycopg.Connection[Any]) -> None:
            _run(conn, sqlfiles.install_text(self._change, self._schema))

        def take_back(conn: psycopg.Connection[Any]) -> None:
            _run(conn, sqlfiles.rollback_text(self._change, self._schema))

        self.steps = [MigrationStep(0, install, take_back)]
