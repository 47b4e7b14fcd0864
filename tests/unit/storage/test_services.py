"""What is counted of a database, a Valkey and the jobs that use them."""

from typing import Any

import pytest

from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema import Config, Settings
from tianji.errors import StoreUnavailable
from tianji.management.status.series import METRICS, samples
from tianji.metrics.families import LATENCY
from tianji.metrics.text import render
from tianji.storage.services import POSTGRES, REDIS, WRITES, Service, of_database, watched


def numbers(counters: SharedCounters) -> dict[str, int]:
    return {name: value for name, value in counters.items() if name.startswith("litellm_") and "_latency" not in name}


def test_who_writes_for_the_ledger_is_told_apart() -> None:
    counters = SharedCounters()
    asked = of_database(counters, WRITES)
    for what in ("read", "write", "write", "reset"):
        with asked(what):
            pass
    assert numbers(counters) == {
        'litellm_postgres_total_requests_total{postgres="postgres"}': 1,
        'litellm_batch_write_to_db_total_requests_total{batch_write_to_db="batch_write_to_db"}': 2,
        'litellm_reset_budget_job_total_requests_total{reset_budget_job="reset_budget_job"}': 1,
    }


def test_a_failure_of_the_database_is_counted_and_one_of_whoever_uses_it_is_not() -> None:
    counters = SharedCounters()
    for error in (StoreUnavailable("away"), KeyError("his own")):
        with pytest.raises(type(error)), of_database(counters)("read"):
            raise error
    labels = 'postgres="postgres",error_class="StoreUnavailable",function_name="read"'
    assert numbers(counters)[f"litellm_postgres_failed_requests_total{{{labels}}}"] == 1
    assert sum(value for name, value in numbers(counters).items() if "failed" in name) == 1
    assert numbers(counters)['litellm_postgres_total_requests_total{postgres="postgres"}'] == 2


async def test_commands_of_a_valkey_are_counted() -> None:
    class Client:
        async def execute_command(self, *words: Any, **options: Any) -> Any:
            if words[0] == "GET":
                raise ConnectionError("away")
            return words, options

    counters = SharedCounters()
    client = watched(Client(), Service(counters, REDIS))
    assert await client.execute_command("SET", "a", "b", keys=1) == (("SET", "a", "b"), {"keys": 1})
    with pytest.raises(ConnectionError):
        await client.execute_command("GET", "a")
    found = numbers(counters)
    assert found['litellm_redis_total_requests_total{redis="redis"}'] == 2
    assert (
        found['litellm_redis_failed_requests_total{redis="redis",error_class="ConnectionError",function_name="get"}']
        == 1
    )


@pytest.mark.parametrize("wanted", [True, False])
def test_services_are_told_of_where_the_configuration_wants_that(wanted: bool) -> None:
    counters = SharedCounters()
    with Service(counters, POSTGRES).asked("read", ()):
        pass
    config = Config(litellm_settings=Settings(service_callback=("prometheus_system",) if wanted else ()))
    text = render(METRICS, samples(counters, {}, config)).decode()
    assert ("# TYPE litellm_postgres_latency histogram" in text) is wanted
    assert text.count("litellm_postgres_latency_bucket") == (len(LATENCY) + 1 if wanted else 0)
    assert "litellm_in_flight_requests" in text
