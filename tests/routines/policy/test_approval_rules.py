"""The document approval_rules: what is sound, and every fault of what is not."""

import json

import pytest

SOUND = {
    "groups": {"oncall": {"logins": ["ada"], "roles": ["operator"]}, "security": {"logins": ["sid"]}},
    "rules": [
        {
            "name": "risky",
            "when": {
                "min_risk": "high",
                "executors": ["command"],
                "kinds": ["*"],
                "sources": ["agent:*"],
                "agents": ["planner"],
            },
            "require": [{"group": "oncall", "count": 2}, {"group": "*"}],
            "veto": ["security"],
            "reason_required": True,
            "expires_minutes": 60,
            "on_expiry": "hold",
            "escalate": [{"after_minutes": 15, "group": "security", "event": "proposal:late"}],
        }
    ],
    "publish": ["proposal:*"],
    "break_glass": {"group": "oncall", "per_month": 2, "review_hours": 24},
}
SET = "select fn_set_policy('approval_rules', %s)"


def test_a_sound_document_is_taken(loop):
    assert loop.value(SET, SOUND) == 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"rule": []}, "rule"),
        ({"groups": []}, "groups"),
        ({"groups": {"a b": {}}}, "groups.a b"),
        ({"groups": {"a": {"login": []}}}, "groups.a.login"),
        ({"groups": {"a": 1}}, "groups.a"),
        ({"rules": {}}, "rules"),
        ({"rules": [1]}, "rules[0]"),
        ({"rules": [{}]}, "rules[0].name"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "rules"),
        ({"rules": [{"name": "a", "when": {"risk": "low"}}]}, "rules[0].when.risk"),
        ({"rules": [{"name": "a", "when": {"min_risk": "awful"}}]}, "rules[0].when.min_risk"),
        ({"rules": [{"name": "a", "require": [{"group": "none"}]}]}, "rules[0].require[0].group"),
        ({"rules": [{"name": "a", "require": [{"group": "oncall", "count": 0}]}]}, "rules[0].require[0].count"),
        ({"rules": [{"name": "a", "require": [{"count": 1}]}]}, "rules[0].require[0].group"),
        ({"rules": [{"name": "a", "require": ["oncall"]}]}, "rules[0].require[0]"),
        ({"rules": [{"name": "a", "veto": ["none"]}]}, "rules[0].veto[0]"),
        ({"rules": [{"name": "a", "on_expiry": "hold"}]}, "rules[0].on_expiry"),
        ({"rules": [{"name": "a", "expires_minutes": 0}]}, "rules[0].expires_minutes"),
        ({"rules": [{"name": "a", "escalate": [{"group": "oncall"}]}]}, "rules[0].escalate[0].after_minutes"),
        (
            {"rules": [{"name": "a", "escalate": [{"group": "oncall", "after_minutes": 1, "event": "late"}]}]},
            "rules[0].escalate[0].event",
        ),
        ({"break_glass": {"group": "*", "per_month": 1}}, "break_glass.group"),
        ({"break_glass": {"group": "oncall"}}, "break_glass.per_month"),
        ({"publish": "proposal:*"}, "publish"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_by_its_path(loop, change, path):
    faults = loop.refused("017", SET, {**SOUND, **change})
    assert any(fault.startswith(f"{path}: ") for fault in json.loads(faults.message_detail)["faults"])
