"""What a kind of fault is. The kinds themselves stand in `chaos.faults`, by what they are done to."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import psycopg

if TYPE_CHECKING:
    from chaos.clock import Clock
    from chaos.fleet import Fleet, Member
    from chaos.proxy import Proxy
    from chaos.server import Server

#: Leases of which live workers may be lost through it: all, those of the process that it names, or (None) no lease.
Excuse = Literal["all", "process"] | None

#: Seconds, longer than the longest outage of the server: what it refuses for so long it will never take.
_PATIENCE = 180


class Missed(Exception):  # noqa: N818 - it is no error
    """The fault did not come about, such as when another one is at the same thing."""


@dataclass
class Scene:
    """What faults are done to."""

    home: Path
    lease: float
    fleet: "Fleet"
    proxy: "Proxy"
    server: "Server"
    clock: "Clock"
    receiver: int
    """The receiver's process."""
    over: Event

    def wait(self, seconds: float) -> None:
        """How long a fault lasts."""
        self.over.wait(seconds)

    def one(self, draw: Random, role: str) -> "Member":
        """A member of the fleet that is there, for this fault alone."""
        there = [member for member in self.fleet.of(role) if member.pid is not None]
        draw.shuffle(there)
        for member in there:
            if member.busy.acquire(blocking=False):
                return member
        raise Missed(f"no {role} is there")

    def persist(self, work: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """Do it until the server has taken it: what a fault has done must be undone. Not taken for minutes: failed."""
        ends = time.monotonic() + _PATIENCE
        while True:
            # The caller may be the one who keeps others from starting it.
            self.server.tend()
            try:
                with self.server.connect(seconds=3) as conn:
                    conn.execute("set lock_timeout = '3s'")
                    conn.execute("set statement_timeout = '15s'")
                    return work(conn)
            except psycopg.Error as error:
                if time.monotonic() > ends:
                    raise RuntimeError(f"refused for {_PATIENCE} s: {error}") from error


Act = Callable[[Scene, Random], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    group: str
    act: Act
    weight: int
    excuses: Excuse
    needs: str | None

    @property
    def sentence(self) -> str:
        """What it is, in a sentence."""
        return " ".join((self.act.__doc__ or "").split())


KINDS: dict[str, Kind] = {}


def fault(
    name: str, group: str, *, excuses: Excuse, weight: int = 2, needs: str | None = None
) -> Callable[[Act], Act]:
    """Makes a function a kind of fault. It returns what it has met, when all is as it was before.

    `needs`: what this machine must have, `clock` (a C compiler) or `disk` (the right to mount a small one).
    """

    def add(act: Act) -> Act:
        KINDS[name] = Kind(name, group, act, weight, excuses, needs)
        return act

    return add
