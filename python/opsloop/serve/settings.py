"""The settings of `opsloop serve`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Self

from opsloop import webhooks
from opsloop.config import Settings
from opsloop.database import Database
from opsloop.errors import InvalidArgument

LEAST_KEY = 32
"""Fewest characters of OPS_API_KEY."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A field name, as RFC 9110 has it."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of one server."""

    database: Database
    host: str = "127.0.0.1"
    port: int = 8484
    read_only: bool = False
    """Nothing is changed by way of this server, whoever asks."""
    api_key: str | None = field(default=None, repr=False)
    """OPS_API_KEY, which opens the heartbeat and the metrics, and nothing else."""
    webhook_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys of those whose signed events are taken without another key."""
    event_batch_size: int | None = None
    reaction_batch_size: int | None = None
    stale_step_minutes: int | None = None
    proxy_header: str | None = None
    """The header in which a proxy names the person that it has signed in; policy says which proxies are believed."""
    tls: bool = False
    """A proxy with TLS stands in front: cookies never go over plain connections."""
    connections: int = 10
    """Most database connections at a time."""
    request_seconds: float = 20.0
    """How long the head of a request, and then its body, may take to arrive."""
    sign_in_minutes: int = 720
    """How long a browser stays signed in."""

    @classmethod
    def of(cls, settings: Settings, database: Database, **options: Any) -> Self:
        """What the environment says, and the command line. Raises InvalidArgument (OPS_018), and shows no secret."""
        try:
            known = tuple(webhooks.keys(settings.webhook_secret)) if settings.webhook_secret else ()
        except ValueError as error:
            raise InvalidArgument(f"OPS_WEBHOOK_SECRET: {error}") from None
        return cls(
            database,
            api_key=settings.api_key,
            webhook_keys=known,
            event_batch_size=settings.event_batch_size,
            reaction_batch_size=settings.reaction_batch_size,
            stale_step_minutes=settings.stale_step_minutes,
            **options,
        )

    def __post_init__(self) -> None:
        """Refuse a key that can be guessed, and never show it, and a header that no request can have."""
        if self.api_key is not None and len(self.api_key) < LEAST_KEY:
            raise InvalidArgument(
                f"OPS_API_KEY is too short: {len(self.api_key)} characters, and {LEAST_KEY} are the least",
                hint="Make one with: openssl rand -base64 32",
            )
        if self.proxy_header is not None and not _HEADER.fullmatch(self.proxy_header):
            raise InvalidArgument(
                f"--proxy-header is no name of an HTTP header: {self.proxy_header[:100]!r} is not of letters,"
                " digits and !#$%&'*+-.^_`|~ alone",
                hint="Give the name without its value or a colon, such as Remote-User.",
            )
