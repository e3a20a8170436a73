"""Hostile arguments for the functions of the loop: by the type of a parameter, and by its name where it has a form.

Documents are made as text, not by a JSON library: so numbers that no reader holds, doubled keys and any depth get
through. Whatever is made here is a sound value of its type; what is wrong with it is for the function to find.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from opsloop import __version__

Text = str | None

WORDS = [
    "noop",
    "sql",
    "http",
    "command",
    "agent",
    "radar",
    "all",
    "mission",
    "executor",
    "kind",
    "source",
    "person",
]
ODD_TEXTS = [
    "",
    " ",
    "%",
    "%s %I %L %1$s",
    "'; select fn_kill_switch(); --",
    "\\",
    "a\tb\nc\rd",
    "{{event.data.x}}",
    "{{steps.a.result.v}}",
    "{{",
    "paused: all",
    "OPS_003: forbidden",
    "opsloop:step:1:1",
    "heartbeat:duties",
    "trigger",
    "agent:planner",
    "*",
    "...",
    "-",
    "--upload-pack=x",
    "e\u0301\u202e\u200b\ufeff\U0001f4a5\U000e0001",
    "\u0131\u0130\u00df\ufb01",
    "\x01\x1b[31m\x7f",
    "null",
    "NaN",
    "Infinity",
    "2031-02-30",
    "1.2.3",
    "99999999999.0.0",
    "9" * 30,
    "0x10",
    "1e5000",
    "_",
    "pg_catalog",
    "public",
    "../../etc/passwd",
]
INTEGERS = [0, 1, -1, 2, 7, 50, 1000, 10_000, 2**31 - 1, -(2**31)]
BIGINTS = [*INTEGERS, 2**63 - 1, -(2**63)]
NUMERICS = [
    "0",
    "1.50",
    "-0.0",
    "1e-400",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "20000000000000000001",
    "0.1",
]
TIMES = [
    "infinity",
    "-infinity",
    "1970-01-01",
    "294276-12-31 23:59:59+00",
    "4713-01-01 BC",
    "2031-04-01 02:30+05:45",
]
INTERVALS = [
    "1 hour",
    "1 day",
    "0",
    "-1 hour",
    "1 month -31 days",
    "178000000 years",
    "-178000000 years",
    "infinity",
    "-infinity",
]
NUMBERS = [
    "0",
    "-0",
    "1.0",
    "1",
    "1e5000",
    "-1e-300",
    "20000000000000000001",
    "1E+2",
    "2147483648",
    "0.1",
    "1e400",
]


#: Directives that there are, d0, d1 …, and their phases at the start.
PHASES = ["LEAD", "PLAN_PRD", "EXEC_IMPLEMENTATION", "EXEC_COMPLETE"]
DIRECTIVES = [f"d{n}" for n in range(8)]
GATES = ["TESTING", "DESIGN", "GITHUB", "STORIES", "FILE_SCOPE"]
MOVES = ["lead_to_plan", "plan_to_exec", "exec_to_plan", "plan_to_lead"]
#: Fields of policy documents that those of the seed do not have, or have empty.
FIELDS = {
    "worker_policy": {
        "idempotency": '{"keep_hours":1}',
        "lease_minutes": "0.02",
        "max_retries": "100",
        "backoff": '{"base_seconds":86400,"factor":100,"max_seconds":604800,"jitter":1}',
        "executors": '{"noop":{"timeout_seconds":1,"concurrency":1,"max_retries":1,"on_lease_lost":"hold"}}',
        "allowed_executors": '["noop","sql"]',
        "blocked_executors": '["*"]',
        "command_allow": '[["true","*"],["echo","..."],["git",["status"]]]',
        "presets": '{"own":{"argv":["true","{{params.v}}"]}}',
    },
    "proposal_caps": {
        "daily_limit": "0",
        "hourly_limit": "1",
        "per_source": '{"manual":{"daily_limit":2147483647,"hourly_limit":0},"kind":1}',
    },
    "auto_approve": {
        "allowed_executors": '["noop","own"]',
        "risk_rules": '[{"name":"r","risk_level":"high","executor":["noop"],"params":{"v":"^(a|b)+$","w":"x"}}]',
    },
    "outbox": {
        "max_tries": "1",
        "routes": '[{"event_type":"*","sink":"http","url":"http://127.0.0.1:1/"},'
        '{"event_type":["a*"],"sink":"notify","channel":"c"},{"event_type":"b","sink":"own","settings":{}}]',
    },
    "agent_roles": {"roles": '{"planner":{"model":"m","max_tokens":1,"temperature":2,"logins":["x"]}}'},
    "transition_rules": {
        "exec_to_plan": '{"from":[],"to":"LEAD","stories":{"set":{"status":"x"},"status":{"draft":"y"}},"gates":true}',
        "own_move": '{"to":"EXEC_COMPLETE","requirement":{"set":{"phase":"p"}}}',
    },
    "gate_thresholds": {"feature": "0", "own": "1e-30", "default": "100"},
    "gate_applicability": {"matrix": '{"feature":{"TESTING":"OPTIONAL"}}'},
    "size_limits": {
        "depth": "10",
        "faults": "1",
        "lanes": "10",
        "patterns": "1",
        "placeholders": "1",
        "event_bytes": "1024",
        "result_bytes": "1024",
        "payload_bytes": "1024",
        "template_bytes": "1024",
        "policy_bytes": "65536",
        "batch_bytes": "1048576",
        "batch_items": "500",
    },
}
SUB_AGENTS = ["VALIDATION", "TESTING", "DESIGN"]
SCHEDULES = ["nightly", "often"]


@dataclass
class Known:
    """What there is in the database, so that some calls reach what exists."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    leases: list[tuple[str, str]] = field(default_factory=list)
    """Steps that run, each with its token."""
    messages: list[int] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    locks: list[tuple[str, str]] = field(default_factory=list)
    """Locks that are held, each with its token."""
    keys: list[str] = field(default_factory=list)
    """Idempotency keys."""
    shown: list[tuple[str, str]] = field(default_factory=list)
    """What the inbox showed, each with its digest."""
    documents: dict[str, Any] = field(default_factory=dict)
    """Policy documents in force."""
    types: list[str] = field(default_factory=list)
    """Types of events there were."""


