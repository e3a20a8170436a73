"""What these tests have alike: a document, purging until nothing is left, and missions that have ended."""

from typing import Any

import pytest

from looping import Loop, Row, step

DAY = 86400


class Retention:
    """A loop that is retained."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def document(self, **fields: Any) -> None:
        """Sets the document."""
        self.loop.value("select fn_set_policy('retention', %s)", fields)

    def purge(self, limit: int = 10_000) -> dict[str, int]:
        """Calls until nothing is left; what was purged in all."""
        total: dict[str, int] = {}
        for _ in range(50):
            done = self.loop.value("select fn_apply_retention(%s)", limit)
            for part, number in done["purged"].items():
                total[part] = total.get(part, 0) + number
            if not done["more"]:
                return total
        raise AssertionError("never done")

    def finished(self, *steps: Row, **fields: Any) -> Any:
        """A mission that has succeeded."""
        self.loop.allow()
        mission = self.loop.mission(*(steps or (step("a"),)), **fields)
        while work := self.loop.claim():
            self.loop.complete(work[0], {"n": 1})
        assert self.loop.status(mission) == "succeeded"
        return mission

    def days(self, number: float) -> None:
        """Moves the clock on."""
        self.loop.advance(number * DAY)


@pytest.fixture
def retention(loop: Loop) -> Retention:
    """The loop of the test, with retention."""
    return Retention(loop)
