"""docs/dead-letters.md, run from beginning to end by psql; each block must print what the document shows."""

from docs.documents import environment, masked, sessions

DOCUMENT = "docs/dead-letters.md"


def test_every_block_prints_what_the_document_shows(dsn, programs, tmp_path):
    ran = sessions(DOCUMENT, environment(dsn, programs, tmp_path))
    assert len(ran) > 6
    for example, printed in ran:
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        shown = f"(if it is right: python tools/psql_results.py)\nprinted:\n{printed}"
        assert masked(printed) == masked(example.shown), f"{where}\n{shown}"