class Values:
    """Makes arguments. The same seed and the same database give the same ones."""

    def __init__(self, rng: Random, *, largest: int) -> None:
        self.rng = rng
        self.largest = largest
        self.known = Known()
        self._key = ""
        self._forms: dict[str, Callable[[], Text]] = {
            "p_template": self.template,
            "p_templates": lambda: self.array(self.template if self.often() else self.plain_template),
            "p_proposals": lambda: self.array(self.proposal),
            "p_events": lambda: self.array(self.event),
            "p_completions": lambda: self.array(
                lambda: self.report({"result": self.json, "usage": self.json})
            ),
            "p_failures": lambda: self.array(
                lambda: self.report(
                    {
                        "error": self.quoted,
                        "code": lambda: self.rng.choice(['"OPS_007"', '"OPS_020"', '"OPS_7"']),
                        "retryable": lambda: self.rng.choice(["true", "false"]),
                        "retry_after_seconds": self.number,
                    }
                )
            ),
            "p_leases": lambda: self.array(
                lambda: self.report({"progress": self.json, "started": self.json})
            ),
            "p_outcomes": lambda: self.array(self.outcome),
            "p_ideas": lambda: self.array(self.idea),
            "p_filter": lambda: self.object(
                {
                    "what": lambda: self.rng.choice(['"step"', '"reaction"', '"outbox"', '"other"', '""']),
                    "since": lambda: self.rng.choice([json.dumps(t) for t in TIMES]),
                    "reason": self.quoted,
                }
            ),
            "p_executors": lambda: self.object({"noop": self.json, "sql": self.json}),
            "p_settings": lambda: self.object({"max_retries": self.number, "lease_seconds": self.number}),
            "p_value": self.document,
            "p_gate_results": lambda: self.gates(),
            "p_result": self.gate_or_result,
            "p_metadata": lambda: self.object({"findings": self.json, "hits": self.json}),
            "p_outbox": lambda: self.array(self.message),
            "p_schedule": self.schedule,
            "p_schedules": lambda: self.array(self.schedule),
        }

    def together(self, names: set[str]) -> dict[str, Text]:
        """Values for those of these parameters that only fit together, two times of three."""
        for pair, known in {
            ("p_step_id", "p_lease_token"): self.known.leases,
            ("p_id", "p_digest"): self.known.shown,
            ("p_lock_name", "p_token"): self.known.locks,
        }.items():
            if names.issuperset(pair) and known and self.often():
                return dict(zip(pair, self.rng.choice(known), strict=True))
        return {}

    def of(self, name: str, kind: str) -> Text:
        """A value for a parameter of this name and SQL type, as text; None is null."""
        if self.rng.random() < 0.06:
            return None
        if name == "p_parts" and self.often():
            return self.rng.choice(["{d0,s1,EXEC}", "{d1}", "{d1,NULL,NULL}", "{SD-d2,s2}"])
        if kind == "jsonb":
            form = self._forms.get(name)
            return form() if form and self.rng.random() < 0.8 else self.json()
        if kind.endswith("[]"):
            many = [self.of(name, kind[:-2]) for _ in range(self.rng.choice([0, 1, 1, 2, 5]))]
            return (
                "{" + ",".join("null" if v is None else json.dumps(v, ensure_ascii=False) for v in many) + "}"
            )
        if kind == "uuid":
            return self.uuid(name)
        if kind in ("integer", "smallint"):
            if name in ("p_limit", "p_batch_size", "p_ttl_seconds", "p_expected_version") and self.often():
                return str(self.rng.choice([1, 1, 2, 5, 50]))
            top = 2**15 - 1 if kind == "smallint" else 2**31 - 1
            return str(max(-top - 1, min(top, self.rng.choice(INTEGERS))))
        if kind == "bigint":
            return str(
                self.rng.choice(self.known.messages or BIGINTS) if self.often() else self.rng.choice(BIGINTS)
            )
        if kind in ("numeric", "double precision"):
            return self.rng.choice(NUMERICS if kind == "numeric" else NUMERICS[:3] + NUMERICS[5:])
        if kind == "boolean":
            return self.rng.choice(["true", "false"])
        if kind.startswith("timestamp"):
            return self.rng.choice(TIMES)
        if kind == "interval":
            return self.rng.choice(INTERVALS)
        return self.named_text(name)

    def often(self) -> bool:
        """True two times of three."""
        return self.rng.random() < 0.66

    def uuid(self, name: str = "") -> str:
        """An id: mostly of something that exists, and not always of the right thing."""
        wanted = name.removeprefix("p_").removesuffix("_id")
        pool = self.known.ids.get(wanted, [])
        if pool and self.often():
            return self.rng.choice(pool)
        everything = [i for ids in self.known.ids.values() for i in ids]
        if everything and self.often():
            return self.rng.choice(everything)
        return self.rng.choice(
            [
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                self.random_uuid(),
            ]
        )

    def random_uuid(self) -> str:
        """An id of nothing."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])

    def named_text(self, name: str) -> str:
        """A text for a parameter of this name."""
        fitting = {
            "p_dl_msg_id": self.known.letters,
            "p_key": [*self.known.documents, "own", *self.known.keys],
            "p_role": ["planner", "reviewer", "operator"],
            "p_sd_id": [*DIRECTIVES, "SD-d0", "SD-d1"],
            "p_prd_id": [f"{name}-p" for name in DIRECTIVES],
            "p_session_id": ["s1", "s2"],
            "p_request_id": ["q1", "q2", "q3"],
            "p_code": SUB_AGENTS,
            "p_phase": PHASES,
            "p_sd_type": ["feature", "security", "bugfix", "docs", "qa"],
            "p_gate": GATES,
            "p_gates": GATES,
            "p_transition_type": MOVES,
            "p_handoff_type": [*MOVES, *(move.upper().replace("_", "-") for move in MOVES)],
            "p_ticket": ["1", "700000", "9223372036854775807"],
            "p_version": [__version__, "0.0.9", "99.1"],
            "p_verdict": ["PASS", "FAIL", "BLOCKED"],
            "p_scope": ["all", "executor", "agent", "kind", "source", "mission", "schedule"],
            "p_name": SCHEDULES,
            "p_target": ["noop", "command", *SCHEDULES, *self.known.ids.get("mission", [])[:3]],
            "p_worker_id": ["w1", "w2"],
            "p_processor_id": ["r1", "r2"],
            "p_holder_id": ["h1", "h2"],
            "p_lock_name": ["l1", "heartbeat:duties"],
            "p_status": ["pending", "running", "failed", "waiting", "watching"],
            "p_outcome": ["succeeded", "failed"],
            "p_vote": ["approve", "reject", "abstain"],
            "p_agent_role": ["planner", "reviewer"],
            "p_part": ["steps", "missions", "queue", "outbox", "policy", "transitions", "schedules"],
            "p_type": ["signal", "order:placed", "step:noop:failed", *self.known.types],
        }.get(name)
        chosen = self.rng.choice(fitting) if fitting and self.often() else self.text()
        if name == "p_key":
            self._key = chosen
        return chosen

    def text(self) -> str:
        """Any text that PostgreSQL can store."""
        roll = self.rng.random()
        if roll < 0.3:
            return self.rng.choice(WORDS)
        if roll < 0.85:
            return self.rng.choice(ODD_TEXTS)
        if roll < 0.97:
            return self.rng.choice(ODD_TEXTS) * self.rng.choice([2, 30])
        # A single call holds several texts: only now and then is one of them long.
        long = self.largest if self.rng.random() < 0.2 else 2_000
        return self.rng.choice(["x", "é", "{{", "a b ", "💥"]) * self.rng.randrange(1, long // 4)

    def quoted(self) -> str:
        """A text as JSON."""
        return json.dumps(self.text(), ensure_ascii=self.rng.random() < 0.5)

    def number(self) -> str:
        """A number as JSON."""
        return self.rng.choice(NUMBERS)

    def json(self, depth: int = 3) -> str:
        """Any document."""
        roll = self.rng.random()
        if depth == 0 or roll < 0.45:
            return self.rng.choice(
                [self.quoted, self.number, lambda: "null", lambda: "true", lambda: "{}", lambda: "[]"]
            )()
        if roll < 0.5:
            levels = self.rng.choice([20, 90, 101, 900])
            opening, closing = self.rng.choice([("[", "]"), ('{"a":', "}")])
            return opening * levels + "1" + closing * levels
        if roll < 0.55:
            small = self.rng.choice([*NUMBERS[:4], '"a"', "{}", '{"title":"a","a":null}'])
            return "[" + ",".join([small] * self.rng.choice([10, 1000, 10_000])) + "]"
        if roll < 0.75:
            return "[" + ",".join(self.json(depth - 1) for _ in range(self.rng.randrange(4))) + "]"
        names = [
            self.quoted() if self.rng.random() < 0.3 else f'"{self.rng.choice("abv")}"' for _ in range(3)
        ]
        return "{" + ",".join(f"{n}:{self.json(depth - 1)}" for n in names) + "}"

    def array(self, element: Callable[[], str]) -> str:
        """An array of these, sometimes with something else in it."""
        many = self.rng.choice([0, 1, 1, 1, 2, 3, 20])
        return (
            "[" + ",".join(element() if self.rng.random() < 0.93 else self.json() for _ in range(many)) + "]"
        )

    def object(self, fields: dict[str, Callable[[], str]]) -> str:
        """An object with some of these fields, sometimes with one more."""
        given = {name: make for name, make in fields.items() if self.often()}
        pairs = [
            f'"{name}":{make() if self.rng.random() < 0.9 else self.json()}' for name, make in given.items()
        ]
        if self.rng.random() < 0.07:
            pairs.append(f"{self.quoted()}:{self.json()}")
        return "{" + ",".join(pairs) + "}"

    def template(self) -> str:
        """A proposal template, mostly sound."""
        keys = ["a", "b", "c", "d"][: self.rng.choice([1, 1, 2, 3, 4])]
        steps = [self.step(key, keys[:nth]) for nth, key in enumerate(keys)]
        if self.rng.random() < 0.03:
            steps = [
                f'{{"kind":"noop","key":"k{n}","depends_on":[],"params":{{}}}}'
                for n in range(self.rng.choice([500, 3000, 10_001]))
            ]
        pairs = [f'"steps":[{",".join(steps)}]']
        if self.rng.random() < 0.4:
            pairs.append(f'"title":{self.quoted()}')
        if self.rng.random() < 0.3:
            pairs.append(f'"priority":{self.rng.choice(["0", "5", "-100", "101", "1.5"])}')
        if self.rng.random() < 0.2:
            pairs.append(f'"risk_level":{self.rng.choice(["low", "high", "none"])!r}'.replace("'", '"'))
        return "{" + ",".join(pairs) + "}"

    def schedule(self) -> str:
        """A schedule, mostly sound, with at most a tick an hour."""
        seconds = self.rng.choice(["3600", "86400", self.number()])
        cron = self.rng.choice(['"@daily"', '"30 2 29 2 *"', '"0 */6 * * 1#2,5L"', self.quoted()])
        times = self.rng.choice([f'"every_seconds":{seconds}', f'"cron":{cron}'])
        what = self.rng.choice(
            ['"event_type":"signal","data":' + self.json(), f'"template":{self.template()}']
        )
        more = self.object(
            {
                "timezone": lambda: self.rng.choice(['"Europe/Berlin"', '"Pacific/Apia"', self.quoted()]),
                "overlap": lambda: self.rng.choice(['"allow"', '"skip"', '"queue"']),
                "catch_up": lambda: self.rng.choice(['"none"', '"last"', '"all"']),
                "max_backlog": lambda: self.rng.choice(["1", "3", self.number()]),
                "starts_at": lambda: json.dumps(self.rng.choice(TIMES)),
                "ends_at": lambda: json.dumps(self.rng.choice(["9999-12-31", *TIMES])),
            }
            if self.rng.random() < 0.5
            else {}
        )
        name = self.rng.choice(SCHEDULES)
        # fn_set_schedule takes the name apart from it, and it may stand in both places.
        return f'{{"name":"{name}",{times},{what}' + (f",{more[1:]}" if more != "{}" else "}")

    def plain_template(self) -> str:
        """A sound template without placeholders, as a step may propose it."""
        return f'{{"title":"next","steps":[{{"kind":"noop","params":{{"v":{self.number()}}}}}]}}'

    def step(self, key: str, before: list[str]) -> str:
        """A step of a template."""
        kind = self.rng.choice(["noop", "noop", "noop", "sql", "http", "command", "agent", "own"])
        params = {
            "sql": '{"statement":"select %(a)s","args":{"a":' + self.json(1) + "}}",
            "http": '{"url":"http://127.0.0.1:99999/x","json":' + self.json(2) + "}",
            "command": '{"argv":["true",' + self.quoted() + "]}",
            "agent": '{"role":"planner","prompt":' + self.quoted() + "}",
        }.get(kind) or self.object({"v": self.json, "w": lambda: self.filled(before), "x": self.json})
        pairs = [f'"key":"{key}"', f'"kind":"{kind}"', f'"params":{params}']
        if self.rng.random() < 0.3:
            pairs.append(f'"depends_on":{json.dumps(before)}')
        if self.rng.random() < 0.1:
            pairs.append(f'"max_retries":{self.rng.choice(["1", "0", "1e5000", "2", "2.0"])}')
        if self.rng.random() < 0.1:
            pairs.append('"on_failure":"continue"')
        return "{" + ",".join(pairs) + "}"

    def filled(self, before: list[str]) -> str:
        """A value with a placeholder for the result of an earlier step, now and then very deep."""
        slot = json.dumps(f"{{{{steps.{self.rng.choice(before) if before else 'zz'}.result.v}}}}")
        levels = self.rng.choice([0, 0, 0, 3, 95, 900])
        return '{"n":' * levels + f"[{','.join([slot] * self.rng.choice([1, 1, 5, 70]))}]" + "}" * levels

    def proposal(self) -> str:
        """An entry of fn_create_proposals."""
        return self.object({"template": self.template, "source": self.quoted, "dedupe_key": self.quoted})

    def event(self) -> str:
        """An entry of fn_emit_events."""
        kind = (
            json.dumps(self.rng.choice(["signal", "order:placed", "alarm", *self.known.types]))
            if self.often()
            else self.quoted()
        )
        return self.object(
            {"type": lambda: kind, "data": lambda: self.object({"x": self.json, "tags": self.json})}
        )

    def report(self, fields: dict[str, Callable[[], str]]) -> str:
        """A report about a step, mostly one that runs and with its token."""
        step, token = (
            self.rng.choice(self.known.leases)
            if self.known.leases and self.often()
            else (self.uuid(), self.uuid())
        )
        also: dict[str, Callable[[], str]] = {
            "events": lambda: self.array(self.event),
            "outbox": lambda: self.array(self.message),
            "reason": self.quoted,
        }
        rest = self.object({**fields, **{name: also[name] for name in also if self.rng.random() < 0.3}})
        head = f'{{"step_id":"{step}","lease_token":"{token}"'
        return head + ("," + rest[1:] if rest != "{}" else "}")

    def outcome(self) -> str:
        """An entry of fn_complete_outbox_events."""
        event = self.rng.choice(self.known.messages or [1])
        said = self.rng.choice(["delivered", "retry", "dead", "released", "notify", "lost"])
        return f'{{"event_id":{event},"outcome":"{said}","error":{self.quoted()}}}'

    def message(self) -> str:
        """A message of a report for the outbox."""
        return self.object(
            {
                "aggregate_type": lambda: '"order"',
                "aggregate_id": lambda: self.rng.choice(['"1"', '"2"', "3", "null"]),
                "event_type": self.quoted,
                "payload": self.json,
                "dedupe_key": self.quoted,
            }
        )

    def gate_or_result(self) -> str:
        """What a gate or a step returned."""
        return self.gate() if self.often() else self.json()

    def gate(self) -> str:
        """The result of a gate."""
        return self.object(
            {
                "passed": lambda: self.rng.choice(["true", "true", "false", '"yes"', "1"]),
                "score": lambda: self.rng.choice(["95", "100", '"90"', self.number()]),
                "maxScore": lambda: self.rng.choice(["100", "100", "0", self.number()]),
                "issues": self.json,
                "warnings": self.json,
                "weight": self.number,
            }
        )

    def gates(self) -> str:
        """The results of gates, by gate."""
        if self.often():
            sound = '{"passed":true,"score":100,"maxScore":100,"issues":[],"warnings":[]}'
            return "{" + ",".join(f'"{gate}":{sound}' for gate in GATES) + "}"
        return self.object(dict.fromkeys(GATES, self.gate))

    def document(self) -> str:
        """A policy document: that of the key in force, with nothing or one or two things in it changed."""
        found = self.known.documents.get(self._key)
        if found is None:
            return self.json()
        changed: dict[str, str] = {}
        document = json.loads(json.dumps(found))
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            self._change(document, changed)
        fields = FIELDS.get(self._key, {})
        for name in self.rng.sample(list(fields), min(len(fields), self.rng.choice([0, 1, 1, 3]))):
            document[name] = (mark := f"field-{name}-")
            changed[mark] = fields[name]
        text = json.dumps(document)
        for mark, raw in changed.items():
            text = text.replace(f'"{mark}"', raw)
        return text

    def _change(self, document: Any, changed: dict[str, str]) -> None:
        """Changes one thing somewhere in a document; what no JSON library writes is put in for its mark later."""
        spot = document
        while True:
            names = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            if not names:
                break
            name = self.rng.choice(names)
            if isinstance(spot[name], (dict, list)) and self.rng.random() < 0.7:
                spot = spot[name]
                continue
            if self.rng.random() < 0.2:
                del spot[name]
                return
            break
        mark = f"changed-{len(changed)}"
        old = json.dumps(spot[name]) if names else "{}"
        changed[mark] = self.rng.choice(
            [self.number, self.quoted, self.json, lambda: f"[{old},{old}]", self.pattern]
        )()
        if isinstance(spot, list):
            spot.insert(0, mark)
        elif names and self.rng.random() < 0.6:
            spot[name] = mark
        else:
            spot[
                self.rng.choice([self.text()[:200], "feature", "default", "noop", "hourly_limit", "depth"])
            ] = mark

    def pattern(self) -> str:
        """A pattern of the reaction matrix."""
        return self.object(
            {
                "name": lambda: json.dumps(self.rng.choice(["one", "two", ""])),
                "event_type": lambda: json.dumps(
                    self.rng.choice(["signal", "order:*", "*", *self.known.types])
                ),
                "template": self.template,
                "probability": lambda: self.rng.choice(["1", "0.5", self.number()]),
                "cooldown_minutes": self.number,
            }
        )

    def idea(self) -> str:
        """An entry of fn_radar_upsert."""
        return self.object(
            {
                "title": self.quoted,
                "status": lambda: '"watching"',
                "score": self.number,
                "evidence": self.json,
            }
        )
