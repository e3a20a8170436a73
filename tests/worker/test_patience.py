"""One timer watches all calls of a connection, and each call has its own time."""

import asyncio
import time

import pytest

from opsloop.process import patience
from opsloop.process.patience import Patience


class Watched:
    """Calls that are watched, and all that was said about them."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []
        self._patience = Patience(lambda function, seconds: self.said.append((function, seconds)))

    def old_timer_is_over(self) -> None:
        """What the timer that an earlier call set does in the end."""
        self._patience._look()

    async def call(self, function: str, lasts: float, bound: float) -> float:
        """Returns how long it was; raises TimeoutError when it was ended."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(None) as limit:
                self._patience.begin(function, limit, bound)
                await asyncio.sleep(lasts)
        finally:
            self._patience.end()
        return time.monotonic() - began


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each timer is that was set."""
    made: list[float] = []
    look_after = Patience._look_after

    def counted(self: Patience, seconds: float) -> None:
        made.append(seconds)
        look_after(self, seconds)

    monkeypatch.setattr(Patience, "_look_after", counted)
    return made


async def test_a_hundred_quick_calls_share_a_timer(timers: list[float]) -> None:
    watched = Watched()
    for _ in range(100):
        await watched.call("quick", 0, 60)
    assert timers == [patience.LONG]
    assert watched.said == []


async def test_a_call_that_begins_before_an_old_timer_is_over_has_all_of_its_time(
    timers: list[float],
) -> None:
    watched = Watched()
    await watched.call("quick", 0, 60)
    calling = asyncio.create_task(watched.call("second", 0.1, 60))
    await asyncio.sleep(0)
    watched.old_timer_is_over()
    assert await calling < 60
    assert len(timers) == 2
    assert patience.LONG / 2 < timers[1] <= patience.LONG
    assert watched.said == []


async def test_a_call_is_ended_when_its_own_time_is_over(timers: list[float]) -> None:
    watched = Watched()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await watched.call("stuck", 60, 0.1)
    assert 0.1 <= time.monotonic() - began < 30
    assert len(timers) == 1
    assert await watched.call("next", 0, 60) < 30


async def test_it_is_said_once_and_then_ended(monkeypatch: pytest.MonkeyPatch, timers: list[float]) -> None:
    monkeypatch.setattr(patience, "LONG", 0.1)
    watched = Watched()
    with pytest.raises(TimeoutError):
        await watched.call("stuck", 60, 0.3)
    assert watched.said == [("stuck", 0.1)]
    assert len(timers) == 2


async def test_a_call_that_is_cancelled_stays_cancelled(timers: list[float]) -> None:
    calling = asyncio.create_task(Watched().call("stuck", 60, 60))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert timers == [patience.LONG]
