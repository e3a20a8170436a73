"""Fetches what the dashboard needs from npm, at pinned versions, into python/opsloop/serve/static/vendor.

The pins are in `vendor.json` there: version, digest of the archive (`npm view PACKAGE@VERSION dist.integrity`), and the
files that are shipped. This writes the files and the digest of each, against which `tests/dashboard` holds them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "python/opsloop/serve/static/vendor"
#: Files that a browser would ask for, and that are not shipped.
_MAP = b"\n//# sourceMappingURL="


def main() -> int:
    """Fetch all, or fail before anything is written."""
    pins = json.loads((TARGET / "vendor.json").read_text(encoding="utf-8"))
    found: dict[str, bytes] = {}
    for pin in pins:
        archive = _archive(pin)
        got = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
        if got != pin["integrity"]:
            sys.stderr.write(f"{pin['package']} {pin['version']}: its digest is {got}, not the pinned one\n")
            return 1
        for name, file in pin["files"].items():
            content = _member(archive, file["from"]).partition(_MAP)[0]
            file["sha256"] = hashlib.sha256(content).hexdigest()
            found[name] = content
    for name, content in found.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (TARGET / "vendor.json").write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(found)} files of {len(pins)} packages\n")
    return 0


def _archive(pin: dict[str, Any]) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        wanted = f"{pin['package']}@{pin['version']}"
        subprocess.run(["npm", "pack", "--silent", wanted], cwd=place, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(place).glob("*.tgz")
        return archive.read_bytes()


def _member(archive: bytes, name: str) -> bytes:
    with tempfile.TemporaryFile() as file:
        file.write(archive)
        file.seek(0)
        with tarfile.open(fileobj=file) as packed:
            member = packed.extractfile(f"package/{name}")
            assert member is not None, name
            return member.read()


if __name__ == "__main__":
    sys.exit(main())
