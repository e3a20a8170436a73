"""The order of the outbox in every interleaving of two publishers and two relays.

An explicit-state model: each statement of the routines is one step, which sees what had been committed by then, and
what a transaction writes is seen by others once it has committed. All orders in which the steps can happen are walked.
In every one of them a message is delivered after those of its aggregate that its own transaction published earlier, and
those that were committed before it was published; and in the end nothing is left that no claim would come upon.

The steps are those of sql/code/outbox. Rules that were, or could be, there instead are caught: they are the variants.
tests/concurrency/test_outbox_order.py has such interleavings with real sessions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import pytest

Aggregate = str


class Bound(Enum):
    """What a claim takes of what it sees."""

    SNAPSHOT = "what its first snapshot shows"
    NUMBER = "numbers drawn before it began"
    HINTS = "hints of what its first snapshot shows, and whatever is above the mark"
    NOTHING = "all"


@dataclass(frozen=True)
class Message:
    """What was published, by which transaction, and what has to be delivered before it."""

    aggregate: Aggregate
    transaction: int
    before: frozenset[int]


@dataclass(frozen=True)
class Head:
    """A row of outbox_heads, as the last commit left it."""

    mark: int
    holder: int | None = None
    claimed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Publisher:
    """What it has still to do: a letter publishes about that aggregate, `;` commits."""

    program: str
    transaction: int


@dataclass(frozen=True)
class Relay:
    """Where a relay is, and what its open transaction has read and written."""

    at: str = "idle"
    claims: int = 0
    rounds: int = 0
    seen: frozenset[int] = frozenset()
    drawn: int = 0
    front: int = 0
    read: tuple[tuple[int, int], ...] = ()
    passed: frozenset[Aggregate] = frozenset()
    dropped: frozenset[int] = frozenset()
    heads: tuple[tuple[Aggregate, Head], ...] = ()
    locks: frozenset[Aggregate] = frozenset()


@dataclass(frozen=True)
class State:
    """All that is committed, and where everybody is. Messages are numbered by their place; hints are (seq, message)."""

    publishers: tuple[Publisher, ...]
    relays: tuple[Relay, ...]
    crashes: int
    committed: frozenset[int] = frozenset()
    messages: tuple[tuple[int, Message], ...] = ()
    last: int = 0
    hints: frozenset[tuple[int, int]] = frozenset()
    heads: tuple[tuple[Aggregate, Head], ...] = ()
    done: frozenset[int] = frozenset()
    delivered: frozenset[int] = frozenset()

    def message(self, number: int) -> Message:
        return dict(self.messages)[number]

    def visible(self, number: int) -> bool:
        return self.message(number).transaction in self.committed

    def visible_hints(self, front: int) -> list[tuple[int, int]]:
        return sorted(h for h in self.hints if h[0] >= front and self.visible(h[1]))

    def waiting(self, aggregate: Aggregate, mark: int) -> list[int]:
        """What the index outbox_waiting has above a mark."""
        return [
            n
            for n, m in self.messages
            if m.aggregate == aggregate
            and n > mark
            and n not in self.done
            and m.transaction in self.committed
        ]

    def with_relay(self, who: int, **changes: Any) -> "State":
        relays = list(self.relays)
        relays[who] = replace(relays[who], **changes)
        return replace(self, relays=tuple(relays))

    def locked(self, aggregate: Aggregate, but: int) -> bool:
        return any(aggregate in r.locks for n, r in enumerate(self.relays) if n != but)


# What a relay has once its transaction has ended.
NOTHING: dict[str, Any] = {
    "at": "idle",
    "read": (),
    "passed": frozenset(),
    "dropped": frozenset(),
    "heads": (),
    "locks": frozenset(),
    "seen": frozenset(),
    "drawn": 0,
    "front": 0,
    "rounds": 0,
}


class OutOfOrderError(Exception):
    """A message was delivered before one that goes first."""


class LeftError(Exception):
    """A message waits that no claim would come upon."""


@dataclass
class Model:
    """The steps of everybody. `limit`: hints that a round reads, `each`: messages of an aggregate at once."""

    bound: Bound = Bound.SNAPSHOT
    limit: int = 2
    each: int = 2
    rounds: int = 2
    late_hints_lower_the_mark: bool = True
    reached: set[State] = field(default_factory=set)

    def explore(self, start: State) -> int:
        """Walks through everything that can happen; returns how many states there are."""
        self.reached = {start}
        todo = [start]
        while todo:
            for state in self.steps(todo.pop()):
                if state not in self.reached:
                    self.reached.add(state)
                    todo.append(state)
        return len(self.reached)

    def steps(self, state: State) -> Iterator[State]:
        """What can happen next."""
        self.check_nothing_is_left(state)
        for who, publisher in enumerate(state.publishers):
            if publisher.program:
                yield self.publish(state, who, publisher)
        for who, relay in enumerate(state.relays):
            if (after := getattr(self, relay.at)(state, who, relay)) is not None:
                yield after
            if state.crashes and relay.at != "idle":
                yield self.crash(state, who, relay)

    def publish(self, state: State, who: int, publisher: Publisher) -> State:
        """fn_publish_outbox, or the commit."""
        what, program = publisher.program[0], publisher.program[1:]
        publishers = list(state.publishers)
        if what == ";":
            publishers[who] = Publisher(program, publisher.transaction + 10)
            return replace(
                state, publishers=tuple(publishers), committed=state.committed | {publisher.transaction}
            )
        publishers[who] = Publisher(program, publisher.transaction)
        before = frozenset(
            n
            for n, m in state.messages
            if m.aggregate == what and m.transaction in state.committed | {publisher.transaction}
        )
        number = state.last + 1
        return replace(
            state,
            publishers=tuple(publishers),
            messages=(*state.messages, (number, Message(what, publisher.transaction, before))),
            last=number,
            hints=state.hints | {(number, number)},
        )

    # A claim, statement by statement

    def idle(self, state: State, who: int, relay: Relay) -> State | None:
        """A claim begins: its first snapshot. Leases of who vanished are free again (_free_due_heads)."""
        if not relay.claims:
            return None
        drawn = state.last if self.bound is Bound.NUMBER else 0
        seen = state.committed if self.bound is not Bound.NOTHING else frozenset()
        for aggregate, head in state.heads:
            if head.holder == -1 and not state.locked(aggregate, who):
                state = self.freed(state, aggregate, head)
        return state.with_relay(who, at="front", claims=relay.claims - 1, seen=seen, drawn=drawn)

    def front(self, state: State, who: int, relay: Relay) -> State:
        """_lane_fronts."""
        hints = state.visible_hints(0)
        return state.with_relay(
            who, at="read", front=hints[0][0] if hints else state.last + 1, rounds=self.rounds
        )

    def read(self, state: State, who: int, relay: Relay) -> State:
        """_read_outbox_hints."""
        hints = [h for h in state.visible_hints(relay.front) if h[0] not in relay.dropped][: self.limit]
        if not hints or not relay.rounds:
            written = relay.heads or relay.dropped
            return state.with_relay(who, at="commit") if written else state.with_relay(who, **NOTHING)
        taken = {seq for n, r in enumerate(state.relays) if n != who for seq in r.dropped}
        read = tuple(h for h in hints if h[1] not in state.done and self.takes_hint(state, relay, h))
        passed = relay.passed | {state.message(n).aggregate for seq, n in read if seq in taken}
        return state.with_relay(
            who,
            at="lock" if read else "read",
            rounds=relay.rounds - 1,
            read=tuple(h for h in read if state.message(h[1]).aggregate not in passed),
            passed=passed,
            front=hints[-1][0] + 1,
            dropped=relay.dropped | {seq for seq, n in hints if n in state.done and seq not in taken},
        )

    def lock(self, state: State, who: int, relay: Relay) -> State:
        """_lock_heads and _make_heads; then the hints of these aggregates are dropped."""
        mine, locks, dropped, passed = (
            dict(relay.heads),
            set(relay.locks),
            set(relay.dropped),
            set(relay.passed),
        )
        heads = dict(state.heads)
        for aggregate in sorted({state.message(n).aggregate for _, n in relay.read}):
            lowest = min(n for _, n in relay.read if state.message(n).aggregate == aggregate)
            if state.locked(aggregate, who):
                passed.add(aggregate)
                continue
            head = mine.get(aggregate) or heads.get(aggregate) or Head(lowest - 1)
            if head.mark >= lowest and self.late_hints_lower_the_mark:
                head = replace(head, mark=lowest - 1)
            mine[aggregate] = head
            locks.add(aggregate)
            dropped |= {seq for seq, n in relay.read if state.message(n).aggregate == aggregate}
        return state.with_relay(
            who,
            at="lease",
            heads=tuple(sorted(mine.items())),
            locks=frozenset(locks),
            dropped=frozenset(dropped),
            passed=frozenset(passed),
            read=(),
        )

    def lease(self, state: State, who: int, relay: Relay) -> State:
        """_lease_heads. A head that begins with what it must not take is free for the next claim."""
        heads = dict(relay.heads)
        for aggregate, head in relay.heads:
            if head.holder is not None:
                continue
            run = state.waiting(aggregate, head.mark)[: self.each]
            mine: list[int] = []
            for number in run:
                if not self.takes(state, relay, number):
                    break
                mine.append(number)
            if run:
                heads[aggregate] = Head(run[0] - 1, who if mine else -1, tuple(mine) or (run[0],))
            else:
                heads[aggregate] = Head(-1)  # removed by the commit
        return state.with_relay(who, at="read", heads=tuple(sorted(heads.items())))

    def takes(self, state: State, relay: Relay, number: int) -> bool:
        if self.bound is Bound.NUMBER:
            return number <= relay.drawn
        return self.bound in (Bound.NOTHING, Bound.HINTS) or state.message(number).transaction in relay.seen

    def takes_hint(self, state: State, relay: Relay, hint: tuple[int, int]) -> bool:
        if self.bound is Bound.HINTS:
            return state.message(hint[1]).transaction in relay.seen
        return self.takes(state, relay, hint[1])

    def commit(self, state: State, who: int, relay: Relay) -> State:
        """The claim is committed, and what it has is delivered, in order."""
        heads = {**dict(state.heads), **dict(relay.heads)}
        heads = {a: h for a, h in heads.items() if h.mark >= 0}
        delivered = state.delivered
        for _, head in relay.heads:
            if head.holder == who:
                for number in head.claimed:
                    if number not in delivered and state.message(number).before - delivered:
                        raise OutOfOrderError(number)
                    delivered |= {number}
        state = replace(
            state,
            heads=tuple(sorted(heads.items())),
            hints=frozenset(h for h in state.hints if h[0] not in relay.dropped),
            delivered=delivered,
        )
        has = any(h.holder == who for h in heads.values())
        return state.with_relay(who, **{**NOTHING, "at": "report" if has else "idle"})

    # A report, and who vanishes

    def report(self, state: State, who: int, relay: Relay) -> State | None:
        """fn_complete_outbox_events locks the heads. One that is locked is busy: said again later."""
        mine = frozenset(a for a, h in state.heads if h.holder == who)
        if any(state.locked(a, who) for a in mine):
            return None
        return state.with_relay(who, at="settle", locks=mine)

    def settle(self, state: State, who: int, relay: Relay) -> State:
        """Then they are freed, by what a later snapshot shows, and all is committed."""
        for aggregate in sorted(relay.locks):
            head = dict(state.heads)[aggregate]
            state = replace(state, done=state.done | set(head.claimed))
            state = self.freed(state, aggregate, head)
        return state.with_relay(who, **NOTHING)

    def freed(self, state: State, aggregate: Aggregate, head: Head) -> State:
        """_free_heads."""
        heads = dict(state.heads)
        waiting = state.waiting(aggregate, head.mark)
        if not waiting:
            del heads[aggregate]
            return replace(state, heads=tuple(sorted(heads.items())))
        heads[aggregate] = Head(waiting[0] - 1)
        seq = state.last + 1
        return replace(
            state,
            heads=tuple(sorted(heads.items())),
            last=seq,
            hints=state.hints | {(seq, waiting[0])},
        )

    def crash(self, state: State, who: int, relay: Relay) -> State:
        """Its transaction is rolled back, and its leases run out."""
        heads = {a: replace(h, holder=-1) if h.holder == who else h for a, h in state.heads}
        state = replace(state, crashes=state.crashes - 1, heads=tuple(sorted(heads.items())))
        return state.with_relay(who, **NOTHING)

    def check_nothing_is_left(self, state: State) -> None:
        """What waits has a hint, or lies above the mark of a head, and what is free has a hint."""
        hinted = {n for _, n in state.hints}
        heads = dict(state.heads)
        for number, message in state.messages:
            if number in state.done or message.transaction not in state.committed or number in hinted:
                continue
            head = heads.get(message.aggregate)
            if head is None or number <= head.mark:
                raise LeftError(number)
        for aggregate, head in state.heads:
            if head.holder is None and not any(state.message(n).aggregate == aggregate for n in hinted):
                raise LeftError(aggregate)


def start(first: str, second: str, *, claims: tuple[int, int] = (1, 1), crashes: int = 0) -> State:
    return State(
        publishers=(Publisher(first, 1), Publisher(second, 2)),
        relays=tuple(Relay(claims=n) for n in claims),
        crashes=crashes,
    )


# What the two publish: late and early, two at once, and about another aggregate that lies in front. Hints a round.
PROGRAMS = [("a;", "b;a;", 1), ("aa;", "b;", 2), ("aa;", "a;", 1), ("a;", "a;a;", 2)]


@pytest.mark.parametrize(("first", "second", "limit"), PROGRAMS)
def test_in_every_interleaving_the_order_is_kept_and_nothing_is_left(
    first: str, second: str, limit: int
) -> None:
    assert Model(limit=limit).explore(start(first, second)) > 10_000


@pytest.mark.parametrize(("claims", "limit"), [((1, 1), 1), ((2, 1), 2)])
def test_nor_does_a_relay_that_vanishes_anywhere_break_it(claims: tuple[int, int], limit: int) -> None:
    assert Model(limit=limit).explore(start("a;", "a;", claims=claims, crashes=1)) > 10_000


BROKEN = [
    (Bound.NOTHING, "a;", "b;a;"),
    (Bound.NUMBER, "aa;", "b;"),
    (Bound.HINTS, "a;", "a;a;"),
]


@pytest.mark.parametrize(("bound", "first", "second"), BROKEN, ids=[b.value for b, _, _ in BROKEN])
def test_a_claim_that_takes_more_than_its_first_snapshot_shows_breaks_the_order(
    bound: Bound, first: str, second: str
) -> None:
    with pytest.raises(OutOfOrderError):
        Model(bound=bound).explore(start(first, second))


def test_a_mark_that_is_not_lowered_for_a_late_message_loses_it() -> None:
    with pytest.raises(LeftError):
        Model(late_hints_lower_the_mark=False).explore(start("a;", "a;a;"))
