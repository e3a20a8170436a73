"""Takes the pictures of README: the dashboard of `opsloop demo --stay`, in Chromium, into docs/images."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs/images"
_SIZE = {"width": 1200, "height": 860}


def main() -> int:
    """Run the demo, look at it, end it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("chromium is not installed\n")
        return 1
    demo = subprocess.Popen(
        [sys.executable, "-m", "opsloop", "demo", "--stay"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address, key = _told(demo)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, scheme, take in (("loop", "light", _loop), ("inbox", "dark", _inbox)):
                page = browser.new_context(viewport=_SIZE, color_scheme=scheme).new_page()
                page.goto(f"{address}/sign-in")
                page.get_by_label("Key").fill(key)
                page.get_by_role("button", name="Sign in").click()
                take(page)
                expect(page.locator("#told")).to_have_text("live")
                IMAGES.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=IMAGES / f"dashboard-{name}.png")
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
    return 0


def _told(demo: subprocess.Popen[str]) -> tuple[str, str]:
    """The address and the key that the demo prints."""
    assert demo.stdout is not None
    address = key = None
    for line in demo.stdout:
        address = address or _found(r"The dashboard: (\S+)", line)
        key = key or _found(r"sign in with the key (\S+)", line)
        if address and key:
            return address, key
    raise SystemExit("the demo has ended before it had a dashboard")


def _found(pattern: str, line: str) -> str | None:
    match = re.search(pattern, line)
    return match and match[1]


def _loop(page: Page) -> None:
    expect(page.locator(".plot canvas")).to_have_count(3)


def _inbox(page: Page) -> None:
    page.get_by_role("link", name="Inbox").click()
    page.get_by_role("link", name=re.compile("^drop index")).first.click()
    expect(page.get_by_role("heading", name="What would run")).to_be_visible()


if __name__ == "__main__":
    sys.exit(main())
