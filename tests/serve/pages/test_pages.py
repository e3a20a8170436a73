"""The pages as an HTTP client sees them: who may do what, what forms need, and that nothing is taken on trust."""

import hashlib
import html
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from browser.scene import NASTY, play
from looping import Loop, step
from serve.browsing import Answer, Browser, Server

ROOT = Path(__file__).parents[3]
VENDOR = ROOT / "python/opsloop/serve/static/vendor"


@pytest.fixture
def loop(conn) -> Loop:
    return Loop(conn)


@pytest.fixture
def signed_in(server: Server, key: Callable[[str], str]) -> Callable[[str], Browser]:
    """Browsers in which somebody with a role is signed in."""

    def browser(role: str) -> Browser:
        made = server.browser()
        assert made.sign_in(key(role)).status == 303
        return made

    return browser


def send(browser: Browser, path: str, **fields: str) -> Answer:
    """A form, with the token of a page."""
    return browser.send(path, csrf=browser.token(browser.get("/missions")), **fields)


def test_every_page_answers_whoever_may_read_and_nobody_else(server, signed_in, loop):
    paths = play(loop).pages()
    reader = signed_in("reader")
    for name, path in paths.items():
        answer = reader.get(path)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), name
        assert "<h1>" in answer.text, name
        nobody = server.browser().get(path)
        assert nobody.status == 303, name
        assert nobody.headers["location"].startswith("/sign-in?next="), name
        # Who may only look is shown no button but that of the way out, and those of filters.
        forms = re.findall(r'<form method="post" action="([^"]+)"', answer.text)
        assert set(forms) <= {"/sign-out", "/policy/auto_approve"}, name


def test_a_name_may_have_what_means_something_in_addresses(server, signed_in, loop):
    name = "50% off? #1/é"
    loop.value("select fn_register_worker(%s, 'here', 1, '0')", name)
    reader = signed_in("reader")
    [linked] = re.findall(r'href="(/record/worker/[^"]+)"', reader.get("/workers").text)
    assert name in reader.get(linked).text
    # What the page fetches when something changes, and the way back to it after signing in, lead there again.
    path = f"/record/worker/{quote(name)}"
    assert f'hx-get="{path}"' in reader.get(linked).text
    assert server.browser().get(path).headers["location"] == f"/sign-in?next={quote(path)}"
    assert f'value="{path}"' in server.browser().get(f"/sign-in?next={quote(path)}").text


def test_forms_send_back_names_to_the_letter_also_what_is_invisible_of_them(signed_in, loop):
    title = 'Ask \U0001f469\u200d\U0001f527 "first" \u202e'
    loop.value("select fn_radar_upsert(%s)", Jsonb([{"title": title}]))
    admin = signed_in("admin")
    page = admin.get("/radar").text
    assert "\\u202e" in page
    [given] = re.findall(r'name="title" value="([^"]+)"', page)
    assert html.unescape(given) == title
    assert send(admin, "/radar/move", title=html.unescape(given), status="validating").status == 303
    assert loop.rows("select title, status from ops_demand_radar") == [
        {"title": title, "status": "validating"}
    ]
    [asked] = re.findall(r'name="title" value="([^"]+)"', admin.get(f"/missions?title={quote(title)}").text)[
        :1
    ]
    assert html.unescape(asked) == title
    assert 'value="None"' not in admin.get("/missions").text


def test_files_are_kept_for_good_under_the_address_of_what_they_hold_and_no_other(server):
    page = server.browser().get("/sign-in").text
    [path] = re.findall(r'href="(/static/opsloop.css[^"]+)"', page)
    assert "immutable" in server.web().get(path).headers["cache-control"]
    for other in ("/static/opsloop.css", "/static/opsloop.css?v=of-the-next-release"):
        assert server.web().get(other).headers["cache-control"] == "no-store"


def test_a_form_without_the_token_of_a_page_does_nothing(signed_in, loop):
    operator = signed_in("operator")
    mission = str(loop.mission(step("a")))
    for given in ({}, {"csrf": "0" * 64}):
        assert operator.send("/missions/cancel", id=mission, **given).status == 403
    other = {"Origin": "http://evil.example"}
    token = operator.token(operator.get("/missions"))
    assert operator.send("/missions/cancel", other, id=mission, csrf=token).status == 403
    assert loop.status(mission) == "approved"
    assert operator.send("/missions/cancel", id=mission, csrf=token).status == 303
    assert loop.status(mission) == "cancelled"


#: Forms that decide, set or stop something, and what they need.
DECIDING = (
    ("/kill", {"typed": "kill", "reason": "x"}),
    ("/pause", {"scope": "executor", "target": "noop"}),
    ("/missions/cancel", {"id": "MISSION"}),
    ("/steps/act", {"id": "STEP", "do": "retry"}),
    ("/missions/act", {"ids": "MISSION", "do": "cancel now"}),
    ("/policy/auto_approve", {"document": "{}", "do": "set", "expected": "1"}),
    ("/policy/rollback", {"key": "auto_approve", "version": "1"}),
    ("/locks/clean", {}),
)


