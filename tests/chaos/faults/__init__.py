"""All kinds of fault, by what they are done to."""

from chaos.faults import clocks, control, locks, network, processes, servers, sessions

__all__ = ["clocks", "control", "locks", "network", "processes", "servers", "sessions"]
