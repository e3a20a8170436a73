"""Every public function of a loop is routed by the front, or is named as not routed, with the reason."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUTE = re.compile(r"^  \('(fn_\w+)', '(\w+)', (null|'\w+'),\s+(null|'.*?)\)[,;]$", re.MULTILINE | re.DOTALL)


def routes() -> dict[str, tuple[str, str, str]]:
    text = (ROOT / "sql/fleet/routes.sql").read_text(encoding="utf-8")
    return {name: (route, arg, how) for name, route, arg, how in ROUTE.findall(text)}


def granted() -> set[str]:
    return set(
        re.findall(
            r"^    \['(fn_\w+)', '[\w ]+'\]", (ROOT / "sql/grants.sql").read_text(encoding="utf-8"), re.M
        )
    )


def test_every_public_function_is_routed_or_named_as_not_routed() -> None:
    assert routes().keys() == granted()


def test_what_is_not_routed_says_why() -> None:
    without = [name for name, (route, _, how) in routes().items() if route == "node" and len(how) < 12]
    assert without == []


@pytest.mark.parametrize("name", [name for name, (route, _, _) in routes().items() if route == "front"])
def test_what_is_written_by_hand_is_there(name: str) -> None:
    text = (ROOT / "sql/fleet/install.sql").read_text(encoding="utf-8")
    assert f"/{name}.sql" in text
