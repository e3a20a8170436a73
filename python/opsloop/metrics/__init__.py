"""Metrics for Prometheus: those of the loop, which the database has, and those of this process."""

from __future__ import annotations

from typing import Any

import psycopg

from opsloop.client import AsyncClient

#: What GET /metrics declares.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def exposition(connection: psycopg.AsyncConnection[Any], schema: str = "opsloop") -> bytes:
    """All metrics of the loop in `schema`, in Prometheus' text format."""
    return (await AsyncClient(connection, schema).exposition()).encode()
