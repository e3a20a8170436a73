"""What the tests of agents share: the loop, a producer's login, and an MCP server that serves it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agents.serving import Served
from looping import Loop


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    """The loop as its owner sees it."""
    return Loop(conn)


@pytest.fixture
def login(loop: Loop, dsn: str) -> Iterator[str]:
    """Connection string of a login that is a member of the producers, and of nothing else."""
    loop.conn.execute("drop role if exists an_agent")
    loop.conn.execute("create role an_agent login in role opsloop_producer")
    yield make_conninfo(dsn, user="an_agent")
    loop.conn.execute("drop owned by an_agent; drop role an_agent")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests: it takes a second to start."""
    one = Served(tmp_path_factory.mktemp("mcp"))
    yield one
    one.stop()


@pytest.fixture
def agent(served: Served, login: str) -> Served:
    """The tools of an agent, as its MCP client has them."""
    served.serve(login)
    return served
