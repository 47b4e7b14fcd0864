import json
import re
from types import SimpleNamespace

from tianji.edge.routes import RouteTable
from tianji.management.models.listing import Models
from tianji.management.status.documentation import Documentation
from tianji.management.status.health import Health
from tianji.management.status.openapi import document


def table():
    documentation = Documentation(lambda: made)
    made = RouteTable(
        [
            *Health(lambda: False, lambda: None, None, None, lambda: 0).routes(),
            *Models(lambda caller, query: []).routes(),
            *documentation.routes(),
        ]
    )
    return made


def ask(path):
    match = table().match("GET", path)
    answers = []
    match.handler(SimpleNamespace(respond=lambda *answer: answers.append(answer)), match)
    return answers[0]


def test_every_route_is_described():
    made = table()
    told = json.loads(ask(b"/openapi.json")[2])
    assert told == json.loads(json.dumps(document(made)))
    described = {(path, method.upper()) for path, operations in told["paths"].items() for method in operations}
    expected = {(route.path.replace(":path", ""), method) for route in made.routes for method in route.methods}
    assert described == expected
    identifiers = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers))


def test_parameters_and_security():
    one = document(table())["paths"]["/v1/models/{model_id}"]["get"]
    assert one["parameters"] == [{"name": "model_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert one["security"] == [{"key": []}]
    assert "security" not in document(table())["paths"]["/"]["get"]


def test_the_page_needs_nothing_from_elsewhere():
    status, headers, page = ask(b"/docs")
    assert (status, headers) == (200, [(b"content-type", b"text/html; charset=utf-8")])
    assert not re.findall(rb"https?://|src=|@import|<link", page)
    assert b"innerHTML" not in page  # texts of routes are shown, never run


def test_the_list_of_routes():
    told = json.loads(ask(b"/routes")[2])["routes"]
    assert {
        "path": "/v1/models",
        "methods": ["GET"],
        "access": "key",
        "name": "List the models that this key may use.",
    } in told
