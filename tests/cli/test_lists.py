"""`opsloop list`: what the dashboard's lists show."""

from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


def test_each_list_is_printed_and_given_as_json(cli: Cli, loop: Loop) -> None:
    loop.register("web-1", {"noop": {}, "sql": {}})
    loop.value("select fn_publish_outbox('order', '7', 'order.paid', '{}')")
    loop.value("select fn_acquire_lock('backup', 'host-a', 60)")
    loop.do("insert into strategic_directives (id, title) values ('SD-1', 'Basket')")
    loop.do("insert into leo_sub_agents (code, name) values ('VALIDATION', 'Checks the plan')")
    loop.value("""select fn_radar_upsert('[{"title": "Cache it"}]')""")
    shown = {
        "workers": ("worker_id", "web-1"),
        "outbox": ("event_type", "order.paid"),
        "locks": ("lock_name", "backup"),
        "directives": ("sd_id", "SD-1"),
        "sub-agents": ("code", "VALIDATION"),
        "radar": ("title", "Cache it"),
    }
    for what, (field, value) in shown.items():
        assert value in cli("list", what).out, what
        assert [one[field] for one in cli("list", what, "--json").json] == [value], what
    assert len(cli("list", "rates", "--limit", "5", "--json").json) == 5


def test_an_empty_list_says_so(cli: Cli, loop: Loop) -> None:
    assert cli("list", "locks").out == "no locks\n"
    assert cli("list", "locks", "--json").json == []
