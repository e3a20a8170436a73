"""What the tests of this folder compare with."""

from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor

from databases import Databases
from upgrade.deploying import dump


@pytest.fixture(scope="session")
def deployed(databases: Databases, template: NoopExecutor, programs: Path) -> str:
    """The dump of a database as `opsloop migrate` leaves it; that of a test, `dsn`, begins as its copy."""
    return dump(programs, make_conninfo(databases.dsn, dbname=template.template_dbname))
