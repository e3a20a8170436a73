"""Ticks of random cron expressions over ten years in twenty time zones are those of cronsim.

cronsim has the rules of Debian's cron, as these schedules have them: a time of day that a change of the clock leaves
out happens at the first moment after it, and one that it repeats happens once; where minutes or hours begin with *,
each hour that passes has its ticks. Where a schedule has more than OPSLOOP_CRON_TICKS ticks in the ten years, the first
of them are compared, and those around changes of the clock; `make ticks` compares all, year by year.
"""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from cronsim import CronSim
from psycopg.types.json import Jsonb

TICKS = int(os.environ.get("OPSLOOP_CRON_TICKS", "250"))
#: More than a year has minutes: then all are compared.
ALL = 1_000_000
BEGIN, END = datetime(2015, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
# Without those whose clocks change at midnight, by half an hour, or not at a full hour, where cronsim errs (around the
# change of Pacific/Chatham it has the same minutes for ever): see test_cron.py.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Istanbul",
    "Africa/Casablanca",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Australia/Adelaide",
    "Antarctica/Troll",
    "America/St_Johns",
    "America/New_York",
    "America/Mexico_City",
    "America/Halifax",
    "America/Los_Angeles",
]


def field(rng: random.Random, least: int, most: int, names: str = "", star: float = 0.4) -> str:
    """A field of a cron expression."""
    if rng.random() < star:
        return rng.choice(["*", "*", f"*/{rng.randint(2, max(2, (most - least) // 2))}"])
    terms = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        first = rng.randint(least, most - 1)
        last = rng.randint(first + 1, most)
        terms.append(
            rng.choice(
                [
                    str(first),
                    str(first),
                    f"{first}-{last}",
                    f"{first}-{last}/{rng.randint(1, 5)}",
                    f"{first}/{rng.randint(1, 9)}",
                    *names.split(),
                ]
            )
        )
    return ",".join(terms)


def expression(rng: random.Random) -> str:
    """A cron expression; about one in three is a time of night, when clocks change."""
    days = rng.choice(["L", "LW", "1,L", "15,LW"]) if rng.random() < 0.15 else field(rng, 1, 31, star=0.6)
    weekdays = field(rng, 0, 7, "mon TUE Sun fri", star=0.6)
    if rng.random() < 0.15:
        weekdays = rng.choice(["5L", "1#2", "MON#1,fri#5", "0L,3"])
    hours = (
        rng.choice(["1", "2", "2,3", "0-3", "1-3/2"]) if rng.random() < 0.35 else field(rng, 0, 23, star=0.3)
    )
    return " ".join(
        [field(rng, 0, 59, star=0.15), hours, days, field(rng, 1, 12, "jan Feb OCT", star=0.7), weekdays]
    )


def changes(zone: ZoneInfo) -> list[datetime]:
    """The days in these ten years after which the clocks of a zone are another time ahead."""
    days = [BEGIN + timedelta(days=n) for n in range((END - BEGIN).days)]
    ahead = [day.astimezone(zone).utcoffset() for day in days]
    return [day for day, before, after in zip(days, ahead, ahead[1:], strict=False) if before != after]


def expected(cron: str, zone: ZoneInfo, after: datetime, upto: datetime) -> Iterator[datetime]:
    """The ticks that cronsim has."""
    ticks = (tick.astimezone(UTC) for tick in CronSim(cron, after.astimezone(zone)))
    return takewhile(lambda tick: tick <= upto, ticks)


@pytest.fixture
def session(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session to compute with."""
    with psycopg.connect(shared_dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        yield conn


@pytest.mark.timeout(600 if TICKS < ALL else 7200)
@pytest.mark.parametrize("name", ZONES)
def test_ticks_are_those_of_cronsim(session: psycopg.Connection[Any], name: str) -> None:
    rng = random.Random(f"15 {name}")
    zone = ZoneInfo(name)
    moved = changes(zone)
    compared = 0
    for _ in range(200 // len(ZONES)):
        cron = expression(rng)
        near = [day - timedelta(days=1) for day in rng.sample(moved, min(4, len(moved)))]
        spans = [(BEGIN, END), *((begin, begin + timedelta(days=4)) for begin in near)]
        if TICKS >= ALL:
            years = [datetime(year, 1, 1, tzinfo=UTC) for year in range(BEGIN.year, END.year + 1)]
            spans = list(pairwise(years))
        for after, upto in spans:
            ticks = session.execute(
                "select _ticks(jsonb_populate_record(null::ops_schedules, %s), %s, %s, %s)",
                (Jsonb({"cron": cron, "timezone": name}), after, upto, TICKS),
            ).fetchone()
            assert ticks
            wanted = [tick for tick, _ in zip(expected(cron, zone, after, upto), range(TICKS), strict=False)]
            assert [tick.astimezone(UTC) for tick in ticks[0]] == wanted, (cron, name, after)
            compared += len(wanted)
    print(f"{compared:,} ticks of 10 schedules in {name} are those of cronsim")
    assert compared > 500


@pytest.mark.timeout(600)
def test_the_last_ticks_are_the_last_of_all(session: psycopg.Connection[Any]) -> None:
    rng = random.Random(16)
    for _ in range(50):
        cron, name = expression(rng), rng.choice(ZONES)
        after = BEGIN + timedelta(minutes=rng.randrange(4_000_000))
        upto = after + timedelta(days=rng.choice([1, 30, 400]))
        limit = rng.choice([1, 10])
        wanted = list(expected(cron, ZoneInfo(name), after, upto))[-limit:]
        ticks = session.execute(
            "select _latest_ticks(jsonb_populate_record(null::ops_schedules, %s), %s, %s, %s)",
            (Jsonb({"cron": cron, "timezone": name}), after, upto, limit),
        ).fetchone()
        assert ticks
        assert [tick.astimezone(UTC) for tick in ticks[0]] == wanted, (cron, name, after, upto)
