"""The lane of a queue that has only one: known by one routine."""

import re

import psycopg
import pytest

from opsloop import sqlfiles

CODE = {path.stem: path.read_text() for path in (sqlfiles.sql_root() / "code").glob("*/*.sql")}

#: A lane given as a figure: in a condition, as an argument, or as the first column put into ops_ready.
FIGURE = re.compile(
    r"\blane\s*(=|<>|in\s*\()\s*\d|_take_ready\(\s*\d|_lane_fronts\(\s*array\[\s*\d"
    r"|insert into ops_ready \(lane, id\)\s*(select|values \()\s*\d"
)


def test_it_is_the_lane_that_the_table_has(loop):
    lanes = loop.rows("select queue, lane, _lane_of(queue) as known from ops_lanes where queue <> 'steps'")
    assert {lane["queue"] for lane in lanes} == {"events", "reactions", "outbox"}
    assert [lane for lane in lanes if lane["lane"] != lane["known"]] == []


@pytest.mark.parametrize("queue", ["steps", "letters", None])
def test_a_queue_that_has_not_one_lane_is_refused(loop, queue):
    with pytest.raises(psycopg.errors.CaseNotFound):
        loop.value("select _lane_of(%s)", queue)


def test_the_planner_sees_a_constant(loop):
    (plan,) = loop.value(
        "explain (format json) select id from ops_ready where lane = _lane_of('outbox') and seq > 7"
    )
    assert "_lane_of" not in str(plan)
    assert "lane = 3" in str(plan)


def test_no_routine_has_a_lane_as_a_figure():
    assert [name for name, text in CODE.items() if FIGURE.search(text)] == []
