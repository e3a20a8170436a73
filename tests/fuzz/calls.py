"""One call of a public function: as which role, under which settings of the session, and whether the answer is fit."""

import re
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from fuzz.values import Values
from logins import ROLES

#: What a caller may have set for his session. None of it may change what a call does, but for the errors named.
SETTINGS: list[tuple[str, str]] = [
    ("DateStyle", "SQL, DMY"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "Pacific/Chatham"),
    ("standard_conforming_strings", "off"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("search_path", "pg_temp, public"),
    ("enable_indexscan", "off"),
    ("work_mem", "64kB"),
    ("default_transaction_isolation", "serializable"),
    ("backslash_quote", "on"),
    ("transform_null_equals", "on"),
    ("xmlbinary", "hex"),
    ("client_min_messages", "debug1"),
    ("check_function_bodies", "off"),
    ("row_security", "off"),
    ("synchronous_commit", "off"),
    ("jit_above_cost", "0"),
    ("plan_cache_mode", "force_custom_plan"),
    ("max_parallel_workers_per_gather", "0"),
]
ISOLATION = ["read committed", "repeatable read", "serializable"]
#: Calls that move the loop come more often than others.
WEIGHTS = {
    "fn_heartbeat": 6,
    "fn_emit_events": 6,
    "fn_create_proposal": 10,
    "fn_create_proposals": 4,
    "fn_claim_steps": 8,
    "fn_complete_steps": 8,
    "fn_fail_steps": 4,
    "fn_release_steps": 2,
    "fn_publish_outbox": 3,
    "fn_claim_outbox_deliveries": 3,
    "fn_complete_outbox_events": 3,
    "fn_approve_proposal": 4,
    "fn_set_policy": 8,
    "fn_register_worker": 2,
    "fn_propose_for_step": 4,
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function."""

    name: str
    kind: str
    optional: bool


@dataclass(frozen=True)
class Function:
    """A public function."""

    name: str
    parameters: tuple[Parameter, ...]
    roles: tuple[str, ...]
    """The roles that may call it."""


@dataclass(frozen=True)
class Call:
    """What is called, and with what."""

    function: Function
    arguments: dict[str, str | None]

    def statement(self, *, written_out: bool = False) -> sql.Composed:
        """The call as SQL, to be run with the values of `arguments`, or with them in it."""
        kinds = {p.name: p.kind for p in self.function.parameters}
        arguments = [
            sql.SQL("{} => {}::{}").format(
                sql.Identifier(name),
                sql.Literal(value) if written_out else sql.Placeholder(),
                sql.SQL(kinds[name]),  # type: ignore[arg-type]
            )
            for name, value in self.arguments.items()
        ]
        return sql.SQL("select * from opsloop.{}({})").format(
            sql.Identifier(self.function.name), sql.SQL(", ").join(arguments)
        )


@dataclass(frozen=True)
class Transaction:
    """Calls of one login in one transaction, mostly one."""

    role: str
    calls: tuple[Call, ...]
    settings: tuple[tuple[str, str], ...]
    isolation: str
    read_only: bool

    def opening(self) -> sql.Composed:
        """The statements before it."""
        mode = sql.SQL(self.isolation + (", read only" if self.read_only else ""))  # type: ignore[arg-type]
        sets = [
            sql.SQL("; set local {} = {}").format(sql.Identifier(n), sql.Literal(v)) for n, v in self.settings
        ]
        return sql.SQL("begin isolation level {}{}").format(mode, sql.Composed(sets))

    def written_out(self, calls: int) -> str:
        """Its first so many calls as SQL for psql, to be run as a member of the role."""
        each = [self.opening(), *(call.statement(written_out=True) for call in self.calls[:calls])]
        return "".join(f"{statement.as_string(None)};\n" for statement in each)


def functions(conn: psycopg.Connection[Any]) -> list[Function]:
    """Every public function there is, as the catalogue has it; rows of the session are dictionaries."""
    rows = conn.execute(
        """select p.proname as name,
                  coalesce((select jsonb_agg(jsonb_build_array(
                                     p.proargnames[a.i], format_type(a.type, null),
                                     a.i > p.pronargs - p.pronargdefaults)
                                   order by a.i)
                     from unnest(p.proargtypes::oid[]) with ordinality a (type, i)), '[]') as parameters,
                  array(select r from unnest(%s::text[]) r
                         where has_function_privilege('opsloop_' || r, p.oid, 'execute')) as roles
             from pg_proc p
            where p.pronamespace = 'opsloop'::regnamespace and p.proname like 'fn\\_%%'
            order by p.proname""",
        (list(ROLES),),
    ).fetchall()
    return [
        Function(
            row["name"], tuple(Parameter(*parameter) for parameter in row["parameters"]), tuple(row["roles"])
        )
        for row in rows
    ]


class Caller:
    """Thinks up calls."""

    def __init__(self, there_are: list[Function], roles: list[str], rng: Random, values: Values) -> None:
        self._functions = there_are
        self._named = {function.name: function for function in there_are}
        self._weights = [WEIGHTS.get(function.name, 1) for function in there_are]
        self._roles = roles
        self._rng = rng
        self._values = values

    def next(self) -> Transaction:
        """The next calls."""
        rng = self._rng
        (function,) = rng.choices(self._functions, self._weights)
        role = rng.choice(function.roles if function.roles and rng.random() < 0.9 else self._roles)
        calls = [self._call(function)]
        if function.name == "fn_idempotent_result" and rng.random() < 0.8:
            # It stores for a key that its transaction has taken.
            key = {"p_key": calls[0].arguments["p_key"]}
            calls.insert(0, Call(self._named["fn_idempotent"], key))
        elif rng.random() < 0.08:
            mine = [each for each in self._functions if role in each.roles] or self._functions
            calls += [self._call(rng.choice(mine)) for _ in range(rng.choice([1, 2]))]
        settings = tuple(rng.sample(SETTINGS, rng.choice([0, 0, 1, 3])))
        isolation = rng.choices(ISOLATION, [8, 1, 1])[0]
        return Transaction(role, tuple(calls), settings, isolation, rng.random() < 0.03)

    def _call(self, function: Function) -> Call:
        arguments = {
            p.name: self._values.of(p.name, p.kind)
            for p in function.parameters
            if not p.optional or self._rng.random() < 0.6
        }
        return Call(function, arguments | self._values.together(set(arguments)))


def unfit(transaction: Transaction, error: psycopg.Error) -> str | None:
    """What is wrong with this refusal; None for one that a caller can use."""
    state = error.sqlstate or ""
    message = error.diag.message_primary or ""
    told = f"{message} {error.diag.message_detail or ''} {error.diag.message_hint or ''}"
    if state.startswith("OP"):
        code = f"OPS_{state[2:]}"
        return None if message.startswith(code) else f"{state} without {code} in front: {message}"
    if state == "42501" or (state == "25006" and transaction.read_only):
        return None
    if state in ("40001", "40P01") and transaction.isolation != "read committed":
        return None
    if state.startswith("22") and re.search(r"\bp_[a-z_]+\b", told):
        return None
    return f"{state}: {message}"
