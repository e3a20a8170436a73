"""A small shop's database that nobody looks after, and the load on it."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from opsloop import database
from opsloop.embedded import Server
from opsloop.errors import DatabaseError

DATABASE = "shop"
CLIENTS = 4  # shop.pgbench gives each of them 12,500 rows of its own
ARTICLES = CLIENTS * 12_500
_ENOUGH = 20_000  # dead rows; twice what the example's policy calls many
_LONGEST = 20.0

# loop owns the database and installs opsloop in it; care is the login of the executors; clerk works in the shop.
_ROLES = """
create role loop login;
create role shop_owner;
create role clerk login;
create role care login;
grant pg_monitor, pg_signal_backend, shop_owner to care;
"""

# Without autovacuum, so that what the loop does is what is seen.
_TABLES = """
create schema shop authorization shop_owner;
grant usage on schema shop to clerk;
set role shop_owner;
create table shop.stock (
  id integer primary key,
  sku text not null,
  quantity integer not null,
  changed_at timestamptz not null default now()
) with (autovacuum_enabled = off);
create index stock_changed_at_idx on shop.stock (changed_at);
create table shop.orders (
  id bigint generated always as identity primary key,
  stock_id integer not null,
  quantity integer not null,
  placed_at timestamptz not null default now()
) with (autovacuum_enabled = off);
create table shop.refunds (order_id bigint not null, cents integer not null);
grant select, insert, update, delete on all tables in schema shop to clerk;
insert into shop.orders (stock_id, quantity) select n, 1 from generate_series(1, 1000) n;
"""
_ARTICLES = (
    "insert into shop.stock (id, sku, quantity) select n, 'sku-' || n, 1000 from generate_series(1, %s) n"
)


@dataclass(frozen=True)
class Shop:
    """The database, and a connection string for each login."""

    server: Server

    def dsn(self, login: str) -> str:
        """How `login` connects to the shop's database."""
        return dataclasses.replace(self.server, user=login).dsn(DATABASE)


def open_shop(server: Server) -> Shop:
    """Make logins, database, tables and rows."""
    with database.connect(server.dsn()) as conn:
        conn.execute(_ROLES)
        conn.execute(f"create database {DATABASE} owner loop")
    shop = Shop(server)
    with database.connect(shop.dsn(server.user)) as conn:
        conn.execute(_TABLES)
        conn.execute(_ARTICLES, (ARTICLES,))
        conn.execute("select pg_stat_force_next_flush()")  # or the rows would be counted twice, after VACUUM
        conn.execute("vacuum (analyze) shop.stock, shop.orders")
    return shop


@contextmanager
def forgotten_transaction(shop: Shop) -> Iterator[int]:
    """A clerk's session that has written something, neither commits nor rolls back; yields its process id."""
    conn = database.connect(shop.dsn("clerk"), autocommit=False, application_name="refund form")
    try:
        conn.execute("insert into shop.refunds (order_id, cents) values (1, 995)")
        yield conn.info.backend_pid
    finally:
        conn.close()


@dataclass(frozen=True)
class LoadReport:
    """What pgbench says it did."""

    transactions: int
    seconds: float


def load(shop: Shop, seconds: int, progress: Callable[[str], None]) -> LoadReport:
    """Let the clerks work as fast as they can for `seconds`; `progress` gets pgbench's own lines.

    A slow machine gets more time, until enough rows are dead that the loop has something to do.
    """
    transactions = worked = 0.0
    with database.connect(shop.dsn(shop.server.user)) as conn:
        while worked == 0 or (_dead_rows(conn) < _ENOUGH and worked < _LONGEST):
            done = _burst(shop, seconds if worked == 0 else 2, progress)
            transactions, worked = transactions + done.transactions, worked + done.seconds
    return LoadReport(int(transactions), worked)


def _dead_rows(conn: psycopg.Connection[Any]) -> int:
    return int(database.value(conn, "select pg_stat_get_dead_tuples('shop.stock'::regclass)"))


def _burst(shop: Shop, seconds: int, progress: Callable[[str], None]) -> LoadReport:
    arguments = [f"--time={seconds}", "--progress=1"]
    with _pgbench(shop, *arguments) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("progress:"):
                progress(line.removeprefix("progress:").strip())
        code = process.wait()
    text = "".join(said)
    transactions = re.search(r"actually processed: (\d+)", text)
    tps = re.search(r"^tps = ([\d.]+)", text, re.MULTILINE)
    if code != 0 or transactions is None or tps is None:
        raise DatabaseError(f"pgbench ended with exit code {code}", detail=text[-1000:])
    return LoadReport(int(transactions[1]), int(transactions[1]) / float(tps[1]))


@contextmanager
def quiet_load(shop: Shop) -> Iterator[None]:
    """Ten transactions a second while the block runs: the shop is open while the loop works in it."""
    with _pgbench(shop, "--time=86400", "--rate=10"):
        yield


@contextmanager
def _pgbench(shop: Shop, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("shop.pgbench")
    process = subprocess.Popen(
        [
            str(shop.server.programs / "pgbench"),
            "--no-vacuum",
            f"--client={CLIENTS}",
            f"--file={script}",
            *arguments,
            shop.dsn("clerk"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
