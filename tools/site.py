"""Hooks of mkdocs (mkdocs.yml): the first page, links to files that are no pages, and what blocks are for.

docs/ is read on the web of a repository, too, where such links work; on the site they become the path of the file.
"""

import re
from typing import Any

from mkdocs.structure.files import File, Files

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")
#: What the tests read behind the language of a block.
_FENCE = re.compile(r"^(```\w+) [^\n`]*$", re.MULTILINE)
_INDEX = """# opsloop

An autonomous ops loop that lives in PostgreSQL: policy gates every action, and everything is explained.

- [Quickstart](quickstart.md): ten commands to an executor of your own that runs under policy.
- [On call](on-call.md): something is stuck; why, and how it is freed.
- [Concepts](concepts.md): what the loop promises, and what it does not.
- [Reference](reference.md): every function, table and column.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the first page."""
    files.append(File.generated(config, "index.md", content=_INDEX))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the path in the place of a link that leaves the site."""

    def path(found: re.Match[str]) -> str:
        name = found[2].removeprefix("../")
        return found[1] if found[1].strip("`") == name else f"{found[1]} (`{name}`)"

    return _FENCE.sub(r"\1", _LINK.sub(path, markdown))
