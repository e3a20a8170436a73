"""What cannot be a schedule is refused: every fault with its field, its rule and what to do."""

import json

import pytest

from looping import step, template

SET = "select fn_set_schedule(%s, %s)"
GOOD = {"every_seconds": 60, "event_type": "tick"}
TICK = {"event_type": "tick"}


def faults(loop, document, name="s"):
    return loop.faults("024", SET, name, document)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (TICK, "cron: give either cron or every_seconds"),
        ({**GOOD, "cron": "@daily"}, "cron: give either cron or every_seconds"),
        ({"every_seconds": 60}, "event_type: give either event_type or template"),
        ({**GOOD, "template": template(step("a"))}, "event_type: give either event_type or template"),
        ({**GOOD, "every_seconds": 0}, "every_seconds: must be a whole number from 1 to 31622400, not 0"),
        (
            {**GOOD, "every_seconds": "60"},
            'every_seconds: must be a whole number from 1 to 31622400, not "60"',
        ),
        ({**GOOD, "evry": 1}, "evry: unknown field; known are catch_up, cron, data,"),
        ({**GOOD, "overlap": "never"}, 'overlap: must be one of allow, skip, queue, not "never"'),
        ({**GOOD, "catch_up": "some"}, 'catch_up: must be one of none, last, all, not "some"'),
        ({**GOOD, "max_backlog": 1001}, "max_backlog: must be a whole number from 1 to 1000, not 1001"),
        ({**GOOD, "starts_at": "tomorrow"}, "starts_at: must be a time such as 2027-01-31T08:00:00Z"),
        (
            {**GOOD, "starts_at": "2027-02-30"},
            "starts_at: there is no such time as starts_at or ends_at names",
        ),
        (
            {**GOOD, "starts_at": "2027-02-02", "ends_at": "2027-02-01"},
            "ends_at: must be after starts_at",
        ),
        ({**GOOD, "event_type": "heartbeat:x"}, "event_type: heartbeat:*, proposal:*, mission:*, step:*"),
        ({**GOOD, "event_type": "a b"}, "event_type: must be text of 1 to 200 characters without blanks"),
        ({**GOOD, "data": [1]}, "data: must be an object"),
        ({**GOOD, "source": "trigger"}, "source: trigger, step:* and schedule:* are reserved"),
        ({**GOOD, "source": "schedule:other"}, "source: trigger, step:* and schedule:* are reserved"),
        ({"every_seconds": 60, "template": {"steps": []}}, "template.steps"),
        (
            {"every_seconds": 60, "template": template(step("a", params={"x": "{{event.data.x}}"}))},
            "template.steps",
        ),
        ({"every_seconds": 60, "template": template(step("a")), "data": {}}, "data: belongs to an event"),
        (
            {**TICK, "cron": "* * * *"},
            "cron: must be five fields (minute, hour, day of month, month, day of week)",
        ),
        ({**TICK, "cron": "@reboot"}, "cron: must be five fields"),
        (
            {**TICK, "cron": "60 * * * *"},
            "cron: minute '60': must be 0 to 59, *, a range 0-29, a step */5, or a list",
        ),
        ({**TICK, "cron": "0 24 * * *"}, "cron: hour '24': must be 0 to 23"),
        ({**TICK, "cron": "0 0 0 * *"}, "cron: day of month '0': must be 1 to 31"),
        ({**TICK, "cron": "0 0 * foo *"}, "cron: month 'foo': must be 1 to 12, jan to dec"),
        ({**TICK, "cron": "0 0 * * fri-sun"}, "cron: day of week 'fri-sun': must be 0 to 7"),
        ({**TICK, "cron": "*/0 * * * *"}, "cron: minute '*/0': must be"),
        ({**TICK, "cron": "0 0 * * 1#6"}, "cron: day of week '1#6': must be"),
        (
            {**TICK, "cron": "0 0 30 2 *"},
            "cron: '0 0 30 2 *' names no date that comes in the next fifty years",
        ),
        ({**TICK, "cron": "0 0 31 4,6,9,11 *"}, "cron: '0 0 31 4,6,9,11 *' names no date"),
        ({**TICK, "cron": "0 0 */31 * 1#5"}, "cron: '0 0 */31 * 1#5' names no date"),
        (
            {**TICK, "cron": "@daily", "timezone": "Mars"},
            "timezone: the server has no time zone 'Mars'; give a name",
        ),
        (
            {**TICK, "cron": "@daily", "timezone": "Foo/Bar+5"},
            "timezone: the server has no time zone 'Foo/Bar+5'",
        ),
    ],
)
def test_each_fault_names_its_field_and_the_rule(loop, document, fault):
    found = faults(loop, document)
    assert len(found) == 1, found
    assert found[0].startswith(fault), found


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 101, "ä", None])
def test_a_name_is_letters_digits_and_a_few_signs(loop, name):
    (found,) = faults(loop, GOOD, name)
    assert found.startswith("name: ")


def test_all_faults_come_at_once(loop):
    found = faults(loop, {"cron": "60 25 * * *", "timezone": "Mars", "source": "trigger"})
    assert [fault.split(":")[0] for fault in found] == ["event_type", "source", "cron", "cron", "timezone"]


@pytest.mark.parametrize("document", ["[]", "3", "null", '"x"'])
def test_what_is_no_object_is_refused(loop, document):
    assert loop.faults("024", "select fn_set_schedule('s', %s::jsonb)", document) == [
        "schedule: must be an object"
    ]


def test_one_that_is_too_large_is_refused(loop):
    loop.refused("045", SET, "s", {**GOOD, "data": {"x": "y" * 5_000_000}})


def test_an_end_that_has_passed_is_no_fault(loop):
    assert (
        loop.value("select next_at from fn_set_schedule('s', %s)", {**GOOD, "ends_at": "2020-01-01"}) is None
    )


def test_the_schedules_of_a_file_are_named_by_their_place(loop):
    given = [{"name": "a", **GOOD}, {"name": "b", **TICK, "cron": "x"}, {"every_seconds": 1, **TICK}, 3]
    found = loop.faults("024", "select * from fn_apply_schedules(%s::jsonb)", json.dumps(given))
    assert [fault.split(": ")[0] for fault in found] == [
        "schedules[1].cron",
        "schedules[2].name",
        "schedules[3].schedule",
    ]


def test_a_name_stands_once_in_a_file(loop):
    given = json.dumps([{"name": "a", **GOOD}] * 2)
    found = loop.faults("024", "select * from fn_apply_schedules(%s::jsonb)", given)
    assert found == ["schedules: a stands there twice"]


@pytest.mark.parametrize("given", ["{}", "null", "3"])
def test_schedules_of_a_file_are_a_list(loop, given):
    found = loop.faults("024", "select * from fn_apply_schedules(%s::jsonb)", given)
    assert found == ["schedules: must be an array"]
