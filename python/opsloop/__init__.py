"""opsloop: an autonomous ops loop that lives in PostgreSQL.

```python
with opsloop.connect() as loop:
    loop.emit_event("deploy:failed", {"service": "api"})
```

What programs need is here; `opsloop.errors` has the errors, one class per code, `opsloop.results` what the methods of
the client return, `opsloop.testing` the pytest plugin.
"""

from opsloop import errors, results
from opsloop.client import AsyncClient, Client, OwningClient, connect, connect_async
from opsloop.errors import OpsError
from opsloop.executors import Context, Executor, Fatal, Registry, Retry, RetryAfter, Wait, executor
from opsloop.locks import Lock, lock

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "Context",
    "Executor",
    "Fatal",
    "Lock",
    "OpsError",
    "OwningClient",
    "Registry",
    "Retry",
    "RetryAfter",
    "Wait",
    "__version__",
    "connect",
    "connect_async",
    "errors",
    "executor",
    "lock",
    "results",
]
