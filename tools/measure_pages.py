"""Measures the server's time for the first pages beside many finished missions and many that wait.

`make measure-pages ARGS='--finished 1000000 --waiting 10000'`. The rows of the finished ones are copies of one mission
that ran; those that wait were proposed. Prints the median and the 95th percentile of each page, in milliseconds, beside
the CPU time that server and database took for it, which tells more on a machine that is busy; ends with 1 when that of
the first page or of the metrics is 50 or more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import threading
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from looping import Loop, step
from opsloop import Client, embedded, keys, migrate
from opsloop.database import Database
from opsloop.process import logs
from opsloop.serve.process import HttpServer
from opsloop.serve.settings import ServeSettings

PAGES = ("/", "/metrics", "/rates", "/inbox", "/missions", "/missions?status=failed", "/failures", "/workers")
_ROUNDS = 30
_MOST = 50.0
_TABLES = ("ops_mission_proposals", "ops_missions", "ops_mission_steps", "ops_action_runs")


def main() -> int:
    """Fill a database, ask for the pages, print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    given = parser.parse_args()
    logs.configure("error")
    with embedded.server() as server:
        dsn = server.dsn()
        migrate.migrate(dsn)
        migrate.seed(dsn)
        with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
            began = time.monotonic()
            _fill(Loop(conn), given.finished, given.waiting)
            key = keys.draw()
            Client(conn).create_api_key("measure", "admin", keys.digest(key))
        sys.stdout.write(f"filled in {time.monotonic() - began:.0f} s\n")
        with psycopg.connect(dsn, autocommit=True) as conn:
            return _measure(dsn, key, conn)


def _fill(loop: Loop, finished: int, waiting: int) -> None:
    loop.allow("*")
    loop.register()
    done = loop.mission(step("a"), title="finished")
    loop.complete(loop.work(done))
    loop.turn()
    # Ids are ordered by time: the copies are older than what is made after them, as in a loop that has worked for long.
    ids = "(lpad(to_hex((extract(epoch from now() - interval '20 hours') * 1000)::bigint + n / 20), 12, '0')"
    ids += " || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || lpad(to_hex({}), 15, '0'))::uuid"
    for number, table in enumerate(_TABLES):
        columns = [
            one["attname"]
            for one in loop.rows(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
                table,
            )
        ]
        of = {"id": 0, "proposal_id": 0, "mission_id": 1, "step_id": 2}
        mine = {"ops_missions": 1, "ops_mission_steps": 2}.get(table, number)
        values = []
        for column in columns:
            kind = loop.value(
                "select format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attname = %s",
                table,
                column,
            )
            if column == "id" and kind == "uuid":
                values.append(ids.format(f"n * 8::bigint + {mine}"))
            elif column == "id":
                values.append("-n")
            elif column in of and kind == "uuid":
                values.append(ids.format(f"n * 8::bigint + {of[column]}"))
            elif column in ("dedupe_key", "run_id"):
                values.append("null" if column == "dedupe_key" else f"t.{column}")
            elif kind == "timestamp with time zone":
                values.append(f"t.{column} - interval '20 hours' + n / 20 * interval '1 ms'")
            else:
                values.append(f"t.{column}")
        loop.do(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(values)}"
            f" from (select * from {table} limit 1) t, generate_series(1, {finished}) n"
        )
    for _ in range(0, waiting, 500):
        loop.rows(
            "select count(*) from fn_create_proposals((select jsonb_agg(jsonb_build_object('template', %s::jsonb))"
            " from generate_series(1, 500)))",
            {"title": "waits", "steps": [{"kind": "noop", "executor": "nobody"}]},
        )
    loop.do("vacuum analyze")


def _measure(dsn: str, key: str, conn: psycopg.Connection[Any]) -> int:
    server = HttpServer(ServeSettings(Database(dsn), port=0))
    url = server.bind()
    thread = threading.Thread(target=lambda: asyncio.run(server.run()))
    thread.start()
    try:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        opener.open(f"{url}/sign-in", urlencode({"key": key}).encode()).read()
        took = {page: _page(opener, url + page, page, conn) for page in PAGES}
    finally:
        server.stop()
        thread.join()
    return 0 if max(took["/"], took["/metrics"]) < _MOST else 1


def _page(opener: Any, url: str, page: str, conn: psycopg.Connection[Any]) -> float:
    took = []
    cpu = 0.0
    for number in range(_ROUNDS + 5):
        if number == 5:  # the first ones compile templates and plan statements
            took, cpu = [], _cpu(conn)
        began = time.perf_counter()
        opener.open(url).read()
        took.append((time.perf_counter() - began) * 1000)
    cpu = (_cpu(conn) - cpu) / _ROUNDS * 1000
    took.sort()
    median, late = statistics.median(took), took[int(len(took) * 0.95)]
    sys.stdout.write(f"{page:<26} median {median:6.1f} ms, p95 {late:6.1f} ms, CPU {cpu:5.1f} ms\n")
    return cpu


def _cpu(conn: psycopg.Connection[Any]) -> float:
    """Seconds of CPU that this process and its sessions have taken."""
    taken = time.process_time()
    for (pid,) in conn.execute(
        "select pid from pg_stat_activity where application_name = 'opsloop serve'"
    ).fetchall():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        taken += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return taken


if __name__ == "__main__":
    sys.exit(main())