def test_what_a_reader_may_not_do_no_form_of_his_does(signed_in, loop):
    mission = loop.mission(step("a"))
    names = {"MISSION": str(mission), "STEP": str(loop.step(mission)["id"])}
    reader = signed_in("reader")
    before = loop.contents("ops_api_keys", "ops_sign_ins")
    for path, fields in DECIDING:
        answer = send(reader, path, **{name: names.get(value, value) for name, value in fields.items()})
        assert answer.status in (403, 422), (path, answer.text)
    assert loop.contents("ops_api_keys", "ops_sign_ins") == before


def test_the_kill_switch_is_not_thrown_without_its_word(signed_in, loop):
    operator = signed_in("operator")
    epoch = loop.value("select epoch from ops_control")
    for typed in ({}, {"typed": "yes"}):
        assert send(operator, "/kill", reason="x", **typed).status == 422
    assert send(operator, "/pause", scope="all").status == 422
    assert loop.value("select epoch from ops_control") == epoch
    assert loop.rows("select * from fn_list_pauses()") == []


def test_only_a_statement_that_the_loop_itself_gives_now_is_carried_out(signed_in, loop):
    loop.register()
    loop.value("select fn_pause('executor', 'noop', 'bob', 'the disk is full')")
    mission = str(loop.mission(step("a")))
    operator = signed_in("operator")
    (statement,) = {one["frees"] for one in loop.rows("select frees from fn_explain_mission(%s)", mission)}
    for forged in (
        "select opsloop.fn_kill_switch();",
        "select opsloop.fn_resume('all', NULL);",
        statement + " drop table ops_missions;",
        statement.replace("'noop'", "'other'"),
        "",
    ):
        assert send(operator, "/free", id=mission, statement=forged).status == 409, forged
    assert len(loop.rows("select * from fn_list_pauses()")) == 1
    assert send(operator, "/free", id=mission, statement=statement, reason="mended").status == 303
    assert loop.rows("select * from fn_list_pauses()") == []


def test_what_a_page_says_was_done_cannot_be_put_into_its_mouth(signed_in, server):
    reader = signed_in("reader")
    reader.cookies["opsloop_note"] = "aGFja2Vk.0000"
    assert "hacked" not in reader.get("/missions").text


def test_no_form_leads_to_another_site(signed_in, loop):
    operator = signed_in("operator")
    token = operator.token(operator.get("/missions"))
    for referer in ("http://evil.example/x", f"{operator.url}//evil.example/", "javascript:alert(1)"):
        answer = operator.send("/locks/clean", {"Referer": referer}, csrf=token)
        assert (answer.status, answer.headers["location"]) == (303, "/"), referer


def test_an_id_that_is_of_nothing_is_not_found_and_no_fault(signed_in):
    reader = signed_in("reader")
    gone = uuid4()
    for path in (
        f"/missions/{gone}", f"/inbox/{gone}", f"/proposals/{gone}", f"/steps/{gone}", "/failures/none",
        "/dead-letters/none", "/policy/none", "/schedules/none", "/directives/none", "/find?id=00000000",
        "/record/worker/none", "/nothing-of-that-name",
    ):  # fmt: skip
        answer = reader.get(path)
        assert answer.status == 404, (path, answer.status)
        assert "<h1>" in answer.text, path


def test_whatever_stands_in_a_filter_is_refused_or_finds_nothing(signed_in):
    reader = signed_in("reader")
    for given in ("'", NASTY, "%", "\u202e", "-1", "9" * 40, "2026-13-45", "\x00", "[]"):
        for path in ("/missions", "/inbox", "/dead-letters", "/proposals"):
            for name in (
                "status",
                "title",
                "kind",
                "since",
                "before",
                "group",
                "code",
                "risk",
                "what",
                "reason",
            ):
                answer = reader.get(f"{path}?{name}={quote(given)}")
                assert answer.status in (200, 422), (path, name, given, answer.status)
                assert "<img" not in answer.text, (path, name)


def test_a_server_that_only_shows_has_no_buttons_and_does_nothing(serve, key, loop):
    server = serve("--read-only")
    browser = server.browser()
    browser.sign_in(key("admin"))
    page = browser.get("/")
    assert "read only" in page.text
    assert 'action="/kill"' not in page.text
    token = browser.token(page)
    assert browser.send("/kill", csrf=token, typed="kill").status == 403


def test_what_is_vendored_is_what_was_pinned():
    pins = json.loads((VENDOR / "vendor.json").read_text())
    wanted = {name: file["sha256"] for pin in pins for name, file in pin["files"].items()}
    there = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert there == wanted
    for pin in pins:
        assert any(name.endswith("LICENSE") for name in pin["files"]), pin["package"]
        assert pin["integrity"].startswith("sha512-")


def test_the_wheel_has_templates_and_files_and_no_page_asks_for_others():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert packages["packages"] == ["python/opsloop"]
    for template in (ROOT / "python/opsloop/serve/templates").glob("*.html"):
        text = template.read_text()
        # Nothing comes from elsewhere, nothing is inline, and nothing is let through as it is.
        assert not re.search(r'(src|href)="(https?:)?//', text), template.name
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=\"|\|\s*safe", text), template.name
