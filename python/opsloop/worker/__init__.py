"""The worker: leases steps from the database, runs them by its executors, and reports what became of them.

    python -m opsloop.worker --help

One process is one incarnation. How it hangs together:

- `loop.Worker` claims batches of steps, and starts and stops everything below;
- `runner.Runner` runs the handlers: on the event loop, as tasks, or in threads;
- `reporter.Reporter` sends results in batches, again and again until the database has them;
- `keeper.Keeper` watches deadlines and extends leases;
- `bell.Bell` waits for notifications while there is nothing to do;
- `heart.Heart` runs the heartbeat of the loop;
- `registration.Registration` announces the worker, and knows what policy has for it.

Claims, reports, leases and the heartbeat have a connection each, so that a slow call of one never delays another. That
of the claims listens. What a relay does alike is in `opsloop.process`.
"""

from __future__ import annotations

from opsloop.process.mode import Mode
from opsloop.worker.loop import Worker
from opsloop.worker.options import Options

__all__ = ["Mode", "Options", "Worker"]
