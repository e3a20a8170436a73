"""docs/transitions.md: its statements run, one after the other, and print what is shown."""

from docs.documents import environment, masked, sessions

DOCUMENT = "docs/transitions.md"


def test_the_statements_print_what_is_shown(dsn, programs, tmp_path):
    env = environment(dsn, programs, tmp_path) | {"PGOPTIONS": "-c search_path=opsloop"}
    ran = sessions(DOCUMENT, env)
    assert len(ran) > 6
    for example, printed in ran:
        assert "ERROR" not in printed, f"{DOCUMENT}:{example.block.line}\n{printed}"
        if example.shown:
            assert masked(printed) == masked(example.shown), f"{DOCUMENT}:{example.block.line}"
