import gzip
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tianji._core.sharing.shm import SharedCounters
from tianji.auth.access import Access
from tianji.config.schema import Config
from tianji.edge.routes import RouteTable
from tianji.gateway.upkeep.budgets import Budget, Standing
from tianji.management.status.metrics import Metrics
from tianji.management.status.series import METRICS, samples

MORE = b"# TYPE litellm_x counter\nlitellm_x_total 3\n"


class Asked:
    """An exchange that keeps its answer."""

    def __init__(self, query=b"", accepts=None):
        self.query, self._accepts, self.answer = query, accepts, None

    def header(self, _name):
        return self._accepts

    def respond(self, status, headers, body):
        self.answer = SimpleNamespace(status=status, headers=dict(headers), body=body)


async def get(more=b"", query=b"", accepts=None, source=None):
    asked = []

    async def ask(names):
        asked.append(names)
        if isinstance(more, Exception):
            raise more
        return more

    counters = SharedCounters()
    counters.add(counters.slot('tianji_in_flight_requests{model="a"}'), 2)
    counters.add(counters.slot('tianji_in_flight_requests{model="b"}'), 3)
    counters.add(counters.slot('tianji_spend_dollars_total{model="a"}'), 5)
    standing = Standing(Budget(3 * 10**9, "1d"), spent=5 * 10**8, ends=0.0)
    metrics = Metrics(METRICS, lambda: samples(counters, {"openai": standing}, Config()), ask)
    match = RouteTable(metrics.routes()).match("GET", b"/metrics")
    exchange = Asked(query, accepts)
    await match.handler(exchange, match)
    return exchange.answer, asked


def values(body):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_what_workers_count_stands_before_what_the_journals_say():
    answer, asked = await get(MORE)
    assert answer.status == 200
    assert answer.headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert answer.body.endswith(MORE)
    found = values(answer.body)
    assert found["litellm_in_flight_requests",] == 5
    assert found["tianji_spend_dollars_total", "a"] == 5e-9
    assert found["litellm_provider_remaining_budget_metric", "openai"] == 2.5
    assert asked == [[]]


async def test_families_are_picked_by_name():
    answer, asked = await get(query=b"name[]=litellm_in_flight_requests&name%5B%5D=tianji_x_bucket")
    assert list(values(answer.body)) == [("litellm_in_flight_requests",)]
    assert asked == [["litellm_in_flight_requests", "tianji_x_bucket"]]


async def test_a_long_answer_is_compressed_for_who_takes_that():
    long = MORE + b"litellm_x_total 3\n" * 500
    answer, _ = await get(long, accepts=b"deflate, gzip")
    assert answer.headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(answer.body).endswith(long)
    assert len(answer.body) < len(long) / 10
    plain, _ = await get(long)
    assert b"content-encoding" not in plain.headers


@pytest.mark.parametrize("fault", [TimeoutError(), ConnectionRefusedError("gone")])
async def test_what_workers_count_is_told_when_nobody_answers(fault, caplog):
    answer, _ = await get(fault)
    assert values(answer.body)["litellm_in_flight_requests",] == 5
    assert "/metrics lacks the families" in caplog.text


def test_the_route_asks_for_a_key_unless_opened():
    async def nothing(_names):
        return b""

    for closed, access in ((True, Access.KEY), (False, Access.OPEN)):
        match = RouteTable(Metrics(METRICS, list, nothing, closed=closed).routes()).match("GET", b"/metrics/")
        assert match.route.access is access
