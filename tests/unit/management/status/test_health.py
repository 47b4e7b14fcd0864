import asyncio
import json
from types import SimpleNamespace

import pytest

from tianji.auth.access import Access
from tianji.auth.identity import ANYONE, MASTER
from tianji.edge.routes import RouteTable
from tianji.errors import UnknownModel
from tianji.management.status.health import Health, Probe

GOOD = Probe(
    model="a", model_id="1", healthy=True, api_base="https://a", headers={"x-ratelimit-remaining-requests": "9"}
)
BAD = Probe(model="b", model_id="2", healthy=False, api_base="https://b", error="502")


def ask(path, *, draining=False, database=None, probes=(GOOD, BAD), method="GET", query=b"", identity=MASTER):
    asked = []

    async def prober(caller, model, model_id):
        asked.append((caller, model, model_id))
        return [probe for probe in probes if model in (None, probe.model) and model_id in (None, probe.model_id)]

    async def tester(body):
        return {"said": body.decode()}

    table = RouteTable(Health(lambda: draining, lambda: database, prober, tester, lambda: 7).routes())
    match = table.match(method, path.encode())
    answers = []
    exchange = SimpleNamespace(
        query=query, identity=identity, body=b"{}", respond=lambda *answer: answers.append(answer)
    )
    running = match.handler(exchange, match)
    if running is not None:
        asyncio.run(running)
    status, headers, body = answers[0]
    assert (b"content-type", b"application/json") in headers
    return status, json.loads(body), match.route


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/health/liveness/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_alive_even_while_draining(path, method):
    status, body, route = ask(path, draining=True, method=method)
    assert (status, body, route.always) == (200, "I'm alive!", True)


@pytest.mark.parametrize(
    ("draining", "database", "status", "db"),
    [
        (False, None, 200, "Not connected"),
        (False, True, 200, "connected"),
        (False, False, 503, "Not connected"),
        (True, True, 503, "connected"),
    ],
)
def test_readiness(draining, database, status, db):
    got, body, route = ask("/health/readiness", draining=draining, database=database)
    assert (got, body["db"], body["status"] == "healthy", route.always) == (status, db, status == 200, True)


def test_the_root_says_where_to_read_on():
    assert ask("/")[:2] == (200, {"status": "ok", "docs": "/docs"})


def test_health_reports_every_deployment():
    status, body, _ = ask("/health")
    assert status == 200
    assert body == {
        "healthy_endpoints": [
            {"model": "a", "model_id": "1", "api_base": "https://a", "x-ratelimit-remaining-requests": "9"}
        ],
        "unhealthy_endpoints": [{"model": "b", "model_id": "2", "api_base": "https://b", "error": "502"}],
        "healthy_count": 1,
        "unhealthy_count": 1,
    }


def test_others_than_admins_do_not_see_where_a_deployment_is():
    _, body, _ = ask("/health", identity=ANYONE)
    assert body["unhealthy_endpoints"] == [{"model": "b", "model_id": "2"}]


@pytest.mark.parametrize(("query", "status"), [(b"model=a", 200), (b"model=b", 503), (b"model_id=1", 200)])
def test_a_targeted_check_is_503_when_nothing_answers(query, status):
    assert ask("/health", query=query)[0] == status


@pytest.mark.parametrize("query", [b"model=c", b"model_id=3", b"model=a&model_id=2"])
def test_an_unknown_target_is_404(query):
    with pytest.raises(UnknownModel):
        ask("/health", query=query)


def test_what_is_described_is_tried_and_how_much_is_open_is_told():
    status, body, route = ask("/health/test_connection", method="POST")
    assert (status, body, route.access) == (200, {"said": "{}"}, Access.ADMIN)
    assert ask("/health/backlog")[:2] == (200, {"in_flight_requests": 7})
