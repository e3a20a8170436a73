"""Fifty sessions race for one lock while sessions are killed at random: those who hold it follow one another.

OPSLOOP_SOAK_SECONDS says for how long (4); `make soak-locks` takes 30 and prints the figures.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg

from looping import Loop
from support import at_once

SECONDS = float(os.environ.get("OPSLOOP_SOAK_SECONDS", "4"))
RACERS = 50
TTL = 1


@dataclass
class Held:
    """One time that somebody held the lock, by the server's clock."""

    token: int
    begun: datetime
    ends: datetime
    """When it expires, as far as he was told."""
    gave_back: datetime | None = None
    """Just before he said that he gives it back."""

    @property
    def surely_until(self) -> datetime:
        return min(self.ends, self.gave_back or self.ends)


class Racer:
    """Somebody who wants the lock, over and over; killed, he comes back as somebody else."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], over: float) -> None:
        self.connect = connect
        self.over = over
        self.held: list[Held] = []
        self.lost = self.lives = 0
        self.conn: psycopg.Connection[Any] | None = None

    def race(self) -> None:
        while time.monotonic() < self.over:
            # Dead, in whatever it was doing.
            with suppress(psycopg.OperationalError):
                self.conn = self.connect()
                self.live(self.conn, str(uuid4()))
            self.lives += 1

    def live(self, conn: psycopg.Connection[Any], me: str) -> None:
        while time.monotonic() < self.over:
            with conn.transaction(force_rollback=random.random() < 0.1):
                if not self.ask(conn, "fn_acquire_lock('race', %s, %s)", me, TTL):
                    self.lost += 1
                    mine = None
                else:
                    row = conn.execute(
                        "select token, acquired_at, expires_at from distributed_locks where lock_name = 'race'"
                    ).fetchone()
                    assert row is not None
                    mine = Held(*row)
            # Rolled back, he never had it.
            if mine is None or self.ask(conn, "fn_lock_token('race', %s)", me) != mine.token:
                time.sleep(random.uniform(0, 0.05))
                continue
            self.held.append(mine)
            for _ in range(random.randint(0, 3)):
                self.work(conn, mine)
                if not self.ask(conn, "fn_extend_lock('race', %s, %s)", me, TTL):
                    break
                row = conn.execute(
                    "select expires_at from distributed_locks where lock_name = 'race' and holder_id = %s",
                    (me,),
                ).fetchone()
                mine.ends = row[0] if row else mine.ends
            if random.random() < 0.03:
                return  # vanishes without a word: the lock has to expire
            mine.gave_back = self.ask(conn, "clock_timestamp()")
            self.ask(conn, "fn_release_lock('race', %s)", me)

    def work(self, conn: psycopg.Connection[Any], mine: Held) -> None:
        """Writes under the lock, in two statements; now and then he stops between them for longer than its time."""
        write = "insert into written (token) values (%s)"
        with suppress(psycopg.DatabaseError), conn.transaction():
            self.ask(conn, "fn_assert_lock('race', %s)", mine.token)
            conn.execute(write, (mine.token,))
            time.sleep(TTL + 0.3 if random.random() < 0.05 else random.uniform(0, 0.01))
            conn.execute(write, (mine.token,))

    @staticmethod
    def ask(conn: psycopg.Connection[Any], what: str, *params: Any) -> Any:
        row = conn.execute(f"select {what}", params).fetchone()
        return row[0] if row else None


def kill(watch: psycopg.Connection[Any], racers: list[Racer], over: float) -> int:
    """Ends a session every twenty milliseconds."""
    killed = 0
    while time.monotonic() < over:
        victim = random.choice(racers).conn
        if victim is not None and not victim.closed:
            watch.execute("select pg_terminate_backend(%s)", (victim.info.backend_pid,))
            killed += 1
        time.sleep(0.02)
    return killed


def test_fifty_sessions_hold_it_one_after_the_other_whoever_is_killed(
    loop: Loop, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    loop.do("create table written (n bigint generated always as identity, token bigint)")
    started = time.monotonic()
    racers = [Racer(connect, started + SECONDS) for _ in range(RACERS)]
    killing = partial(kill, connect(), racers, started + SECONDS)
    killed, *_ = at_once([killing, *(racer.race for racer in racers)], SECONDS + 60)

    held = sorted((h for r in racers for h in r.held), key=lambda h: h.token)
    assert len({h.token for h in held}) == len(held), "a token was given twice"
    for before, after in pairwise(held):
        assert before.begun < after.begun, "a token went back"
        assert before.surely_until <= after.begun, f"{before} and {after} overlap"
    written = [r["token"] for r in loop.rows("select token from written order by n")]
    assert written == sorted(written), "somebody wrote under a lock that was not his any more"

    counted = {r["name"]: int(r["value"]) for r in loop.rows("select * from fn_metrics()")}
    # Who is killed between acquiring and hearing of it does not know that he held it.
    assert 0 <= counted["m10_locks_acquired_total"] - len(held) <= sum(r.lives for r in racers)
    lines = {
        "seconds": SECONDS,
        "sessions": RACERS,
        "killed": killed,
        "times held": len(held),
        "attempts lost": sum(r.lost for r in racers),
        "rows written under the lock": len(written),
    }
    print("\n" + "\n".join(f"{name:30}{value:>10}" for name, value in lines.items()))
    assert len(held) > SECONDS / 2
    assert killed > 10 * SECONDS
