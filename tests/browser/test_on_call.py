"""The six stuck missions of docs/on-call.md, found and freed with the dashboard alone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.site import Site
from docs.test_on_call import BROKEN, ends
from looping import Loop
from support import wait_until


def no_worker(page: Page) -> None:
    page.get_by_role("link", name="1 no worker").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("opsloop worker --executors noop")).to_be_visible()
    page.get_by_label("Done by hand").fill("it was done by hand")
    page.get_by_role("button", name="It was done by hand").click()


def held(page: Page) -> None:
    page.get_by_role("link", name="1 held").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("OPS_010").first).to_be_visible()
    step = page.locator("#steps > li")
    step.get_by_label("Reason").fill("the invoice was sent")
    step.get_by_role("button", name="It has succeeded").click()


def paused(page: Page) -> None:
    page.get_by_role("link", name="1 paused").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("the disk is full").first).to_be_visible()
    page.get_by_role("button", name="Resume").first.click()


def over_a_cap(page: Page) -> None:
    page.get_by_role("link", name="waiting for a cap").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("daily_limit is 1 and 1 are used")).to_be_visible()
    page.get_by_role("link", name="Change policy proposal_caps").click()
    draft = page.get_by_label("As JSON").first
    draft.fill(draft.input_value().replace('"daily_limit": 1,', '"daily_limit": 1000,'))
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="is in force")).to_be_visible()
    page.goto(f"{page.url.split('/policy')[0]}/proposals?status=pending")
    page.get_by_role("link", name="a test").click()
    # A proposal waits for a heartbeat only; here no worker turns the loop.
    if page.get_by_role("button", name="Turn the loop once").is_hidden():
        page.get_by_text("sooner").click()
    page.get_by_role("button", name="Turn the loop once").click()


def dependency_failed(page: Page) -> None:
    page.get_by_role("term").filter(has_text="failed today").locator(
        "xpath=following-sibling::dd"
    ).get_by_role("link").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("no such host").first).to_be_visible()
    page.get_by_role("button", name="Retry a").click()


def blocked_by_a_session(page: Page) -> None:
    page.get_by_role("link", name="1 locked").click()
    page.get_by_role("link", name="a test").click()
    expect(page.get_by_text("lunch").first).to_be_visible()
    page.get_by_role("button", name="End that session").click()


FREES = (no_worker, held, paused, over_a_cap, dependency_failed, blocked_by_a_session)


@pytest.mark.parametrize("frees", FREES, ids=lambda one: one.__name__)
def test_a_stuck_mission_is_found_and_freed_with_the_dashboard_alone(
    frees: Callable[[Page], None], site: Site, browse: Callable[..., Page], loop: Loop
) -> None:
    (breaks,) = (one for one in BROKEN if one.__name__ == frees.__name__)
    with breaks(loop) as found:
        page = browse("admin")
        frees(page)
        expect(page.locator("[role=status].note")).to_be_visible()
    subject = (
        found.get("MISSION")
        or loop.row("select id from ops_missions where proposal_id = %s", found["PROPOSAL"])["id"]
    )
    if frees is not no_worker:
        loop.register()
        wait_until(lambda: ends(loop, subject), "it has ended")
    assert loop.status(subject) == "succeeded"
    assert loop.broken() == []


def test_every_way_to_be_stuck_has_its_way_here() -> None:
    assert [one.__name__ for one in FREES] == [one.__name__ for one in BROKEN]
