"""`command`: runs the program of a preset of worker_policy, with the message on its standard input.

Exit code 0 is delivered, any other is tried again. The program sees OPS_IDEMPOTENCY_KEY and OPS_EVENT_TYPE; what it
prints is dropped, but for the end of stderr, which is kept as the error. At `timeout_seconds` (60) it is ended.
"""

from __future__ import annotations

import asyncio

from opsloop.executors import command
from opsloop.executors.outcomes import Retry
from opsloop.relay.sinks import Message

DEFAULT_TIMEOUT = 60.0


async def deliver(message: Message) -> None:
    """Run the program to its end."""
    params = {name: message.settings[name] for name in ("argv", "env", "cwd") if name in message.settings}
    argv, cwd, _ = command.check(params)
    own = {"OPS_IDEMPOTENCY_KEY": message.idempotency_key, "OPS_EVENT_TYPE": message.event_type}
    timeout = float(message.settings.get("timeout_seconds") or DEFAULT_TIMEOUT)
    try:
        async with asyncio.timeout(timeout):
            await command.execute(argv, cwd, message.body, command.environment(params, own))
    except TimeoutError as error:
        raise Retry(f"{argv[0]!r} did not end within {timeout:g} s") from error
