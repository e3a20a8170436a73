"""Clocks that are set, forward and back, and stay so."""

from random import Random
from typing import Any

from chaos.kinds import Missed, Scene, fault


@fault("server's clock set forward", "clocks", excuses="all", needs="clock")
def server_forward(scene: Scene, draw: Random) -> dict[str, Any]:
    """By up to two minutes: all leases are over at once."""
    seconds = draw.choice([2, scene.lease * 0.8, scene.lease * 3, 120])
    scene.clock.step(round(seconds))
    return {"by": round(seconds)}


@fault("server's clock set back", "clocks", excuses="all", needs="clock")
def server_back(scene: Scene, draw: Random) -> dict[str, Any]:
    """By up to half a minute: no lease ends for that much longer."""
    seconds = draw.choice([2, scene.lease * 0.8, scene.lease * 1.5, 30])
    scene.clock.step(-round(seconds))
    return {"by": -round(seconds)}


def _step(scene: Scene, draw: Random, sign: int) -> dict[str, Any]:
    role = draw.choice(["worker", "worker", "relay"])
    clocks = [(member.name, member.clock) for member in scene.fleet.of(role) if member.clock is not None]
    if not clocks:
        raise Missed(f"no {role} has a clock of its own")
    name, clock = draw.choice(clocks)
    seconds = sign * draw.choice([2, 60, 3600])
    clock.step(seconds)
    return {"by": seconds, "member": name}


@fault("worker's clock set forward", "clocks", excuses=None, needs="clock")
def worker_forward(scene: Scene, draw: Random) -> dict[str, Any]:
    """Of a worker or a relay, by up to an hour."""
    return _step(scene, draw, 1)


@fault("worker's clock set back", "clocks", excuses=None, needs="clock")
def worker_back(scene: Scene, draw: Random) -> dict[str, Any]:
    """Of a worker or a relay, by up to an hour."""
    return _step(scene, draw, -1)
