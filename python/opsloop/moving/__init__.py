"""Moves a loop to another server (docs/moving.md): `phases` has the order of steps, `copying` the copy itself."""

from opsloop.moving.copying import size
from opsloop.moving.phases import Move

__all__ = ["Move", "size"]
