"""What an operation of the API is, and how a request becomes a call of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from starlette.requests import Request
from starlette.responses import Response

from opsloop import jsonio
from opsloop.errors import InvalidArgument, TooLarge
from opsloop.serve.serving import ActingClient, acting

Json = dict[str, Any]
Run = Callable[[ActingClient, Json], Awaitable[Any]]

TEXT: Json = {"type": "string", "minLength": 1, "maxLength": 500}
REASON: Json = {"type": "string", "maxLength": 10_000}
ID: Json = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
TIME: Json = {"type": "string", "format": "date-time", "maxLength": 100}
FLAG: Json = {"type": "boolean"}
DOCUMENT: Json = {"type": "object"}


def whole(least: int, most: int, default: int | None = None) -> Json:
    """The schema of a whole number."""
    made: Json = {"type": "integer", "minimum": least, "maximum": most}
    return made if default is None else {**made, "default": default}


def one_of(*words: str) -> Json:
    """The schema of one of a few words."""
    return {"type": "string", "enum": list(words)}


def fields(required: str = "", /, **schemas: Json) -> Json:
    """The schema of a body: an object with these fields and no others; `required` has names with blanks between."""
    made: Json = {"type": "object", "properties": schemas, "additionalProperties": False}
    return {**made, "required": required.split()} if required else made


@dataclass(frozen=True)
class Operation:
    """One operation: a method and a path, and the routine that it calls."""

    method: str
    path: str
    routine: str
    """The routine that does it; whoever may call that, may do this."""
    summary: str
    run: Run = field(repr=False)
    answer: Any
    """The type of what comes back: a record, a list of records, or `dict`."""
    query: Mapping[str, Json] = field(default_factory=dict)
    body: Json | None = None
    path_schemas: Mapping[str, Json] = field(default_factory=dict)
    cursor: str | None = None
    """The field of the last item from which the next page goes on."""
    is_page: bool = False
    """Whether the answer is a page of items."""
    status: int = 200
    repeats: str = "harmless"
    """What an Idempotency-Key does: `key` it becomes the dedupe key; `harmless` to send it twice comes to the same by
    itself; `refused` it would not, and such a header is refused."""
    reads: bool = False
    """For a POST that changes nothing: the transaction is read-only."""

    @property
    def name(self) -> str:
        """A name for it that no other operation has."""
        parts = [part.strip("{}") for part in self.path.removeprefix("/api/v1").strip("/").split("/") if part]
        return "_".join([self.method.lower(), *parts]).replace("-", "_")

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        given = await self._given(request)
        repeated = request.headers.get("idempotency-key")
        if repeated is not None:
            self._check_repeated(repeated)
        given["idempotency_key"] = getattr(request.state, "webhook_id", repeated)
        async with acting(request, reads=True if self.reads else None) as loop:
            found = await self.run(loop, given)
            request.state.key_name = loop.caller.name
        return Response(jsonio.dumps(self._shown(found, given)), self.status, media_type="application/json")

    def _shown(self, found: Any, given: Json) -> Any:
        if not self.is_page:
            return found
        items = list(found)
        full = self.cursor is not None and len(items) >= given["limit"]
        return {
            "items": items,
            "next_cursor": str(getattr(items[-1], self.cursor)) if full and self.cursor else None,
        }

    async def _given(self, request: Request) -> Json:
        given: Json = {**request.path_params}
        faults = _faults("", dict(self.path_schemas), given)
        query = dict(self.query)
        for name in dict.fromkeys(request.query_params):
            if name not in query:
                faults.append(f"there is no parameter {name[:64]!r}")
                continue
            values = request.query_params.getlist(name)
            if len(values) > 1:
                faults.append(f"{name}: is given {len(values)} times")
            given[name] = _typed(query[name], values[0])
        faults += _faults("", query, {name: given[name] for name in query if name in given})
        for name, schema in query.items():
            if "default" in schema:
                given.setdefault(name, schema["default"])
        body = await self._body(request)
        if self.body is not None:
            fault = best_match(_validator(self.body).iter_errors(body))
            faults += [] if fault is None else [_said(fault)]
            given.update(body if isinstance(body, dict) else {})
        if faults:
            raise InvalidArgument(faults[0], detail=faults[:20], hint="/openapi.json says what it takes.")
        return given

    async def _body(self, request: Request) -> Any:
        raw = await request.body()
        if self.body is None:
            if raw:
                raise InvalidArgument("this takes no body")
            return None
        return read_json(raw, request.headers.get("content-type", ""))

    def _check_repeated(self, key: str) -> None:
        if self.repeats == "refused":
            raise InvalidArgument(
                "an Idempotency-Key is not taken here: to send this twice would do it twice",
                hint="Look what became of the first request before you send another one.",
            )
        if not 1 <= len(key) <= 200:
            raise TooLarge("an Idempotency-Key has 1 to 200 characters")


def read_json(raw: bytes, kind: str) -> Any:
    """Read a body. Raises InvalidArgument (OPS_018) for what is no JSON."""
    if not raw:
        return {}
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise InvalidArgument(
            "the body is not of type application/json", hint="Send Content-Type: application/json."
        )
    try:
        return jsonio.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not JSON") from None


_validators: dict[int, tuple[Json, Draft202012Validator]] = {}


def _validator(schema: Json) -> Draft202012Validator:
    known = _validators.get(id(schema))
    if known is None:
        known = _validators[id(schema)] = (schema, Draft202012Validator(schema))
    return known[1]


def _faults(where: str, schemas: Json, values: Json) -> list[str]:
    return [
        f"{name}: {fault.message[:200]}"
        for name, schema in schemas.items()
        if name in values
        for fault in _validator(schema).iter_errors(values[name])
    ]


def _said(fault: Any) -> str:
    path = fault.json_path.removeprefix("$").lstrip(".")
    return f"{path or 'the body'}: {fault.message[:200]}"


def _typed(schema: Json, text: str) -> Any:
    """A parameter as its type; what is none stays text, and the schema says so."""
    if schema.get("type") == "integer" and text.removeprefix("-").isdecimal() and len(text) < 20:
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
