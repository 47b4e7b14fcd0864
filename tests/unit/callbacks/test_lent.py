"""What the database may say of destinations: that each of them reads it, and which of it says where it lies."""

from collections.abc import Mapping
from typing import Any

import pytest

from tianji.callbacks.lent import PLACES, VARIABLES, said_of, served, variables_of
from tianji.callbacks.settings import _resolved, made, sinks_of
from tianji.callbacks.vendors import NAMED, VENDORS
from tianji.config.lent import Lent
from tianji.config.schema import Config
from tianji.config.schema import Settings as LitellmSettings

PARAMS: dict[str, dict[str, Any]] = {  # what a destination needs beside variables
    "s3": {"s3_bucket_name": "b"},
    "s3_v2": {"s3_bucket_name": "b"},
    "aws_sqs": {"sqs_queue_url": "https://sqs.eu-west-1.amazonaws.com/1/q"},
}
VALUES = {
    "AWS_REGION_NAME": "eu-west-1",
    "LAGO_API_CHARGE_BY": "team_id",
    "OTEL_EXPORTER": "otlp_http",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "NEW_RELIC_REGION": "eu",
    "SENTRY_DSN": "https://key@sentry.example/1",
    "DD_SITE": "datadoghq.eu",
    "WANDB_PROJECT_ID": "entity/project",
}
ONLY_WITHOUT = {
    "GALILEO_USERNAME": "GALILEO_API_KEY",
    "GALILEO_PASSWORD": "GALILEO_API_KEY",
    "OTEL_EXPORTER": "OTEL_EXPORTER_OTLP_PROTOCOL",
}
"""Variables that are read where another one is not set."""


class Watched(dict[str, str]):
    """Variables that know which of them was read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)


def value(name: str) -> str:
    return VALUES.get(name, "https://place.example" if name in PLACES else "1")


def read(kind: str, names: set[str]) -> set[str]:
    environ = Watched({name: value(name) for name in names})
    params = {**NAMED.get(kind, {}), **PARAMS.get(kind, {})}
    made(kind, _resolved(params, environ), environ)
    return environ.read


@pytest.mark.parametrize("kind", sorted(VARIABLES))
def test_a_destination_reads_what_may_be_said_of_it(kind: str) -> None:
    assert kind in VENDORS or kind in NAMED
    names = set(variables_of(kind))
    found = read(kind, names)
    for name, other in ONLY_WITHOUT.items():
        if name in names:
            found |= read(kind, names - {other})
    assert names <= found


def test_what_names_a_server_is_known_to_say_where() -> None:
    ends = ("_HOST", "_URL", "_BASE", "_ENDPOINT", "_SITE", "_OVERRIDE", "_DSN")
    assert {name for names in VARIABLES.values() for name in names if name.endswith(ends)} == PLACES


def test_names_of_others_are_taken() -> None:
    assert variables_of("custom_callback_api") == variables_of("generic_api")
    assert served("sqs")
    assert served("rubrik")
    assert not served("prometheus")
    assert not served("handlers.logger")


def test_the_operators_credentials_stay_with_his_address() -> None:
    config = Config(litellm_settings=LitellmSettings(success_callback=("langfuse", "langsmith")))
    environ = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGSMITH_API_KEY": "sk"}
    names = frozenset({"langfuse", "langsmith"})
    lent = Lent(callbacks=names, variables={"LANGSMITH_PROJECT": "p", "LANGFUSE_HOST": "https://x.example"})
    sinks, problems = sinks_of(config, environ, lent)
    assert [(sink.name, sink.foreign) for sink in sinks] == [("langsmith", False)]
    assert ["LANGFUSE_PUBLIC_KEY" in problem for problem in problems] == [True]
    own = {"LANGFUSE_PUBLIC_KEY": "a", "LANGFUSE_SECRET_KEY": "b"}
    sinks, problems = sinks_of(config, environ, Lent(callbacks=names, variables={**lent.variables, **own}))
    assert ([sink.foreign for sink in sinks], problems) == ([True, False], [])
    assert said_of("langfuse", Lent(variables={"LANGFUSE_HOST": ""})) == {}
    # what the database does not name is not touched by what it says
    sinks, _ = sinks_of(config, environ, Lent(variables={"LANGFUSE_HOST": "https://x.example"}))
    assert [sink.foreign for sink in sinks] == [False, False]
