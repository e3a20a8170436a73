"""Counters: each counts what was committed, no more and no less, and nobody waits for anybody who counts the same."""

import re
from pathlib import Path

from opsloop import sqlfiles

FAILED = "m10_locks_failed_total"


def count(loop, times=1):
    loop.rows("select _count(%s, %s)", FAILED, times)


def total(loop):
    return loop.value(
        "select coalesce((select value from ops_counters where name = %s), 0)"
        " + coalesce((select sum(n) from ops_counts where name = %s), 0)",
        FAILED,
        FAILED,
    )


def test_summing_up_changes_no_total(loop):
    count(loop, 3)
    count(loop)
    assert total(loop) == 4
    loop.rows("select _sum_counts()")
    assert total(loop) == loop.value("select value from ops_counters where name = %s", FAILED) == 4
    count(loop, 2)
    loop.rows("select _sum_counts()")
    assert total(loop) == 6
    assert loop.rows("select * from ops_counts") == []


def test_nothing_counts_nothing(loop):
    count(loop, 0)
    count(loop, None)
    assert loop.rows("select * from ops_counts") == []


def test_what_is_counted_has_a_definition(loop):
    counted = {
        name
        for file in (Path(sqlfiles.sql_root()) / "code").rglob("*.sql")
        for name in re.findall(r"\b_count\('(\w+)'", file.read_text())
    }
    defined = {r["name"] for r in loop.rows("select name from _metric_definitions() where kind = 'counter'")}
    assert counted <= defined
