"""A change of policy that lets more run asks for whom approval_rules name; one that tightens is in force at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from approving import Team
from looping import Loop, step
from routines.documents import in_one_database, policies

DIRECTIONS = {"greater", "less", "true", "false", "added", "removed", "changed", "never"}
COMMAND = ["git", "status"]


def resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        named = definitions[schema["$ref"].removeprefix("#/$defs/")]
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def fields(path: str, schema: dict[str, Any], definitions: dict[str, Any]):
    """Every field of a document and what stands within, each with its schema, but for what is judged as a whole."""
    schema = resolved(schema, definitions)
    if path:
        yield path, schema
    if schema.get("x-loosens") in ("changed", "never"):
        return
    inner = [
        (f"{path}.{name}", one) for name, one in schema.get("properties", {}).items() if "not" not in one
    ]
    entry = schema.get("additionalProperties")
    inner += [(f"{path}.*", entry)] if isinstance(entry, dict) else []
    inner += [(f"{path}[]", schema["items"])] if "x-key" in schema else []
    inner += [(path, one) for one in schema.get("anyOf", []) if "x-loosens" not in schema]
    for name, one in inner:
        yield from fields(name, one, definitions)


@pytest.fixture(scope="module")
def schemas(calculator):
    keys = calculator.execute("select fn_policy_schema() -> 'properties'").fetchone()[0]
    known = [key for key in keys if key not in ("tests", "schedules", "$schema")]
    assert len(known) == 13
    return {key: calculator.execute("select fn_policy_schema(%s)", (key,)).fetchone()[0] for key in known}


def ends(schema: dict[str, Any]) -> tuple[Any, Any] | None:
    """The strictest and the loosest that a field can be."""
    how = schema["x-loosens"]
    if "enum" in schema:
        words = [word for word in schema["enum"] if word is not None]
        low, high = words[0], words[-1]
    elif how in ("greater", "less"):
        low, high = schema["minimum"], schema["maximum"]
    elif how in ("true", "false"):
        low, high = False, True
    elif how in ("added", "removed"):
        example = schema["examples"][0] if "examples" in schema else {"x": {"to": "Y"}}
        # An object with fields of its own is there or not; a list and a map have entries.
        empty = None if "properties" in schema and "additionalProperties" in schema else type(example)()
        low, high = ([] if isinstance(example, str) else empty), example
    else:
        return None
    return (low, high) if how in ("greater", "true", "added") else (high, low)


def test_every_field_of_every_document_says_in_which_direction_it_lets_more_run(calculator, schemas):
    asked = 0
    for key, schema in schemas.items():
        for path, field in fields("", schema, schema["$defs"]):
            how = field.get("x-loosens")
            if how is None:
                # Judged by what stands within.
                assert field.keys() & {"properties", "additionalProperties", "anyOf"}, (key, path)
                continue
            assert how in DIRECTIONS, (key, path)
            if (both := ends(field)) is None:
                continue
            loosened = "select _loosened('x', %s, %s, %s, %s) <> '{}'"
            for before, after, loosens in ((*both, True), (*reversed(both), False)):
                found = calculator.execute(
                    loosened, (Jsonb(before), Jsonb(after), Jsonb(field), Jsonb(schema["$defs"]))
                ).fetchone()
                assert found == (loosens,), (key, path, before, after)
                asked += 1
    assert asked > 150


CHANGES = [
    ("auto_approve", {"allowed_step_kinds": ["*"]}, {"allowed_step_kinds": ["noop", "x*"]}, []),
    ("auto_approve", {"allowed_step_kinds": ["noop"]}, {"allowed_step_kinds": ["no*"]}, ["allowed_step_kinds[no*]"]),
    ("auto_approve", {"allowed_step_kinds": ["a", "b"]}, {"allowed_step_kinds": ["b"]}, []),
    ("auto_approve", {}, {"allowed_executors": ["sql"]}, ["allowed_executors"]),
    ("auto_approve", {}, {"allowed_executors": []}, []),
    ("auto_approve", {}, {"risk_rules": []}, ["risk_rules"]),
    ("auto_approve", {"risk_rules": []}, {}, []),
    ("auto_approve", {}, {"enabled": True, "max_risk_level": "medium"}, ["enabled", "max_risk_level"]),
    ("auto_approve", {"enabled": True}, {"enabled": False, "description": "x"}, []),
    (
        "auto_approve",
        {"risk_rules": [{"name": "a", "risk_level": "high"}, {"name": "b", "executor": "sql", "risk_level": "low"}]},
        {"risk_rules": [{"name": "b", "executor": ["http"], "risk_level": "high"}, {"name": "c", "risk_level": "low"}]},
        ["risk_rules[a]", "risk_rules[b].executor[sql]"],
    ),
    ("proposal_caps", {"daily_limit": 5}, {}, ["daily_limit"]),
    ("proposal_caps", {}, {"daily_limit": 5, "over_limit": "reject", "per_source": {"a": 1}}, []),
    ("proposal_caps", {"per_source": {"a": 1, "b": 2, "c": 3, "d": {"hourly_limit": 1}}},
     {"per_source": {"b": 3, "c": 2, "d": {}}}, ["per_source.a", "per_source.b", "per_source.d.hourly_limit"]),
    ("proposal_caps", {"per_source": {"a": 1}}, {"per_source": {"a": {"daily_limit": 1}}}, ["per_source.a"]),
    ("worker_policy", {}, {"command_allow": [COMMAND]}, [f"command_allow[{json.dumps(COMMAND)}]"]),
    ("worker_policy", {"command_allow": [COMMAND]}, {"allowed_executors": ["noop"]}, []),
    ("worker_policy", {"allowed_executors": ["noop"]}, {}, ["allowed_executors"]),
    ("worker_policy", {"blocked_executors": ["a*"]}, {"blocked_executors": ["ab"]}, ["blocked_executors[a*]"]),
    ("worker_policy", {"blocked_executors": ["ab"]}, {"blocked_executors": ["a*"]}, []),
    ("worker_policy", {}, {"executors": {"sql": {"concurrency": 1, "on_lease_lost": "hold"}}}, []),
    ("worker_policy", {"executors": {"sql": {"concurrency": 1}}}, {}, ["executors.sql.concurrency"]),
    ("worker_policy", {"presets": {"a": {"argv": ["x"]}}}, {"presets": {"a": {"argv": ["y"]}, "b": {"argv": ["z"]}}},
     ["presets.a.argv", "presets.b"]),
    ("reaction_matrix", {"patterns": [{"name": "a", "tags": ["x"], "event_type": ["a", "b"]}]},
     {"patterns": [{"name": "a", "tags": ["x", "y"], "event_type": "a", "source": "s", "cooldown_minutes": 3}]}, []),
    ("reaction_matrix", {"patterns": []}, {"patterns": [{"name": "a"}]}, ["patterns[a]"]),
    ("approval_rules", {"rules": [{"name": "a", "require": [{"group": "x", "count": 2}]}]},
     {"rules": [{"name": "a", "require": [{"group": "x"}]}]}, ["rules[a].require[x].count"]),
    ("approval_rules", {"rules": [{"name": "a", "require": [{"group": "x"}]}]},
     {"rules": [{"name": "a", "require": [{"group": "x", "count": 2}, {"group": "y"}], "reason_required": True,
                 "expires_minutes": 9}], "policy": [{"group": "x"}]}, []),
    ("approval_rules", {"rules": [{"name": "a", "when": {}}]}, {"rules": [{"name": "a", "when": {"min_risk": "high"}}]},
     ["rules[a].when.min_risk"]),
    ("approval_rules", {"groups": {"x": {"logins": ["a"]}}}, {"groups": {"x": {"logins": ["b"]}}},
     ["groups.x.logins[b]"]),
    ("approval_rules", {"policy": [{"group": "x", "count": 2}]}, {}, ["policy[x]"]),
    ("approval_rules", {"break_glass": {"group": "x", "per_month": 2}}, {}, []),
    ("approval_rules", {}, {"break_glass": {"group": "x", "per_month": 2}}, ["break_glass"]),
    ("gate_thresholds", {"feature": 80}, {"feature": 85}, []),
    ("gate_thresholds", {"feature": 80}, {}, ["feature"]),
    ("gate_applicability", {"matrix": {"feature": {"A": "REQUIRED"}}}, {"matrix": {"feature": {"A": "OPTIONAL"}}},
     ["matrix.feature.A"]),
    ("gate_applicability", {"matrix": {"feature": {"A": "OPTIONAL"}}}, {}, []),
    ("transition_rules", {"a": {"to": "X", "gates": True}}, {"a": {"to": "X"}, "b": {"to": "Y"}}, ["a.gates", "b"]),
    ("transition_rules", {"a": {"to": "X"}}, {"a": {"to": "X", "gates": True, "from": ["Q"]}}, []),
    ("agent_roles", {"planner": {}}, {"planner": {}, "ghost": {}}, ["ghost"]),
    ("agent_roles", {"planner": {}, "ghost": {}}, {"planner": {}}, []),
    ("agent_roles", {"roles": {"a": {"logins": ["x"]}}}, {"roles": {"a": {"logins": ["x", "y"]}}},
     ["roles.a.logins[y]"]),
    ("outbox", {"routes": [{"event_type": "a", "sink": "log"}]}, {"routes": []}, ["routes"]),
    ("retention", {}, {"missions_days": 90}, ["missions_days"]),
    ("retention", {"missions_days": 90}, {"missions_days": 91}, []),
    ("size_limits", {}, {"depth": 101, "lanes": 10}, ["depth"]),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_lets_more_run_at_these_paths(calculator, schemas, change):
    key, before, after, loosened = change
    schema = schemas[key]
    found = calculator.execute(
        "select _loosened('', %s, %s, %s, %s)",
        (Jsonb(before), Jsonb(after), Jsonb(schema), Jsonb(schema["$defs"])),
    ).fetchone()[0]
    assert sorted(found) == loosened


@in_one_database
@given(policy=policies)
def test_whatever_a_document_was_it_is_compared_with_another(calculator, schemas, policy):
    key, document = policy
    sound = calculator.execute("select _policy_faults(%s, %s) = '{}'", (key, Jsonb(document))).fetchone()[0]
    if key in schemas and sound:
        schema = schemas[key]
        for before, after in (({}, document), (document, {}), (document, document)):
            found = calculator.execute(
                "select _loosened('', %s, %s, %s, %s)",
                (Jsonb(before), Jsonb(after), Jsonb(schema), Jsonb(schema["$defs"])),
            ).fetchone()[0]
            assert found is not None
            assert before != after or found == []


# What it asks for

AUTO = {"enabled": True, "allowed_step_kinds": ["noop"], "max_risk_level": "low"}
OPEN = {**AUTO, "allowed_step_kinds": ["noop", "http"]}
SET = "select fn_set_policy('auto_approve', %s)"
AGREE = "select fn_agree_policy('auto_approve', %s)"


@pytest.fixture
def team(loop: Loop) -> Team:
    """Two of the leads agree to what lets more run; ada, eve and lea are leads, bob is an admin who is none."""
    team = Team(loop)
    loop.value(SET, AUTO)
    for name in ("ada", "eve", "lea", "bob"):
        loop.do(f"grant opsloop_admin to {team.login(name)}")
    team.rules(groups={"leads": ["ada", "eve", "lea"]}, policy=[{"group": "leads", "count": 2}])
    return team


def in_force(loop: Loop) -> dict[str, Any]:
    document = loop.value("select fn_get_policy('auto_approve')")
    assert isinstance(document, dict)
    return document


def test_as_seeded_one_admin_suffices(loop):
    assert loop.value(SET, OPEN) == 2
    assert loop.value(AGREE, {**OPEN, "max_risk_level": "high"}) is None


def test_what_lets_more_run_waits_for_those_who_must_agree(loop, team):
    told = team.refused("109", "ada", SET, OPEN)
    assert told == "OPS_109: the change of auto_approve lets more run, and 1 of 2: one more of leads"
    assert team.refused("109", "bob", SET, OPEN).endswith("and 0 of 2: 2 of leads")
    with team.being("eve"):
        assert loop.value(AGREE, OPEN) == "1 of 2: one more of leads"
    team.refused("109", "eve", SET, OPEN)
    with team.being("ada"):
        loop.value(SET, OPEN)
    assert in_force(loop) == OPEN
    assert [r["login"] for r in loop.rows("select login from ops_policy_votes")] == [team.login("eve")]
    assert loop.rows("select * from fn_check_invariants()") == []


def test_those_who_agreed_need_not_set_it_themselves(loop, team):
    for name in ("ada", "eve"):
        with team.being(name):
            loop.value(AGREE, OPEN)
            loop.value(AGREE, OPEN)
    audited = loop.rows("select login from ops_audit_log where action = 'agree_policy' order by id")
    assert [r["login"] for r in audited] == [team.login("ada"), team.login("eve")]
    with team.being("bob"):
        loop.value(SET, OPEN)
    assert in_force(loop) == OPEN


def test_what_tightens_is_in_force_at_once_whoever_sets_it(loop, team):
    with team.being("bob"):
        loop.value(SET, {**AUTO, "allowed_step_kinds": []})
        loop.value("select fn_set_policy('proposal_caps', '{\"daily_limit\": 1}')")
        loop.value("select fn_set_policy('worker_policy', fn_get_policy('worker_policy') || %s)",
                   {"blocked_executors": ["*"]})  # fmt: skip
        loop.value("select fn_set_policy('ours', '{\"x\": 1}')")
        loop.value("select fn_set_policy('ours', '{\"x\": 2}')")
    assert in_force(loop)["allowed_step_kinds"] == []


@pytest.mark.parametrize("how", ["document", "version", "group", "right", "agent"])
def test_an_agreement_is_for_this_document_after_this_version_of_a_login_that_still_may(loop, team, how):
    with team.being("eve"):
        loop.value(AGREE, OPEN)
    asked = OPEN
    if how == "document":
        asked = {**OPEN, "max_risk_level": "high"}
    elif how == "version":
        with team.being("ada"):
            loop.value(SET, {**AUTO, "description": "x"})
    elif how == "group":
        rules = loop.value("select fn_get_policy('approval_rules')")
        rules["groups"]["leads"]["logins"].remove(team.login("eve"))
        loop.value("select fn_set_policy('approval_rules', %s)", rules)
    elif how == "right":
        for right in ("operator", "admin"):
            loop.do(f"revoke opsloop_{right} from {team.login('eve')}")
    else:
        loop.value("select fn_set_policy('agent_roles', fn_get_policy('agent_roles') || '{}')")
        loop.do("alter table ops_policy disable trigger user")
        loop.do(
            "update ops_policy set value = jsonb_set(value, '{roles,planner,logins}', to_jsonb(array[%s]))"
            " where key = 'agent_roles'",
            team.login("eve"),
        )
        loop.do("alter table ops_policy enable trigger user")
    team.refused("109", "ada", SET, asked)


def test_who_may_not_fill_a_seat_does_not_agree(loop, team):
    team.refused("085", "bob", AGREE, OPEN)
    team.refused("017", "ada", AGREE, {"enabeld": True})


def test_a_change_by_hand_and_a_rollback_are_asked_alike(loop, team):
    update = "update ops_policy set value = %s where key = 'auto_approve' returning key"
    loop.refused("109", update, OPEN)
    loop.rows(update, {**AUTO, "allowed_step_kinds": []})
    team.refused("109", "ada", "select fn_rollback_policy('auto_approve')")
    with team.being("eve"):
        loop.value(AGREE, AUTO)
    with team.being("ada"):
        loop.value("select fn_rollback_policy('auto_approve')")
    assert in_force(loop) == AUTO


def test_to_ask_fewer_lets_more_run(loop, team):
    rules = loop.value("select fn_get_policy('approval_rules')")
    fewer = {**rules, "policy": [{"group": "leads"}]}
    team.refused("109", "ada", "select fn_set_policy('approval_rules', %s)", fewer)
    team.refused("109", "ada", "select fn_set_policy('approval_rules', '{}')")
    with team.being("ada"):
        loop.value(
            "select fn_set_policy('approval_rules', %s)",
            {**rules, "policy": [{"group": "leads", "count": 3}]},
        )


def test_a_group_that_is_not_there_is_a_fault(loop):
    loop.refused("017", "select fn_set_policy('approval_rules', %s)", {"policy": [{"group": "leads"}]})


def test_what_was_let_more_run_runs(loop, team):
    with team.being("eve"):
        loop.value(AGREE, OPEN)
    with team.being("ada"):
        loop.value(SET, {**OPEN})
    made = loop.propose(step("a", "http", params={"url": "https://x/", "method": "GET"}))
    assert made["status"] == "auto_approved"
