"""What must be shown, and what is aimed at: one line each. Every comparison is made within a round.

A ratio is taken of the figures of the same round, and its median over the rounds is judged; so is the median of a
plain figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.figures import Entrant

OWN = Entrant("opsloop")


@dataclass(frozen=True)
class Target:
    """A metric of opsloop's, plain or as a ratio to another entrant's, and the bounds for it."""

    name: str
    workload: str
    must: float | None
    aim: float | None
    #: Whose figure is judged.
    of: Entrant = OWN
    #: Whose figure it is divided by; None for a plain figure.
    to: Entrant | None = None
    metric: str = "rate"
    #: Whether the figure must not exceed the bounds, where it otherwise must reach them.
    at_most: bool = False

    def meets(self, value: float, bound: float) -> bool:
        """Whether a value keeps a bound."""
        return value <= bound if self.at_most else value >= bound

    @property
    def sign(self) -> str:
        """How value and bound compare."""
        return "≤" if self.at_most else "≥"


def _against(
    name: str, workload: str, to: str, must: float | None, aim: float | None = None, mode: str = ""
) -> Target:
    """Opsloop's rate as a multiple of another system's."""
    return Target(name, workload, must, aim, Entrant("opsloop", mode), Entrant(to, mode))


def _variant(name: str, workload: str, of: str, to: str, must: float, aim: float) -> Target:
    """Opsloop's rate under one variant of the conditions as a share of that under another."""
    return Target(name, workload, must, aim, Entrant("opsloop", of), Entrant("opsloop", to))


def _none(name: str, workload: str, of: str, metric: str) -> Target:
    """Something that must never happen."""
    return Target(name, workload, 0, None, Entrant("opsloop", of), metric=metric, at_most=True)


def _latency(share: str, to: str, must: float | None, aim: float | None = None) -> Target:
    """Opsloop's latency as a multiple of another system's: less is better."""
    return Target(f"pick-up {share} / {to}", "latency", must, aim, to=Entrant(to), metric=share, at_most=True)


TARGETS: tuple[Target, ...] = (
    _against("drain / pgqueuer", "drain", "pgqueuer", 1.0),
    _against("drain / pg-boss", "drain", "pg_boss", 2.0),
    _against("drain / awa", "drain", "awa", 3.0),
    _against("drain / absurd", "drain", "absurd", 9.0),
    _against("drain / graphile-worker", "drain", "graphile_worker", None, 1.0),
    _against("drain / batched floor", "drain", "floor_batched", None, 0.5),
    _against("10-step missions / absurd", "sequential", "absurd", 8.0, 20.0),
    _variant("fan-out / one-step rate", "fanout", "fan-out", "one step", 0.5, 0.8),
    _none("fan-out: deadlocks", "fanout", "fan-out", "deadlocks"),
    _latency("p50", "procrastinate", 1.0),
    _latency("p99", "procrastinate", 1.0),
    _latency("p50", "pgqueuer", 1.0),
    _latency("p99", "pgqueuer", 1.0),
    _latency("p50", "graphile_worker", None, 1.0),
    _latency("p99", "graphile_worker", None, 1.0),
    _against("bulk enqueue / pg-boss", "enqueue", "pg_boss", 1.0, mode="bulk"),
    _against("bulk enqueue / graphile-worker", "enqueue", "graphile_worker", None, 1.0, mode="bulk"),
    *(
        Target(f"whole loop, {form}: loops/s", "loop", 2_000, 5_000, Entrant("opsloop", form))
        for form in ("batch", "batch held", "steady", "steady held")
    ),
    _variant("10 M finished rows / none", "beside", "finished rows", "none", 0.95, 1.0),
    _variant("1 M mixed backlog / 1 K", "backlog", "large", "small", 0.95, 1.0),
    _variant("read snapshot held / control", "holds", "read snapshot", "control", 0.85, 1.0),
    _variant("dump held / control", "holds", "dump", "control", 0.85, 1.0),
    _variant("writing transaction held / control", "holds", "writing", "control", 0.85, 1.0),
    _variant("enqueuer left open / control", "holds", "enqueuer", "control", 0.5, 0.9),
    Target("relay: webhooks/s", "relay", 2_000, 3_000, Entrant("opsloop", "relay")),
    _variant("relay / bare loop", "relay", "relay", "bare loop", 0.2, 0.5),
    Target("transitions/s", "transitions", 2_000, None, Entrant("opsloop", "transition")),
    Target(
        "transitions / three statements by hand",
        "transitions",
        None,
        0.3,
        Entrant("opsloop", "transition"),
        Entrant("opsloop", "by hand"),
    ),
    *(
        Target(
            f"{what}: p50 ms", "transitions", ms, None, Entrant("opsloop", what), metric="p50", at_most=True
        )
        for what, ms in (("transition", 2), ("26 gates", 10), ("idempotent hit", 0.5))
    ),
    Target(
        "dry run over 100,000 events: s",
        "dryrun",
        10,
        5,
        Entrant("opsloop", "changed"),
        metric="seconds",
        at_most=True,
    ),
    Target("disk per one-step mission", "bytes", None, 2_200, metric="disk", at_most=True),
    Target("WAL per one-step mission", "bytes", None, 2_800, metric="WAL", at_most=True),
    Target("drain beside a purge / without", "retention", 0.9, 0.95),
    Target("purge: lock waits over 100 ms", "retention", 0, None, metric="lock waits", at_most=True),
    Target("growth of files after a purge", "retention", 0.1, 0.02, metric="growth", at_most=True),
    Target(
        "heartbeat beside 100,000 waiting steps / none",
        "waits",
        1.1,
        1.05,
        Entrant("opsloop", "waiting"),
        Entrant("opsloop", "none"),
        metric="heartbeat",
        at_most=True,
    ),
    _variant("drain while an event frees 10,000 steps / none", "waits", "waiting", "none", 0.9, 0.95),
    Target(
        "10,000 steps freed: seconds",
        "waits",
        2,
        1.5,
        Entrant("opsloop", "waiting"),
        metric="freed",
        at_most=True,
    ),
    *(
        Target(
            f"opsloop {command}, {beside} beside: s",
            "commands",
            0.5,
            None,
            Entrant("opsloop", beside),
            metric=command,
            at_most=True,
        )
        for beside in ("none", "finished missions")
        for command in (
            "ps",
            "inbox",
            "show",
            "health",
            "stats",
            "dead list",
            "retry, none fit",
            "cancel, none fit",
        )
    ),
    *(
        Target(
            f"{call} over the front / direct",
            "fleet",
            2.5,
            None,
            Entrant("opsloop", f"{call} front"),
            Entrant("opsloop", f"{call} direct"),
            metric="p50",
            at_most=True,
        )
        for call in ("emit", "propose")
    ),
    Target(
        "two nodes of a fleet / one",
        "fleet",
        0.9,
        None,
        Entrant("opsloop", "two nodes"),
        Entrant("opsloop", "one node"),
    ),
    _variant("64 workers / 8", "workers", "64", "8", 0.8, 0.95),
    *(
        _none(f"{number} workers: {what}", "workers", str(number), what)
        for number in (8, 64)
        for what in ("deadlocks", "serialization failures")
    ),
)
