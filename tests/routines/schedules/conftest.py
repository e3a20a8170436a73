"""The loop at the noon of a day in summer, where policy lets everything run."""

from datetime import datetime, timedelta

import pytest

from approving import Team
from looping import Loop

NOON = datetime.fromisoformat("2026-06-01 12:00:00+00:00")


class Clock(Loop):
    """The loop with a clock that stands still between the steps of a test, and words for schedules."""

    now: datetime

    def at(self, moment):
        """Sets the clock."""
        self.now = self.stop_clock(moment)

    def schedule(self, name="s", **fields):
        """Sets a schedule: an event every ten minutes, but for what is given."""
        if not {"cron", "every_seconds"} & fields.keys():
            fields["every_seconds"] = 600
        if not {"event_type", "template"} & fields.keys():
            fields["event_type"] = "tick"
        return self.row("select * from fn_set_schedule(%s, %s, 'ada', 'because')", name, fields)

    def beat(self, *seconds):
        """Heartbeats, each so many seconds after the one before."""
        for each in seconds or (0,):
            self.at(self.now + timedelta(seconds=each))
            self.turn()

    def ticks(self, name="s"):
        """What became of the ticks of a schedule, oldest first: hour and minute, and the outcome."""
        found = self.rows(
            "select tick, outcome from ops_schedule_ticks where schedule = %s order by tick", name
        )
        return [(f"{row['tick']:%H:%M}", row["outcome"]) for row in found]

    def listed(self, name="s"):
        """The schedule as it is listed."""
        return self.row("select * from fn_list_schedules(1, %s)", name)

    def health(self):
        """The check of schedules."""
        return self.row("select * from fn_check_health() where name = 'schedules'")


@pytest.fixture
def loop(loop):
    """The loop at noon."""
    clock = Clock(loop.conn)
    clock.allow()
    clock.at(NOON)
    return clock


@pytest.fixture
def team(loop) -> Team:
    """A team on the loop of the test."""
    return Team(loop)
