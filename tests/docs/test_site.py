"""`make site`: docs/ as a site, whose links all lead somewhere and which loads nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs.documents import ROOT


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {page.name: page.read_text(encoding="utf-8") for page in tmp_path.glob("*.html")}
    # What is no page of its own, and 404.html, whose links begin at the root.
    assert {Path(one).stem for one in pages} >= {page.stem for page in (ROOT / "docs").glob("*.md")}
    del pages["404.html"]
    for name, html in pages.items():
        loaded = re.findall(r'<(?:script|img|link)[^>]*?(?:src|href)="([^"]+)"', html)
        assert not [one for one in loaded if urlsplit(one).scheme in ("http", "https")], name
        for link in re.findall(r'href="([^"]+)"', html):
            parts = urlsplit(link)
            if parts.scheme or parts.path.startswith("/"):
                continue
            target = tmp_path / unquote(parts.path or name)
            assert target.exists(), f"{name}: {link}"
            if parts.fragment and target.suffix == ".html":
                there = pages[target.name]
                assert re.search(rf'id="{re.escape(unquote(parts.fragment))}"', there), f"{name}: {link}"
