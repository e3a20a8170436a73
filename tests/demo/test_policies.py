"""Adding the example's policies to somebody's own, and taking them back."""

import opsloop
from demo.caring import policy
from postgres_care.policies import add, remove

OWN = {
    "enabled": True,
    "allowed_step_kinds": ["noop", "mine"],
    "risk_rules": [{"name": "mine", "risk_level": "high", "executor": "mine"}],
}


def test_adding_keeps_what_is_there_and_can_be_repeated():
    once = add(OWN, policy("auto_approve"))
    assert once["allowed_step_kinds"] == ["noop", "mine", "pg_sample", "pg_measure"]
    assert once["risk_rules"][0] == OWN["risk_rules"][0]
    assert add(once, policy("auto_approve")) == once


def test_opting_in_and_out_leads_back():
    shipped = add(OWN, policy("auto_approve"))
    opted_in = add(shipped, policy("opt_in"))
    assert opted_in["allowed_step_kinds"][-2:] == ["pg_analyze", "pg_vacuum"]
    back = add(remove(opted_in, policy("opt_in")), policy("auto_approve"))
    assert back["allowed_step_kinds"] == shipped["allowed_step_kinds"]
    assert {rule["name"]: rule for rule in back["risk_rules"]} == {
        rule["name"]: rule for rule in shipped["risk_rules"]
    }


def test_somebody_who_allows_everything_of_low_risk_still_allows_no_upkeep(dsn: str):
    with opsloop.connect(dsn) as loop:
        everything = {"enabled": True, "allowed_step_kinds": ["*"], "max_risk_level": "low"}
        loop.set_policy("auto_approve", add(everything, policy("auto_approve")))
        for kind in ("pg_analyze", "pg_vacuum", "pg_drop_index", "pg_end_session"):
            assert not loop.is_auto_approvable({"steps": [{"kind": kind}]})
        assert loop.is_auto_approvable({"steps": [{"kind": "pg_sample"}]})
