"""The outbox under fire, in small: see outbox.py beside this."""

from pathlib import Path

import pytest

from chaos.outbox import Plan, chaos


@pytest.mark.timeout(300)
def test_every_message_arrives_in_order_although_a_relay_is_killed_and_the_receiver_fails(
    dsn: str, tmp_path: Path
) -> None:
    plan = Plan(
        messages=2_000,
        aggregates=200,
        relays=2,
        kill_every=0.5,
        kills=1,
        restarts=0,
        hard=0.02,
        late_seconds=0.2,
        timeout=2,
        lease=1,
        # Six failures of one message in a row put it off by two minutes.
        seconds=200,
    )
    figures = chaos(dsn, plan, tmp_path / "relays.log", lambda mode: None, lambda line: None)
    assert figures.kills == 1
    assert figures.failed > 100
