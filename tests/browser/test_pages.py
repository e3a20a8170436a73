"""Every page: for everybody's eyes, keyboard and screen, without script, and whatever agents write."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import SHOTS
from browser.scene import NASTY, Scene, play
from browser.site import Site
from looping import Loop, step

#: Each looks at all pages, one after the other.
pytestmark = pytest.mark.timeout(600)

#: The page as it is shown, without the fields that are not.
SHOWN = """() => {
  const page = document.documentElement.cloneNode(true);
  page.querySelectorAll("input[type=hidden]").forEach(field => field.remove());
  return page.outerHTML;
}"""
_AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def scene(loop: Loop) -> Scene:
    return play(loop)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_its_picture_is_kept(
    scene: Scene, site: Site, browse: Callable[..., Page], scheme: str
) -> None:
    page = browse("admin", color_scheme=scheme)
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, path in scene.pages().items():
        page.goto(site.url + path)
        expect(page.locator("#told")).to_have_text(re.compile("live|^$"))
        page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
        results = Axe().run(page, options=_AXE).response
        found[name] = [
            f"{one['impact']} {one['id']}: {node['html'][:160]}"
            for one in results["violations"]
            for node in one["nodes"][:3]
        ]
        page.screenshot(path=SHOTS / f"{name.replace(' ', '-')}-{scheme}.png", full_page=True)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_every_page_fits_a_phone(scene: Scene, site: Site, browse: Callable[..., Page]) -> None:
    page = browse("admin", viewport={"width": 360, "height": 740})
    wide = {}
    for name, path in scene.pages().items():
        page.goto(site.url + path)
        expect(page.locator("h1")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
        page.screenshot(path=SHOTS / f"{name.replace(' ', '-')}-phone.png", full_page=True)
    assert wide == {}


def test_every_page_shows_and_does_everything_without_a_script(
    scene: Scene, site: Site, browse: Callable[..., Page], loop: Loop
) -> None:
    page = browse("admin", java_script_enabled=False)
    for path in scene.pages().values():
        page.goto(site.url + path)
        expect(page.locator("h1")).to_be_visible()
    # The graph is a list of steps, indented.
    page.goto(f"{site.url}/missions/{scene.release}")
    expect(page.locator("#steps > li")).to_have_count(6)
    assert page.locator("#steps > li").last.get_attribute("class") == "depth-3"
    expect(page.locator("#graph svg")).to_have_count(0)
    expect(page.locator("#steps").get_by_text("s left on")).to_be_visible()
    # A decision, and an action on all that match.
    page.goto(f"{site.url}/inbox/{scene.drop}")
    page.get_by_label("Reason").fill("not needed")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("reject: rejected")).to_be_visible()
    assert loop.value("select status from ops_mission_proposals where id = %s", scene.drop) == "rejected"
    page.goto(f"{site.url}/missions?status=failed")
    page.get_by_role("button", name="Retry failed steps…").first.click()
    page.get_by_role("button", name="Retry 9 failed steps").click()
    expect(page.get_by_role("heading", name="Retry: 9 done, 0 refused")).to_be_visible()


def test_everything_is_reached_and_done_by_keyboard(
    site: Site, browse: Callable[..., Page], loop: Loop
) -> None:
    proposal = loop.propose(step("a"), title="Mail bob", risk_level="high")["proposal_id"]
    page = browse()

    def reach(name: str) -> None:
        """Tab on to what is named so; what has the focus is always to be seen."""
        for _ in range(80):
            page.keyboard.press("Tab")
            named, outlined = page.evaluate(
                "() => { const it = document.activeElement, style = getComputedStyle(it);"
                " return [(it.getAttribute('aria-label') || it.labels?.[0]?.textContent || it.textContent).trim(),"
                " style.outlineStyle !== 'none' && style.outlineWidth !== '0px']; }"
            )
            assert outlined, named
            if named.startswith(name):
                return
        raise AssertionError(f"{name} is not reached")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reach("Inbox")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/inbox")
    reach("Mail bob")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/inbox/{proposal}")
    reach("Reason")
    page.keyboard.type("by keyboard")
    reach("Approve")
    page.keyboard.press("Enter")
    expect(page.get_by_text("approve: approved")).to_be_visible()
    assert loop.value("select status from ops_mission_proposals where id = %s", proposal) == "approved"


def test_nothing_that_an_agent_writes_is_more_than_text(
    site: Site, browse: Callable[..., Page], loop: Loop, chromium: Browser
) -> None:
    loop.register()
    loop.allow("*")
    nasty = {"note": NASTY, NASTY: [NASTY]}
    done = loop.mission(step("a", params=nasty), step("b", after=["a"], params={"x": NASTY}), title=NASTY)
    loop.complete(loop.work(done), nasty, events=[{"type": "x", "data": nasty}], usage={"model": NASTY})
    work = loop.work(done, "b")
    loop.extend(work, progress=nasty)
    loop.fail(work, NASTY, retryable=False)
    loop.allow("noop", max_risk_level="low")
    asked = loop.propose(
        step("a", params=nasty), title=NASTY, rationale=NASTY, refs=[NASTY], risk_level="high", source=NASTY
    )["proposal_id"]
    loop.value("select fn_pause('source', %s, %s, %s)", NASTY, NASTY, NASTY)
    loop.value("select fn_radar_upsert(jsonb_build_array(%s::jsonb))", {"title": NASTY, "description": NASTY})
    loop.value("select fn_publish_outbox(%s, %s, %s, %s)", NASTY, NASTY, NASTY, nasty)
    loop.value("select fn_acquire_lock(%s, %s, 600)", NASTY, NASTY)
    loop.do("insert into strategic_directives (id, title) values ('SD-2', %s)", NASTY)
    letter = loop.rows("select dl_msg_id from fn_list_dead_letters()")[0]["dl_msg_id"]
    group = loop.rows("select group_key from fn_group_failures()")[0]["group_key"]
    page = browse("admin")
    paths = [
        "/", "/inbox", f"/inbox/{asked}", "/missions", f"/missions/{done}", f"/proposals/{asked}", "/failures",
        f"/failures/{group}", "/dead-letters", f"/dead-letters/{letter}", "/outbox", "/locks", "/radar", "/directives",
        "/directives/SD-2",
    ]  # fmt: skip
    for path in paths:
        page.goto(site.url + path)
        expect(page.locator("h1")).to_be_visible()
        assert page.title() != "pwned", path
        # Neither an element nor an attribute came of it, and what would reorder the line is shown. (A form sends a
        # name back to the letter, from a field that nobody sees.)
        assert page.locator("img, main script, [onerror]").count() == 0, path
        assert "\u202e" not in page.evaluate(SHOWN), path
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
