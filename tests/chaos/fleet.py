"""The processes at work: workers, relays and producers; one that ends is started anew, as systemd would."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from chaos.clock import Clock
from chaos.spawning import spawn
from chaos.witness import PLACE

TESTS = Path(__file__).resolve().parents[1]


@dataclass
class Member:
    """One place in the fleet, whichever process has it."""

    role: str
    name: str
    command: Sequence[str]
    env: dict[str, str]
    log: Path
    clock: Clock | None = None
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    """Whether it is started when it is not there."""
    not_before: float = 0.0
    busy: RLock = field(default_factory=RLock)
    """Held by the fault that does something to it."""
    exits: Counter[int] = field(default_factory=Counter)
    lives: list[tuple[int, float]] = field(default_factory=list)
    """Processes that it was, and when each was seen to have ended."""

    @property
    def pid(self) -> int | None:
        """The process, while it is there."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def tend(self) -> None:
        """Start it when it should be there and is not."""
        if self.pid is None and self.process is not None:
            self.exits[self.process.returncode] += 1
            self.lives.append((self.process.pid, time.monotonic()))
            self.process = None
            self.not_before = max(self.not_before, time.monotonic() + 0.3)
        if self.process is None and self.wanted and time.monotonic() >= self.not_before:
            env = {**os.environ, **self.env, **({} if self.clock is None else self.clock.env())}
            self.process = spawn(self.command, self.log, env=env)

    def signal(self, what: signal.Signals) -> None:
        """Send it a signal; when it is not there, nothing."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)


class Fleet:
    """All of them."""

    def __init__(
        self, place: Path, port: int, seed: int, rate: float, gate: Path, sizes: dict[str, int]
    ) -> None:
        self._lock = RLock()
        self.members: list[Member] = []
        python = [sys.executable, "-m"]
        commands = {
            "worker": [*python, "opsloop.worker", "--app", "chaos.work", "--batch", "40", "--concurrency", "40",
                       "--grace", "3", "--poll-seconds", "0.5"],
            "relay": [*python, "opsloop.relay", "--batch", "40", "--poll-seconds", "0.3", "--grace", "3"],
        }  # fmt: skip
        for role, number in sizes.items():
            for n in range(number):
                name = f"{role}{n + 1}"
                given = [name, str(seed), f"{rate / number}", str(gate)]
                command = commands.get(role) or [*python, "chaos.producer", *given]
                login = f"chaos_{'worker' if role == 'relay' else role}"
                env = {
                    "DATABASE_URL": f"postgresql://{login}@127.0.0.1:{port}/loop",
                    "PYTHONPATH": str(TESTS),
                    PLACE: str(place / "witness"),
                    "OPSLOOP_CHAOS_KEY": "whsec_c2VjcmV0",
                }
                # The last of each has a clock that can be stepped.
                clock = Clock(place / f"clock-{name}") if n == number - 1 and role != "producer" else None
                self.members.append(Member(role, name, command, env, place / f"{name}.log", clock))

    def of(self, role: str) -> list[Member]:
        """Those of a role."""
        return [member for member in self.members if member.role == role]

    def tend(self) -> None:
        """Start what is missing."""
        with self._lock:
            for member in self.members:
                member.tend()

    def stop(self, roles: Sequence[str], seconds: float = 15) -> None:
        """Ask all of these roles to end, and end those that do not; they are not started again."""
        chosen = [member for member in self.members if member.role in roles]
        with self._lock:
            for member in chosen:
                member.wanted = False
                member.signal(signal.SIGTERM)
        ends = time.monotonic() + seconds
        while any(member.pid for member in chosen) and time.monotonic() < ends:
            time.sleep(0.05)
        for member in chosen:
            member.signal(signal.SIGCONT)
            member.signal(signal.SIGKILL)

    def go_on(self) -> None:
        """All of them are wanted."""
        with self._lock:
            for member in self.members:
                member.wanted = True
