"""opsloop: an autonomous ops loop that lives in PostgreSQL.

```python
with opsloop.connect() as loop:
    loop.emit_event("deploy:failed", {"service": "api"})
```
"""

from opsloop.client import AsyncClient, Client, OwningClient, connect, connect_async
from opsloop.errors import OpsError
from opsloop.executors import Context, Fatal, Retry, RetryAfter, executor
from opsloop.locks import Lock, lock

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "Context",
    "Fatal",
    "Lock",
    "OpsError",
    "OwningClient",
    "Retry",
    "RetryAfter",
    "__version__",
    "connect",
    "connect_async",
    "executor",
    "lock",
]
