"""`exposition`: the metrics of the loop for whoever serves them."""

import psycopg

from opsloop.metrics import exposition


async def test_python_gets_the_bytes_over_a_connection_of_its_own(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        text = await exposition(conn)
    assert b'\nopsloop_queued_steps{loop="opsloop"} 0\n' in text
    assert text.endswith(b"\n")
