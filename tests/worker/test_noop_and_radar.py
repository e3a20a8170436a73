from collections.abc import Callable

import pytest

from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Retry, noop
from worker.working import Process, Work


async def test_noop_returns_its_params_or_ok() -> None:
    assert noop.run(Context("0")) == {"ok": True}
    assert noop.run(Context("0", {"a": 1})) == {"a": 1}
    assert await noop.run(Context("0", {"sleep_seconds": 0, "a": 1})) == {"sleep_seconds": 0, "a": 1}
    with pytest.raises(Retry, match="on purpose"):
        noop.run(Context("0", {"fail": "on purpose"}))
    with pytest.raises(ParamsRefused, match="OPS_020"):
        noop.run(Context("0", {"sleep_seconds": "long"}))


def test_radar_keeps_the_board(work: Work, start: Callable[..., Process]) -> None:
    ideas = [{"title": "dark mode", "score": 7}, {"title": "export", "status": "building"}]
    step = work.step("radar", {"ideas": ideas})
    work.step("radar", {"ideas": [{"title": "dark mode", "score": 9}]})
    faulty = work.step("radar", {"ideas": "many"}, max_retries=1)

    start("--once", "--executor-concurrency", "radar=1").end()

    assert work.of(step, "result") == {"upserted": 2}
    board = work.conn.execute("select title, score, status from ops_demand_radar order by 1").fetchall()
    assert board == [("dark mode", 9, "watching"), ("export", None, "building")]
    assert work.of(faulty, "last_error").startswith("OPS_020: radar: ")
