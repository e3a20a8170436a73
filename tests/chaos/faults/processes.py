"""Faults of the processes of the fleet."""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from chaos.kinds import Missed, Scene, fault


def _killed(scene: Scene, draw: Random, role: str) -> dict[str, Any]:
    member = scene.one(draw, role)
    try:
        pid = member.pid
        member.not_before = time.monotonic() + draw.choice([0.0, 0.5, scene.lease * 1.3])
        member.signal(signal.SIGKILL)
        return {"pid": pid, "member": member.name}
    finally:
        member.busy.release()


def _stopped(scene: Scene, draw: Random, role: str, seconds: float) -> dict[str, Any]:
    member = scene.one(draw, role)
    try:
        pid = member.pid
        member.signal(signal.SIGSTOP)
        scene.wait(seconds)
        member.signal(signal.SIGCONT)
        return {"pid": pid, "member": member.name, "seconds": round(seconds, 1)}
    finally:
        member.busy.release()


@fault("worker killed", "processes", excuses="process", weight=4)
def worker_killed(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGKILL; another one comes at once, soon, or only after its leases have run out."""
    return _killed(scene, draw, "worker")


@fault("worker stopped", "processes", excuses="process", weight=3)
def worker_stopped(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGSTOP, and SIGCONT before or after its leases have run out."""
    return _stopped(scene, draw, "worker", draw.uniform(0.2, 1.6) * scene.lease)


@fault("worker asked to end", "processes", excuses="process")
def worker_asked(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGTERM, at times a second one at once."""
    member = scene.one(draw, "worker")
    try:
        pid = member.pid
        for _ in range(draw.choice([1, 1, 2])):
            member.signal(signal.SIGTERM)
            time.sleep(0.05)
        return {"pid": pid, "member": member.name}
    finally:
        member.busy.release()


@fault("worker starved", "processes", excuses="process")
def worker_starved(scene: Scene, draw: Random) -> dict[str, Any]:
    """It gets a tenth of its time: SIGSTOP and SIGCONT several times a second."""
    member = scene.one(draw, "worker")
    try:
        pid = member.pid
        ends = time.monotonic() + draw.uniform(3, 8)
        while time.monotonic() < ends and not scene.over.is_set():
            member.signal(signal.SIGSTOP)
            time.sleep(0.3)
            member.signal(signal.SIGCONT)
            time.sleep(0.03)
        return {"pid": pid, "member": member.name}
    finally:
        member.busy.release()


def _limited(
    scene: Scene, draw: Random, limit: int, most: Callable[[int], int], seconds: float
) -> dict[str, Any]:
    """A limit of a worker is lowered for a while; `most`, of its process, says how far."""
    member = scene.one(draw, "worker")
    try:
        pid = member.pid
        if pid is None:
            raise Missed("it has just ended")
        soft, hard = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, (most(pid), hard))
        scene.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, limit, (soft, hard))
        return {"pid": pid, "member": member.name, "seconds": round(seconds, 1)}
    finally:
        member.busy.release()


def _size(pid: int) -> int:
    """How much address space a process has, bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[0]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@fault("worker out of files", "processes", excuses="process")
def worker_out_of_files(scene: Scene, draw: Random) -> dict[str, Any]:
    """RLIMIT_NOFILE: it can open no connection that it does not have."""
    return _limited(scene, draw, resource.RLIMIT_NOFILE, lambda _: 8, draw.uniform(1, 6))


@fault("worker out of threads", "processes", excuses="process")
def worker_out_of_threads(scene: Scene, draw: Random) -> dict[str, Any]:
    """RLIMIT_AS: it gets no more memory than it has, and so no more threads."""
    return _limited(scene, draw, resource.RLIMIT_AS, lambda pid: _size(pid) + (4 << 20), draw.uniform(1, 5))


@fault("relay killed", "processes", excuses=None, weight=3)
def relay_killed(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGKILL of a relay."""
    return _killed(scene, draw, "relay")


@fault("relay stopped", "processes", excuses=None)
def relay_stopped(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGSTOP of a relay, at times for longer than its claims last."""
    return _stopped(scene, draw, "relay", draw.uniform(0.2, 1.6) * scene.lease)


@fault("producer killed", "processes", excuses=None)
def producer_killed(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGKILL of a producer, at times between its commit and the answer."""
    return _killed(scene, draw, "producer")


@fault("receiver stopped", "processes", excuses=None)
def receiver_stopped(scene: Scene, draw: Random) -> dict[str, Any]:
    """The receiver of the webhooks takes connections and answers nothing."""
    seconds = draw.uniform(0.5, 4)
    os.kill(scene.receiver, signal.SIGSTOP)
    try:
        scene.wait(seconds)
    finally:
        os.kill(scene.receiver, signal.SIGCONT)
    return {"seconds": round(seconds, 1)}
