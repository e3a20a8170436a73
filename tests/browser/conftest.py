"""A server on the test's own database, and a real Chromium that looks at it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser.site import Site
from logins import Logins, logins
from looping import Loop
from opsloop import Client, keys
from serve.browsing import serving_here
from support import require

#: Slow machines get so long for anything that is waited for.
_MILLISECONDS = int(os.environ.get("OPSLOOP_BROWSER_SECONDS", "60")) * 1000
_CHROMIUM = os.environ.get("OPSLOOP_CHROMIUM") or shutil.which("chromium") or ""
SHOTS = Path(__file__).parents[2] / "build/pages"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    require("chromium", bool(_CHROMIUM))
    expect.set_options(timeout=_MILLISECONDS)
    with sync_playwright() as playwright:
        # As root there is no sandbox to be had; what it opens is our own server.
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def people(dsn: str) -> Iterator[Logins]:
    """Makes logins."""
    with logins(dsn) as made:
        yield made


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture
def site(dsn: str, conn: psycopg.Connection[Any], people: Logins) -> Iterator[Site]:
    """The dashboard of the test's database."""

    def key(role: str, name: str) -> str:
        secret = keys.draw()
        Client(conn).create_api_key(name, role, keys.digest(secret), people.make(role))
        return secret

    with serving_here(dsn) as server:
        yield Site(server.url, key)


@pytest.fixture
def browse(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens a browser in which somebody with a role is signed in; any complaint of it fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def open_browser(role: str = "operator", *, name: str = "ann", **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        opened.append(context)
        context.set_default_timeout(_MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{page.url}: {said.text}")
                if said.type == "error" and "status of 4" not in said.text
                else None
            ),
        )
        page.goto(f"{site.url}/sign-in")
        page.get_by_label("Key").fill(site.key(role, name))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.url}/")
        return page

    yield open_browser
    for context in opened:
        context.close()
    assert complaints == []
