"""What an operation of the API is, and how a request becomes a call of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from starlette.requests import Request
from starlette.responses import Response

from opsloop import jsonio
from opsloop.errors import InvalidArgument
from opsloop.serve.callers import credentials
from opsloop.serve.serving import ActingClient, acting, of

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


def several(items: Json, most: int) -> Json:
    """The schema of a list that is not empty; how long it is comes first, so that it is found before the items are."""
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


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
        # A request without a key is told nothing else; nor is one with a wrong key, and what that sends is not even
        # read. The key is asked for after the body has come, so that no connection to the database waits for it.
        credentials(request, of(request).settings)
        body = await request.body()
        async with acting(request, reads=True if self.reads else None) as loop:
            given, faults = self._given(request, body)
            if faults:
                raise InvalidArgument(faults[0], detail=faults[:20], hint="/openapi.json says what it takes.")
            found = await self.run(loop, given)
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

    def _given(self, request: Request, body: bytes) -> tuple[Json, list[str]]:
        """What the request says, and what is wrong with it."""
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
        repeated = request.headers.get("idempotency-key")
        if repeated is not None:
            faults += self._faults_of_key(repeated)
        given["idempotency_key"] = getattr(request.state, "webhook_id", repeated)
        if self.body is None:
            return given, [*faults, *(["it takes no body"] if body else [])]
        document, unreadable = _read(body, request.headers.get("content-type", ""))
        fault = None if unreadable else _first_fault(self.body, document)
        if isinstance(document, dict):
            given.update(document)
        return given, [*faults, *unreadable, *([] if fault is None else [_said(fault)])]

    def _faults_of_key(self, key: str) -> list[str]:
        if self.repeats == "refused":
            return ["an Idempotency-Key is not taken here: to send this twice does it twice"]
        return [] if 1 <= len(key) <= 200 else ["Idempotency-Key: has 1 to 200 characters"]


def _read(body: bytes, kind: str) -> tuple[Any, list[str]]:
    """The document in a body, and what is wrong with that."""
    if not body:
        return {}, []
    if kind.partition(";")[0].strip().lower() != "application/json":
        return None, ["the body is not of the type application/json"]
    try:
        return jsonio.loads(body), []
    except ValueError:
        return None, ["the body is not JSON"]


_validators: dict[int, tuple[Json, Draft202012Validator]] = {}


def _validator(schema: Json) -> Draft202012Validator:
    known = _validators.get(id(schema))
    if known is None:
        known = _validators[id(schema)] = (schema, Draft202012Validator(schema))
    return known[1]


def _faults(where: str, schemas: Json, values: Json) -> list[str]:
    return [
        f"{name}: {_short(fault.message)}"
        for name, schema in schemas.items()
        if name in values
        for fault in _validator(schema).iter_errors(values[name])
    ]


def _first_fault(schema: Json, document: Any) -> Any:
    """The first thing that is wrong with a body, None for nothing.

    The others are not looked for: in a body of its full size there may be a million.
    """
    forms = schema.get("anyOf", [schema])
    named = document if isinstance(document, dict) else {}
    # Of several forms that one is meant whose fields are there.
    meant = next((one for one in forms if all(name in named for name in one.get("required", []))), forms[-1])
    return next(_validator(meant).iter_errors(document), None)


def _said(fault: Any) -> str:
    path = fault.json_path.removeprefix("$").lstrip(".")
    return f"{path or 'the body'}: {_short(fault.message)}"


def _short(message: str) -> str:
    """A message begins with the value that is wrong, however long, and ends with what is wrong with it."""
    return message if len(message) <= 200 else f"{message[:60]}…{message[-139:]}"


def _typed(schema: Json, text: str) -> Any:
    """A parameter as its type; what is none stays text, and the schema says so."""
    if schema.get("type") == "integer" and text.removeprefix("-").isdecimal() and len(text) < 20:
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
