"""The dashboard of the demo, for whoever stays: a server in a thread, and a key for the person in front of it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import opsloop
from opsloop import database, keys, migrate
from opsloop.client import Client
from opsloop.database import Database
from opsloop.demo.shop import Shop
from opsloop.errors import InvalidArgument
from opsloop.process import logs

#: Whose decisions count beside those of the loop's own logins.
_PERSON = "you"
_SCHEMA = "opsloop"


@contextmanager
def page(shop: Shop, port: int = 0) -> Iterator[tuple[str, str] | None]:
    """Yield the address of the dashboard and a key for it, while the block runs; None without the extra `serve`."""
    try:
        process: Any = importlib.import_module("opsloop.serve.process")
        settings: Any = importlib.import_module("opsloop.serve.settings")
    except ModuleNotFoundError:
        yield None
        return
    logs.configure("error")  # requests are no part of the show
    key = _key(shop)
    dsn = shop.dsn(shop.server.user)
    try:
        server = process.HttpServer(settings.ServeSettings(Database(dsn, _SCHEMA), port=port))
        address = server.bind()
    except InvalidArgument:
        # Another program has that port.
        server = process.HttpServer(settings.ServeSettings(Database(dsn, _SCHEMA), port=0))
        address = server.bind()
    thread = Thread(target=lambda: asyncio.run(server.run()), name="dashboard")
    thread.start()
    try:
        yield address, key
    finally:
        server.end()
        thread.join()


def _key(shop: Shop) -> str:
    """A key for a person who has proposed nothing, and so may decide: the roles of the loop are made for that."""
    dsn = shop.dsn(shop.server.user)
    with database.connect(dsn) as conn:
        with opsloop.connect(dsn, _SCHEMA) as loop:
            for role in loop.list_roles():
                if role.remedy:
                    conn.execute(role.remedy)
        migrate.apply_rights(dsn, _SCHEMA)
        conn.execute(f"create role {_PERSON} login")
        conn.execute(f"grant {_SCHEMA}_admin to {_PERSON}")
        key = keys.draw()
        Client(conn, _SCHEMA).create_api_key("demo", "admin", keys.digest(key), _PERSON)
    return key
