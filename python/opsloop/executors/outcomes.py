"""How an executor says that an attempt did not succeed.

Any other exception counts as `Retry`: the attempt failed, and the database decides by its
counters whether there will be another one.
"""

from __future__ import annotations


class Retry(Exception):  # noqa: N818 - a verdict, not an error's name
    """The attempt failed; another one may succeed. Counts as one failure of the step."""


class RetryAfter(Retry):
    """The attempt failed; another one is not worth while before some time has passed.

    `seconds` is the time to wait, in seconds, counted from now. It replaces the backoff of the
    worker policy for this one retry.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        if seconds < 0:
            raise ValueError(f"RetryAfter needs a number of seconds >= 0, got {seconds}")
        super().__init__(message or f"asked to retry after {seconds:g} s")
        self.seconds = float(seconds)


class Wait(Exception):  # noqa: N818 - a verdict, not an error's name
    """There is nothing to do for some time: let go of the step, and come back to it then. No failure counts.

    `seconds` is the time to wait, in seconds, counted from now, a year at most. Until then the step holds no worker and
    no lease; the next attempt gets what this one reported last by `progress`.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"Wait needs a number of seconds >= 0, got {seconds}")
        super().__init__(message or f"asked to wait {seconds:g} s")
        self.seconds = float(seconds)


class Fatal(Exception):  # noqa: N818 - a verdict, not an error's name
    """The step cannot succeed, however often it is tried: fail it for good, now."""
