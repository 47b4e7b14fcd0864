"""Every destination: how it knows whose account it is, how much it takes at once, and what becomes of what it refuses.

The form of what each is sent is in test_wire, test_vendors, test_stores, test_zerobus and the tests of OTLP.
"""

import asyncio
import gzip
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest
from tests.unit.callbacks.otlp.test_rows import KEYS as TRACING
from tests.unit.callbacks.test_event import notice, payload, told
from tests.unit.callbacks.test_outlet import Memory
from tests.unit.callbacks.vendors.making import KEYS, SETTINGS, configured

from tianji.callbacks.event import LogEvent
from tianji.callbacks.outlet import Outlet
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import BATCH, Delivery, Sink
from tianji.callbacks.vendors import VENDORS

LATER = None  # a token or a signature comes with each try, see the test that is named
ROWS: dict[str, tuple[dict[str, str] | str | None, int]] = {  # headers, or a word in the body; events of a batch
    "agentops": (LATER, BATCH),  # test_agentops
    "argilla": ({"x-argilla-api-key": "k"}, 100),
    "arize": ({"space_id": "s", "api_key": "k"}, BATCH),
    "arize_phoenix": ({"x-project-name": "default"}, BATCH),  # at home; test_phoenix_at_home_and_away
    "athina": ({"athina-api-key": "k"}, 1),
    "aws_sqs": (LATER, 1),  # test_sqs
    "azure_sentinel": (LATER, 100),  # test_azure_sentinel
    "azure_storage": (LATER, 1),  # test_azure_storage
    "braintrust": ({"authorization": "Bearer k"}, 100),
    "clickhouse": ({"x-clickhouse-user": "me", "x-clickhouse-key": "secret"}, 10_000),
    "datadog": ({"dd-api-key": "k"}, 1000),
    "datadog_cost_management": ({"dd-api-key": "k", "dd-application-key": "k"}, 5000),
    "datadog_llm_observability": ({"dd-api-key": "k"}, 100),
    "datadog_metrics": ({"dd-api-key": "k", "dd-application-key": "k"}, 200),
    "deepeval": ({"confident_api_key": "k"}, 1),
    "dynamodb": (LATER, 1),  # test_dynamodb
    "galileo": ({"galileo-api-key": "k"}, 50),
    "gcs_bucket": (LATER, 2048),  # test_gcs
    "gcs_pubsub": (LATER, 100),  # test_pubsub
    "generic_api": ({}, BATCH),  # whatever the configuration says; test_generic_forms
    "greenscale": ({"api-key": "k"}, 1),
    "helicone": ({"authorization": "Bearer k"}, 1),
    "lago": ({"authorization": "Bearer k"}, 1),
    "langfuse": ({"authorization": "Basic cGs6c2s=", "x-langfuse-public-key": "pk"}, 100),
    "langfuse_otel": ({"authorization": "Basic cGs6c2s=", "x-langfuse-ingestion-version": "4"}, BATCH),
    "langsmith": ({"x-api-key": "k"}, 100),
    "langtrace": ({"x-api-key": "k"}, BATCH),
    "levo": ({"authorization": "Bearer k", "x-levo-organization-id": "o", "x-levo-workspace-id": "w"}, BATCH),
    "literalai": ({"x-api-key": "k", "x-client-name": "litellm"}, 100),
    "logfire": ({"authorization": "t"}, BATCH),
    "lunary": ({"authorization": "Bearer k"}, 100),
    "mlflow": ({"x-mlflow-experiment-id": "0"}, BATCH),  # test_how_mlflow_is_entered
    "newrelic": ({"api-key": "k"}, BATCH),
    "openmeter": ({"authorization": "Bearer k", "content-type": "application/cloudevents-batch+json"}, 100),
    "opik": ({"authorization": "k"}, 100),
    "otel": ({}, BATCH),  # OTEL_EXPORTER_OTLP_HEADERS; test_the_variables_of_opentelemetry
    "pointfive": (LATER, 1000),  # test_pointfive_asks_for_each_file_where_it_goes
    "posthog": ('"api_key":"k"', 100),
    "promptlayer": ('"api_key":"k"', 1),
    "s3": (LATER, 1),  # test_s3_signs_all_that_it_says
    "s3_v2": (LATER, 1),
    "sentry": ({"x-sentry-auth": "Sentry sentry_version=7, sentry_client=tianji/1, sentry_key=key"}, 1),
    "signoz": ({"signoz-ingestion-key": "k"}, BATCH),
    "supabase": ({"apikey": "k", "authorization": "Bearer k"}, 100),
    "traceloop": ({"authorization": "Bearer k"}, BATCH),
    "wandb": ({"authorization": "Basic YXBpOms="}, 100),
    "weave_otel": ({"authorization": "Basic YXBpOms=", "project_id": "e/p"}, BATCH),
    "zerobus": (LATER, 100),  # test_what_is_sent_and_with_which_token
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", sorted(VENDORS))
COST = 123_456_789  # nano-dollars
COSTS = (str(COST / 1e9), struct.pack("<d", COST / 1e9).decode("latin-1"))  # as JSON writes it, and as protobuf does
WITHOUT_COST = {  # who is told no cost, since its form has no place for one
    "athina", "deepeval", "greenscale", "helicone", "promptlayer", "literalai", "lunary", "wandb", "sentry",
    "datadog_metrics", "argilla", "dynamodb",
}  # fmt: skip


def made(name: str) -> Sink:
    sinks, problems = sinks_of(configured(name, settings=SETTINGS), KEYS | TRACING)
    assert problems == []
    return sinks[0]


def offered(sink: Sink, count: int) -> list[LogEvent]:
    """Return events that it wants, each another one."""
    failed = {"status": "failure", "error_class": "E", "error_code": "500", "error_message": "slow"}
    fields = failed if sink.hears == {"failure"} else {"cost": COST}
    events = [told(number, call_id=f"call-{number}", payload=payload(), **fields) for number in range(1, count + 1)]
    assert all(map(sink.wants, map(notice, events)))
    return events


def told_in(request: Delivery) -> str:
    """Return what a body holds, packed or in base64 as it may be."""
    raw = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    text = raw.decode("latin-1")
    return text + "".join(b64decode(one).decode() for one in re.findall(r'"data":"([A-Za-z0-9+/=]+)"', text))


class There:
    """A vendor that answers by the events in a request, and what of them it took."""

    def __init__(self, sink: Sink, answer: Callable[[Sequence[LogEvent], int], int | None]) -> None:
        self.batches: list[list[str]] = []
        self._answer = answer
        self._events: dict[int, tuple[Delivery, Sequence[LogEvent]]] = {}
        self._tries: dict[bytes, int] = {}
        self._write = sink.write
        self.sink = msgspec.structs.replace(sink, write=self.written, as_is=None, complete=None, apart=False)
        self.pages = Memory()
        self.outlet = Outlet(self.sink, self.pages, self.send, sleep=self.sleep, now=lambda: 5.0)

    def written(self, events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for request in self._write(events):
            self._events[id(request)] = request, events
            yield request

    async def send(self, request: Delivery) -> int:
        _, events = self._events[id(request)]
        self._tries[request.body] = self._tries.get(request.body, 0) + 1
        status = self._answer(events, self._tries[request.body])
        if status is not None:
            return status
        if not self.batches or self.batches[-1] != [event.id for event in events]:
            self.batches.append([event.id for event in events])
        return min(request.accepted, default=200)

    async def sleep(self, _seconds: float) -> None:
        pass

    async def told(self, events: list[LogEvent]) -> list[str]:
        """Return the ids of those that were taken."""
        self.pages.events += events
        await self.outlet.flush()
        return [one for batch in self.batches for one in batch]


def test_the_table_has_all_of_them() -> None:
    assert ROWS.keys() == VENDORS.keys()


@EVERY
def test_it_knows_whose_account_it_is(name: str) -> None:
    said, batch = ROWS[name]
    sink = made(name)
    assert sink.batch == batch
    assert (said is LATER) <= (sink.complete is not None)
    for request in sink.write(offered(sink, 1)):
        if isinstance(said, str):
            assert said in request.body.decode()
        elif said is not None:
            assert said.items() <= request.headers.items()


@EVERY
async def test_it_is_told_in_batches_and_everything_once(name: str) -> None:
    usual = await asyncio.to_thread(made, name)  # some look for files of credentials
    sink = msgspec.structs.replace(usual, batch=min(usual.batch, 3))
    there = There(sink, lambda _events, _tries: None)
    events = offered(sink, 7)
    assert await there.told(events) == [event.id for event in events]
    assert {len(batch) for batch in there.batches} <= set(range(1, sink.batch + 1))
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (7, 0)


@EVERY
@pytest.mark.parametrize("status", [500, 503, 429, 425, 408, 404, 403, 401])
async def test_what_may_pass_is_tried_again_with_the_same(name: str, status: int) -> None:
    there = There(await asyncio.to_thread(made, name), lambda _events, tries: status if tries < 3 else None)
    events = offered(there.sink, 2)
    assert await there.told(events) == [event.id for event in events]
    assert there.outlet.standing.refused == 0


@EVERY
async def test_who_does_not_answer_in_time_is_told_all_of_it_later(name: str) -> None:
    def late(_events: Sequence[LogEvent], tries: int) -> None:
        if tries < 3:
            raise TimeoutError

    there = There(await asyncio.to_thread(made, name), late)
    events = offered(there.sink, 2)
    assert await there.told(events) == [event.id for event in events]
    assert (there.outlet.standing.told, there.outlet.standing.refused, there.outlet.standing.fault) == (2, 0, None)


@EVERY
@pytest.mark.parametrize("status", [401, 500])
async def test_what_stays_wrong_is_given_up_counted_and_said(
    name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    sink = msgspec.structs.replace(await asyncio.to_thread(made, name), patience=5.0, batch=1)
    there = There(sink, lambda _events, _tries: status)
    assert await there.told(offered(sink, 2)) == []
    standing = there.outlet.standing
    assert (standing.told, standing.refused, standing.fault) == (0, 2, f"status {status}")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("tianji")]
    given_up = f"callback {name}: 1 events were given up: status {status}"
    assert said == [f"callback {name} does not take events: status {status}", given_up, given_up]


@EVERY
async def test_what_is_too_large_goes_in_parts(name: str) -> None:
    there = There(await asyncio.to_thread(made, name), lambda events, _tries: 413 if len(events) > 2 else None)
    events = offered(there.sink, 9)
    assert await there.told(events) == [event.id for event in events]


@EVERY
@pytest.mark.parametrize("status", [400, 422])
async def test_one_that_is_refused_takes_no_other_with_it(name: str, status: int) -> None:
    there = There(
        await asyncio.to_thread(made, name),
        lambda events, _tries: status if "call-4" in [one.call_id for one in events] else None,
    )
    events = offered(there.sink, 6)
    assert sorted(await there.told(events)) == sorted(one.id for one in events if one.call_id != "call-4")
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (5, 1)


@pytest.mark.parametrize("name", sorted(VENDORS.keys() - WITHOUT_COST))
def test_all_are_told_the_same_cost(name: str) -> None:
    sink = made(name)
    bodies = [told_in(request) for request in sink.write(offered(sink, 1))]
    assert any(shown in body for body in bodies for shown in COSTS), bodies


@pytest.mark.parametrize("name", sorted(WITHOUT_COST))
def test_who_is_told_no_cost_is_not(name: str) -> None:
    sink = made(name)
    assert not any(shown in told_in(request) for request in sink.write(offered(sink, 1)) for shown in COSTS)
