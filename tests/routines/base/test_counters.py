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
    loop.rows("select _duty_base()")
    assert total(loop) == loop.value("select value from ops_counters where name = %s", FAILED) == 4
    count(loop, 2)
    loop.rows("select _duty_base()")
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
    defined = {r["name"] for r in loop.rows("select name from _measures() where kind = 'counter'")}
    assert counted <= defined


def test_each_metric_comes_with_the_threshold_of_the_runbook(loop):
    found = {
        r["name"]: (r["kind"], r["alert_above"], r["alert_per"])
        for r in loop.rows("select * from fn_metrics()")
    }
    assert (
        found.items()
        >= {
            "m10_locks_acquired_total": ("counter", None, None),
            "m10_locks_failed_total": ("counter", 10, "minute"),
            "m10_replay_duplicates_total": ("counter", 5, "minute"),
            "m10_outbox_pending_gauge": ("gauge", 100, None),
            "m10_outbox_retry_total": ("counter", 20, "minute"),
        }.items()
    )


def test_the_gauge_of_the_outbox_is_what_waits_in_it(loop):
    for n in range(3):
        loop.rows("select fn_publish_outbox('order', %s, 'order:placed')", str(n))
    loop.do("update outbox set processed_at = now() where aggregate_id = '0'")
    assert loop.value("select value from fn_metrics() where name = 'm10_outbox_pending_gauge'") == 2
