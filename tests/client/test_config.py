"""Settings come from the environment, checked; a bad value is refused by name and never half used."""

import pytest

from opsloop.config import Settings
from opsloop.errors import DatabaseUnavailable, InvalidArgument


def test_an_empty_environment_leaves_everything_to_policy_and_built_in_values() -> None:
    assert Settings.from_env({}) == Settings(dsn=None, schema="opsloop")


def test_every_variable_is_read() -> None:
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgresql://u@h/d",
            "OPSLOOP_SCHEMA": "acme_ops",
            "OPS_EVENT_BATCH_SIZE": "10",
            "OPS_REACTION_BATCH_SIZE": "20",
            "OPS_STEP_LEASE_MINUTES": "5",
            "OPS_WORKER_MAX_RETRIES": "1",
            "OPS_STALE_STEP_MINUTES": "30",
            "OPS_API_KEY": "k",
            "OPS_SQL_DSN": "host=h user=limited",
        }
    )
    assert settings == Settings(
        dsn="postgresql://u@h/d",
        schema="acme_ops",
        event_batch_size=10,
        reaction_batch_size=20,
        step_lease_minutes=5,
        worker_max_retries=1,
        stale_step_minutes=30,
        api_key="k",
        sql_dsn="host=h user=limited",
    )


@pytest.mark.parametrize("name", ["PGHOST", "PGDATABASE", "PGSERVICE", "PGUSER", "PGPORT", "PGHOSTADDR"])
def test_libpqs_own_variables_name_a_database_too(name: str) -> None:
    assert Settings.from_env({name: "x"}).database() == ""


def test_database_url_goes_before_libpqs_variables() -> None:
    assert Settings.from_env({"DATABASE_URL": "dbname=d", "PGHOST": "h"}).database() == "dbname=d"


def test_without_a_database_it_is_ops_001_with_the_way_out() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Settings.from_env({"DATABASE_URL": ""}).database()
    assert "DATABASE_URL" in caught.value.message
    assert "--embedded" in str(caught.value.hint)


@pytest.mark.parametrize(
    "name",
    [
        "OPS_EVENT_BATCH_SIZE",
        "OPS_REACTION_BATCH_SIZE",
        "OPS_STEP_LEASE_MINUTES",
        "OPS_WORKER_MAX_RETRIES",
        "OPS_STALE_STEP_MINUTES",
    ],
)
@pytest.mark.parametrize("value", ["five", "-1", "1.5", "99999999999", " "])
def test_a_number_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Settings.from_env({name: value})
    assert name in caught.value.message
    assert repr(value) in caught.value.message
    assert "from" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", ["0", "101"])
def test_the_environment_bounds_failures_as_policy_does(value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Settings.from_env({"OPS_WORKER_MAX_RETRIES": value})
    assert (
        caught.value.message == f"OPS_WORKER_MAX_RETRIES must be a whole number from 1 to 100, not {value!r}"
    )
    assert "1 is a single attempt" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["DATABASE_URL", "OPS_SQL_DSN"])
def test_a_connection_string_that_cannot_be_is_refused_without_showing_it(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Settings.from_env({name: "mysql+x://user:secret@host/db"})
    assert name in caught.value.message
    assert "secret" not in str(caught.value.as_dict())


@pytest.mark.parametrize("value", ["pg_ops", "x" * 64, "é" * 32])
def test_a_schema_name_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Settings.from_env({"OPSLOOP_SCHEMA": value})
    assert "OPSLOOP_SCHEMA" in caught.value.message


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    secret = "hunter2"
    text = repr(
        Settings.from_env(
            {
                "DATABASE_URL": f"postgresql://u:{secret}@h/d",
                "OPS_API_KEY": secret,
                "OPS_SQL_DSN": f"password={secret}",
            }
        )
    )
    assert secret not in text
