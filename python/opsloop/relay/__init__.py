"""The relay: delivers what was published to the outbox.

Which message goes where is policy (the document `outbox`), and the database says it with every claim. Built in are
the sinks `http`, `notify` and `command`; one's own is a function marked `@sink("name")`, which gets a `Message`, and
raises `Retry`, `RetryAfter(seconds)` or `Fatal` when it was not delivered.
"""

from __future__ import annotations

from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.relay.sinks import Message, sink

__all__ = ["Fatal", "Message", "Retry", "RetryAfter", "sink"]
