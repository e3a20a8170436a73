"""Faults of the network between the fleet and the server."""

from random import Random
from typing import Any

from chaos.kinds import Scene, fault


@fault("network slow", "network", excuses="all")
def slow(scene: Scene, draw: Random) -> dict[str, Any]:
    """Each packet takes up to half a second longer."""
    delay, seconds = draw.uniform(0.02, 0.5), draw.uniform(2, 8)
    met = scene.proxy.slow(draw, draw.choice([0.5, 1.0]), delay)
    scene.wait(seconds)
    scene.proxy.normal(draw)
    return {"connections": met, "delay": round(delay, 2), "seconds": round(seconds, 1)}


@fault("network in small pieces", "network", excuses="all")
def trickle(scene: Scene, draw: Random) -> dict[str, Any]:
    """A hundred bytes at a time, each some milliseconds later."""
    seconds = draw.uniform(1, 5)
    met = scene.proxy.slow(draw, draw.choice([0.5, 1.0]), 0.005, draw.choice([37, 100, 500]))
    scene.wait(seconds)
    scene.proxy.normal(draw)
    return {"connections": met, "seconds": round(seconds, 1)}


@fault("packets dropped", "network", excuses="all", weight=3)
def dropped(scene: Scene, draw: Random) -> dict[str, Any]:
    """Nothing comes through and nobody is told; afterwards some connections go on, and others turn out to be lost."""
    seconds = draw.uniform(0.3, 1.6) * scene.lease
    met = scene.proxy.drop(draw, draw.choice([0.3, 1.0]))
    scene.wait(seconds)
    scene.proxy.normal(draw, lost=0.5)
    return {"connections": met, "seconds": round(seconds, 1)}


@fault("connections half closed", "network", excuses="all")
def half_closed(scene: Scene, draw: Random) -> dict[str, Any]:
    """The server's side is closed towards the clients, which may still send, to nobody."""
    seconds = draw.uniform(1, 6)
    met = scene.proxy.half_close(draw, draw.choice([0.3, 1.0]))
    scene.wait(seconds)
    scene.proxy.normal(draw, lost=1.0)
    return {"connections": met}


@fault("connections reset", "network", excuses=None, weight=3)
def reset(scene: Scene, draw: Random) -> dict[str, Any]:
    """RST to both sides, in the midst of whatever was said."""
    return {"connections": scene.proxy.reset(draw, draw.choice([0.3, 1.0]))}


@fault("connections refused", "network", excuses="all")
def refused(scene: Scene, draw: Random) -> dict[str, Any]:
    """Nobody listens any more, and what was open is reset."""
    seconds = draw.uniform(0.2, 1.3) * scene.lease
    scene.proxy.refuse()
    met = scene.proxy.reset(draw, draw.choice([0.5, 1.0]))
    scene.wait(seconds)
    scene.proxy.normal(draw)
    return {"connections": met, "seconds": round(seconds, 1)}
