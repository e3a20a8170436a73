"""What is printed for people cannot be used to deceive them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop.cli.output import age, plain
from opsloop.cli.session import Session

ID = UUID("018f0000-0000-7000-8000-000000000000")


def test_control_characters_are_shown_not_sent_to_the_terminal() -> None:
    assert plain("harmless\x1b[2K\rrm -rf") == "harmless\\x1b[2K\\rrm -rf"


def test_characters_that_reorder_text_are_shown() -> None:
    assert plain("a\u202eb") == "a\\u202eb"


def test_lines_and_other_scripts_stay_as_they_are() -> None:
    assert plain("zwei\nZeilen · 二行") == "zwei\nZeilen · 二行"


@pytest.mark.parametrize(
    ("ago", "text"),
    [(5, "5s"), (90, "1m"), (7_300, "2h"), (200_000, "2d"), (-90, "in 1m")],
)
def test_times_are_told_as_ages(ago: int, text: str) -> None:
    assert age(datetime.now(UTC) - timedelta(seconds=ago)) == text


def test_the_next_command_names_the_same_loop() -> None:
    session = Session(dsn="host=h dbname=d", schema="acme ops", embedded=False, json=False)
    assert (
        session.command("approve", ID) == f"opsloop approve {ID} --dsn 'host=h dbname=d' --schema 'acme ops'"
    )


def test_the_next_command_has_no_password() -> None:
    session = Session(dsn="postgresql://u:hunter2@h/d", schema=None, embedded=False, json=False)
    assert "hunter2" not in session.command("ps")
    session = Session(dsn="host=h sslkey=k sslpassword=hunter2", schema=None, embedded=False, json=False)
    assert "hunter2" not in session.command("ps")
    assert "sslkey=k" in session.command("ps")
    assert "host=h" in session.command("ps")


def test_the_next_command_of_a_trial_is_for_the_trial() -> None:
    assert Session(dsn=None, schema=None, embedded=True, json=False).command("ps") == "opsloop ps --embedded"
