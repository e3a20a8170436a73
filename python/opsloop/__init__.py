"""opsloop: an autonomous ops loop that lives in PostgreSQL.

```python
with opsloop.connect() as loop:
    loop.emit_event("deploy:failed", {"service": "api"})
```

What programs need is here; `opsloop.errors` has the errors, one class per code, `opsloop.results` what the methods of
the client return, `opsloop.testing` the pytest plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsloop import errors, results
    from opsloop.client import AsyncClient, Client, OwningClient, connect, connect_async
    from opsloop.errors import OpsError
    from opsloop.executors import Context, Executor, Fatal, Registry, Retry, RetryAfter, Wait, executor
    from opsloop.locks import Lock, lock

__version__ = "0.1.0"

# Each is loaded when it is first used: a command of the command line needs a part of them, and starts much sooner.
_WHERE = {
    "client": ("AsyncClient", "Client", "OwningClient", "connect", "connect_async"),
    "errors": ("OpsError",),
    "executors": ("Context", "Executor", "Fatal", "Registry", "Retry", "RetryAfter", "Wait", "executor"),
    "locks": ("Lock", "lock"),
}
_MODULE = {name: module for module, names in _WHERE.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name in _MODULE:
        value = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
        globals()[name] = value
        return value
    if name in ("errors", "results"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
