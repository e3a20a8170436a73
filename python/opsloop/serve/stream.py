"""What changes, as server-sent events: one look at the database for all who follow.

`mission`, `step`, `proposal` and `health` say what a thing is now, as the lists of the API show it, when that is not
what it was a moment ago. They say that it is worth looking again, and are not a record: what came and went between two
looks is not told, and the trail has it. `again` comes when some may have been missed: load what you show anew.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from opsloop import jsonio
from opsloop.errors import InvalidArgument, OpsError
from opsloop.process import logs
from opsloop.serve.callers import Credentials, credentials
from opsloop.serve.serving import ActingClient, Serving, acting, of

_TYPE = "text/event-stream"
KINDS = ("mission", "step", "proposal", "health")
_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 15.0
"""After so long without a word a comment is sent, so that neither side takes the other for gone."""
_CHECK_SECONDS = 60.0
"""How often the key of a stream is asked for again."""
_NEWEST = 100
_KEPT = 1_000
_MOST_STREAMS = 1_000
_WAITING = 500
"""Messages that wait for a slow reader; then it has to look again."""
_RESTLESS = frozenset({"last_heartbeat_at", "oldest_ready_at", "xmin_holder", "xmin_held_since"})
"""Of the health overview what differs with every look."""
_READER = Credentials(role="reader")
_AGAIN = b"event: again\ndata: {}\n\n"


class StreamMessage(NamedTuple):
    """One change."""

    number: int
    kind: str
    mission: str | None
    text: bytes


class Follower:
    """One stream: what it wants, and what waits for it."""

    def __init__(self, kinds: frozenset[str], mission: str | None) -> None:
        self._kinds = kinds
        self._mission = mission
        self._waiting: deque[bytes] = deque()
        self.bell = asyncio.Event()

    def give(self, message: StreamMessage) -> None:
        """Queue a message if it is wanted."""
        if message.kind not in self._kinds or (self._mission and message.mission != self._mission):
            return
        if len(self._waiting) >= _WAITING:
            self._waiting.clear()
            self._waiting.append(_AGAIN)
        else:
            self._waiting.append(message.text)
        self.bell.set()

    def look_again(self) -> None:
        """Say that something may have been missed."""
        self._waiting.clear()
        self._waiting.append(_AGAIN)
        self.bell.set()

    def take(self) -> bytes:
        """All that waits."""
        self.bell.clear()
        text = b"".join(self._waiting)
        self._waiting.clear()
        return text


class Changes:
    """Looks for changes once a second while anybody follows."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._followers: set[Follower] = set()
        self._looking: asyncio.Task[None] | None = None
        self._shown: dict[tuple[str, str], Any] | None = None
        self._kept: deque[StreamMessage] = deque(maxlen=_KEPT)
        self._number = 0
        self._process = secrets.token_hex(4)
        self.over = False

    @property
    def is_full(self) -> bool:
        """Whether no more streams can begin."""
        return len(self._followers) >= _MOST_STREAMS

    def follow(self, follower: Follower, after: str | None) -> None:
        """Let a stream begin; `after`: the id of the last message that it had, when it was broken off."""
        if after is not None:
            process, _, number = after.partition("-")
            known = process == self._process and number.isdecimal() and len(number) < 20
            if known and (not self._kept or self._kept[0].number <= int(number) + 1 <= self._number + 1):
                for message in self._kept:
                    if message.number > int(number):
                        follower.give(message)
            else:
                follower.look_again()
        self._followers.add(follower)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def leave(self, follower: Follower) -> None:
        """Let a stream end."""
        self._followers.discard(follower)

    def stop(self) -> None:
        """End every stream, as the server is about to end."""
        self.over = True
        for follower in self._followers:
            follower.bell.set()

    async def close(self) -> None:
        """End the looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        try:
            while self._followers:
                try:
                    async with self._serving.acting(_READER, read_only=True) as loop:
                        seen = await _seen(loop)
                except OpsError as error:
                    logs.get().warning("changes are not seen", code=error.code, sqlstate=error.sqlstate)
                else:
                    self._tell(seen)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            # A reader that follows later gets no earlier change.
            self._looking = self._shown = None

    def _tell(self, seen: dict[tuple[str, str], Any]) -> None:
        before, self._shown = self._shown, seen
        if before is None:
            return
        for key, thing in seen.items():
            if before.get(key) != thing:
                self._say(*key, thing)
        for kind, name in before.keys() - seen.keys():
            # A step that no longer runs; missions and proposals leave the newest hundred without a change.
            if kind == "step":
                self._say(kind, name, {**before[kind, name], "status": "ended"})

    def _say(self, kind: str, name: str, thing: Any) -> None:
        self._number += 1
        data = jsonio.dumps(thing)
        text = b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (
            self._process.encode(),
            self._number,
            kind.encode(),
            data,
        )
        mission = name if kind == "mission" else str(thing.get("mission_id")) if kind != "health" else None
        message = StreamMessage(self._number, kind, mission, text)
        self._kept.append(message)
        for follower in self._followers:
            follower.give(message)


async def _seen(loop: ActingClient) -> dict[tuple[str, str], Any]:
    """What there is to see, by kind and name."""
    seen: dict[tuple[str, str], Any] = {}
    for mission in await loop.list_missions(_NEWEST):
        seen["mission", str(mission.mission_id)] = _plain(mission)
    for step in await loop.list_running(_NEWEST):
        seen["step", str(step.step_id)] = {
            "step_id": step.step_id,
            "mission_id": step.mission_id,
            "status": "running",
            "attempt": step.attempt,
        }
    for proposal in await loop.list_proposals(_NEWEST):
        shown = _plain(proposal)
        del shown["template"]
        seen["proposal", str(proposal.proposal_id)] = shown
    health = _plain(await loop.health())
    seen["health", ""] = {name: value for name, value in health.items() if name not in _RESTLESS}
    return seen


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


async def stream(request: Request) -> Response:
    """Follow the changes. Readers may: the key is asked for at the beginning, and every minute from then on."""
    kinds = frozenset(filter(None, request.query_params.get("kinds", "").split(","))) or frozenset(KINDS)
    async with acting(request):
        pass
    if not kinds <= set(KINDS):
        raise InvalidArgument(f"kinds has others than {', '.join(KINDS)}")
    if request.method == "HEAD":
        return Response(media_type=_TYPE)
    if request.app.state.changes.is_full:
        raise HTTPException(503, "this server has as many streams as it takes", {"retry-after": "60"})
    serving = of(request)
    follower = Follower(kinds, request.query_params.get("mission_id"))
    body = _body(request, serving, follower)
    return StreamingResponse(
        body, media_type=_TYPE, headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


async def _body(request: Request, serving: Serving, follower: Follower) -> AsyncIterator[bytes]:
    given = credentials(request, serving.settings)
    changes: Changes = request.app.state.changes
    clock = asyncio.get_running_loop().time
    checked = clock()
    changes.follow(follower, request.headers.get("last-event-id"))
    try:
        yield b"retry: 2000\n\n"
        while not changes.over:
            try:
                async with asyncio.timeout(_QUIET_SECONDS):
                    await follower.bell.wait()
            except TimeoutError:
                yield b":\n\n"
            if clock() - checked > _CHECK_SECONDS:
                if await _is_over(serving, given):
                    return
                checked = clock()
            if text := follower.take():
                yield text
    finally:
        changes.leave(follower)


async def _is_over(serving: Serving, given: Credentials) -> bool:
    """Whether the key was revoked meanwhile. A database that is away ends no stream."""
    try:
        async with serving.itself() as server:
            await server.find_caller(given.key, given.sign_in, given.login, given.role, given.proxy)
    except OpsError as error:
        return error.code in ("OPS_091", "OPS_015")
    return False
