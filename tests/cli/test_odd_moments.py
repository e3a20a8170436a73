"""A moment that Python does not have, written by hand, is shown as the nearest it has, and all the rest as usual."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from opsloop import Client

TEMPLATE = {"title": "odd", "steps": [{"key": "a", "kind": "noop"}]}
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("infinity", LAST),
        ("294276-12-31 23:59:59+00", LAST),
        ("-infinity", FIRST),
        ("4713-01-01 00:00+00 BC", FIRST),
        ("2026-01-02 03:04:05+00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_lists_show_every_row_whatever_moments_one_has(
    conn: psycopg.Connection[Any], cli: Cli, written: str, read: datetime
) -> None:
    client = Client(conn)
    missions = [client.create_proposal(TEMPLATE) for _ in range(2)]
    odd = client.approve_proposal(missions[0].proposal_id, "ann").mission_id
    client.approve_proposal(missions[1].proposal_id, "ann")
    conn.execute("update ops_missions set created_at = %s where id = %s", (written, odd))
    conn.execute(
        "update ops_mission_steps set updated_at = %s, run_after = %s where mission_id = %s",
        (written, written, odd),
    )
    conn.execute("update ops_mission_proposals set created_at = %s", (written,))
    assert {m.created_at for m in client.list_missions() if m.mission_id == odd} == {read}
    assert len(client.list_missions()) == 2
    for command in (["ps"], ["ps", str(odd)], ["ps", "--json"], ["explain", str(odd)], ["inbox"], ["health"]):
        assert "Traceback" not in cli(*command).err
        assert cli(*command).code in (0, 1)
