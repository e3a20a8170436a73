"""Test executors, policy and reactions on a real database: a pytest plugin.

Name it in the `conftest.py` at the root of the tests, or in the settings of pytest by `addopts = "-p opsloop.testing"`.
Nothing loads it by itself, so that installing opsloop changes nobody's tests:

```python
pytest_plugins = ["opsloop.testing"]
```

```python
def test_it_says_hello(loop):
    loop.register(greet)
    loop.allow("greet")
    mission = loop.propose({"kind": "greet", "params": {"name": "Ann"}})
    loop.run_until_idle()
    loop.assert_succeeded(mission)
    assert loop.result(mission) == {"text": "Hello, Ann!"}
```

Each test has a database of its own: a clone of a template into which opsloop was deployed once. The server is the
embedded PostgreSQL (`pip install 'opsloop[testing]'`); or the one that `OPSLOOP_TEST_DSN` names, whose login must be
allowed to create databases: they are dropped at the end, but the group roles of the schema `opsloop`, which belong to
the whole server, stay. Your `DATABASE_URL` is never used.

Settings of pytest: `opsloop_app`, modules with executors, as `opsloop worker --app` takes them; `opsloop_policy`, a
file with the policy that every test starts with. Fixtures: `loop`, a `Loop`; and `opsloop_prepare`, to be overridden
by whoever has tables of his own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsloop.executors import Registry, builtin
from opsloop.testing.clock import Clock
from opsloop.testing.databases import Databases
from opsloop.testing.effects import Attempt, Event, OutboxMessage
from opsloop.testing.loop import Loop, NotIdle

__all__ = ["Attempt", "Clock", "Event", "Loop", "NotIdle", "OutboxMessage"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini(
        "opsloop_app", "modules with executors, MODULE or MODULE:ATTRIBUTE", type="args", default=[]
    )
    parser.addini(
        "opsloop_policy", "file with the policy that every test starts with", type="string", default=""
    )


@pytest.fixture(scope="session")
def opsloop_prepare() -> Callable[[str], None]:
    """What else the database of every test has; called once per run, with a connection string. Override it."""
    return lambda dsn: None


@pytest.fixture(scope="session")
def opsloop_databases() -> Iterator[Databases]:
    """The server of the tests."""
    with Databases.open() as databases:
        yield databases


@pytest.fixture(scope="session")
def opsloop_template(
    pytestconfig: pytest.Config, opsloop_databases: Databases, opsloop_prepare: Callable[[str], None]
) -> Iterator[str]:
    """Connection string of the database that those of the tests are copies of."""
    policy = pytestconfig.getini("opsloop_policy")
    with opsloop_databases.template(
        pytestconfig.rootpath / policy if policy else None, opsloop_prepare
    ) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def opsloop_executors(pytestconfig: pytest.Config) -> Registry:
    """The executors of every test: built in, of installed packages, and those of the setting `opsloop_app`."""
    registry = builtin(None)
    registry.load_entry_points()
    for target in pytestconfig.getini("opsloop_app"):
        _import_from(pytestconfig.rootpath)
        try:
            registry.load_app(target)
        except (ImportError, AttributeError, TypeError) as error:
            raise pytest.UsageError(f"opsloop_app = {target}: {error}") from error
    return registry


@pytest.fixture
def loop(opsloop_executors: Registry, opsloop_databases: Databases, opsloop_template: str) -> Iterator[Loop]:
    """A loop of this test's own, on a database of its own."""
    with opsloop_databases.make(like=opsloop_template) as dsn, Loop.open(dsn, opsloop_executors) as own:
        yield own


def _import_from(directory: Path) -> None:
    """As `opsloop worker --app` does with the current directory."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
