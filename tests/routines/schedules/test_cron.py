"""Cron expressions: what they name, and what becomes of it when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb


@pytest.fixture
def ticks(calculator):
    """The first ticks of an expression after a time in a zone, as a clock there shows them with its offset."""

    def first(cron, zone, after, limit=3, upto=None):
        found = calculator.execute(
            "select _ticks(jsonb_populate_record(null::ops_schedules, %s), %s, %s, %s)",
            (Jsonb({"cron": cron, "timezone": zone}), after, upto, limit),
        ).fetchone()[0]
        return [f"{tick.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for tick in found]

    return first


@pytest.mark.parametrize(
    ("cron", "values"),
    [
        ("0 0 1 1 0", ([0], [0], [1], [1], [0])),
        (" 5,1-3  */6 1/10 jan-MAR sun ", ([1, 2, 3, 5], [0, 6, 12, 18], [1, 11, 21, 31], [1, 2, 3], [0])),
        ("1-30/10 0 L,LW * 7", ([1, 11, 21], [0], [40, 41], list(range(1, 13)), [0])),
        ("0 0 * * mon#2,5L,fri#1", ([0], [0], list(range(1, 32)), list(range(1, 13)), [15, 21, 65])),
        ("0 0 * * */2", ([0], [0], list(range(1, 32)), list(range(1, 13)), [0, 2, 4, 6])),
    ],
)
def test_fields_are_read(calculator, cron, values):
    row = calculator.execute(
        "select c.minutes, c.hours, c.days, c.months, c.weekdays from _cron(%s) c", (cron,)
    ).fetchone()
    assert row == values


@pytest.mark.parametrize(
    ("word", "cron"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@Monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_words_stand_for_expressions(calculator, word, cron):
    assert calculator.execute("select _cron(%s)::text = _cron(%s)::text", (word, cron)).fetchone() == (True,)


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 0 L * *", ["30", "31", "31"]),
        ("0 0 LW * *", ["30", "31", "31"]),
        ("0 0 * * 5L", ["26", "31", "28"]),
        ("0 0 * * 1#2", ["08", "13", "10"]),
        # One of both fields begins with *: both must hold; else one will do.
        ("0 0 */2 * mon", ["01", "15", "29"]),
        ("0 0 10 * mon", ["01", "08", "10"]),
    ],
)
def test_days(ticks, cron, days):
    assert [tick[:2] for tick in ticks(cron, "UTC", "2026-05-31 12:00Z")] == days


def test_a_time_that_does_not_exist_is_the_first_moment_after_it(ticks):
    # 02:00 is followed by 03:00.
    after = "2026-03-28 12:00Z"
    assert ticks("30 2 * * *", "Europe/Berlin", after) == [
        "29 03:00 +0200",
        "30 02:30 +0200",
        "31 02:30 +0200",
    ]
    assert ticks("15,45 2 29 3 *", "Europe/Berlin", after, 2) == ["29 03:00 +0200", "29 02:15 +0200"]
    assert ticks("30 2,3 * * *", "Europe/Berlin", after) == [
        "29 03:00 +0200",
        "29 03:30 +0200",
        "30 02:30 +0200",
    ]


def test_a_time_that_exists_twice_happens_once(ticks):
    # 03:00 is followed by 02:00.
    after = "2026-10-24 12:00Z"
    assert ticks("30 2 * * *", "Europe/Berlin", after) == [
        "25 02:30 +0200",
        "26 02:30 +0100",
        "27 02:30 +0100",
    ]
    # Also when it is looked for between the two.
    assert ticks("30 2 * * *", "Europe/Berlin", "2026-10-25 00:45Z")[0] == "26 02:30 +0100"


def test_a_rhythm_goes_on_when_clocks_change(ticks):
    assert ticks("30 * * * *", "Europe/Berlin", "2026-10-24 23:45Z") == [
        "25 02:30 +0200",
        "25 02:30 +0100",
        "25 03:30 +0100",
    ]
    assert ticks("30 * * * *", "Europe/Berlin", "2026-03-29 00:00Z") == [
        "29 01:30 +0100",
        "29 03:30 +0200",
        "29 04:30 +0200",
    ]


def test_a_day_that_a_zone_leaves_out(ticks):
    # Samoa had no 30 December 2011.
    assert ticks("0 12 30 12 *", "Pacific/Apia", "2011-12-29 00:00Z", 2) == [
        "31 00:00 +1400",
        "30 12:00 +1400",
    ]
    assert ticks("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00Z") == [
        "29 12:00 -1000",
        "31 00:00 +1400",
        "31 12:00 +1400",
    ]


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Australia/Lord_Howe", "2026-04-04 15:00"),
        ("Australia/Lord_Howe", "2026-10-03 15:30"),
        ("America/Havana", "2026-03-08 05:00"),
        ("America/Havana", "2026-11-01 05:00"),
        ("America/Santiago", "2026-04-05 03:00"),
        ("America/Santiago", "2026-09-06 04:00"),
        ("Asia/Beirut", "2026-03-28 22:00"),
        ("Asia/Beirut", "2026-10-24 21:00"),
        ("America/St_Johns", "2010-11-07 02:31"),
        ("Pacific/Apia", "2011-12-30 10:00"),
        ("America/Caracas", "2016-05-01 07:00"),
        ("Pacific/Chatham", "2015-04-04 14:00"),
    ],
)
@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/7 * * * *",
        "0 * * * *",
        "7 * * * *",
        "* */3 * * *",
        "30 */2 * * *",
        "*/5 0,23 * * *",
        "0 */12 * * *",
    ],
)
def test_a_rhythm_has_each_minute_that_it_names(ticks, zone, change, cron):
    """Around changes at midnight, by half an hour and by a day: against a walk from minute to minute."""
    begin = datetime.fromisoformat(change).replace(tzinfo=UTC) - timedelta(hours=3)
    end = begin + timedelta(hours=6)
    minutes, hours = cron.split()[:2]
    wanted = [
        f"{there:%d %H:%M %z}"
        for n in range(1, 361)
        for there in [(begin + timedelta(minutes=n)).astimezone(ZoneInfo(zone))]
        if _names(minutes, there.minute) and _names(hours, there.hour)
    ]
    assert ticks(cron, zone, begin, 400, end) == wanted


def _names(field, value):
    if "/" in field:
        return value % int(field.split("/")[1]) == 0
    return field == "*" or str(value) in field.split(",")


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 30 2 *",
        "0 0 29 2 */7",
        "0 0 * 2 1#5",
        "59 23 31 12 *",
        "0 0 */31 * 1#5",
        "@yearly",
        "0 0 31 4,6,9,11 *",
    ],
)
def test_years_are_not_walked_through_day_by_day(loop, cron):
    """At most 28 months are looked at for one tick: there are no more kinds of them."""
    calls = "select coalesce(pg_stat_get_xact_function_calls('_cron_days'::regproc), 0)"
    loop.do("set local track_functions = 'pl'")
    before = loop.value(calls)  # the server has not taken up those of earlier tests yet
    loop.value("select _next_tick(_cron(%s), 'America/New_York', '2026-03-01Z')", cron)
    assert 1 <= loop.value(calls) - before <= 28
