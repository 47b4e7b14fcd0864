import json
from types import SimpleNamespace

import pytest

from tianji.edge.routes import RouteTable
from tianji.management.models.listing import Model, Models

KNOWN = [Model(id="a", mode="chat", max_input_tokens=9), Model(id="openai/gpt-4o")]


def ask(path, query=b""):
    seen = []

    def listing(caller, query):
        seen.append((caller, query))
        return KNOWN

    table = RouteTable(Models(listing).routes())
    match = table.match("GET", path.encode())
    answers = []
    exchange = SimpleNamespace(query=query, identity="me", respond=lambda *answer: answers.append(answer))
    match.handler(exchange, match)
    return answers[0][0], json.loads(answers[0][2]), seen


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_the_list(path):
    status, body, seen = ask(path, b"healthy_only=true")
    assert (status, seen) == (200, [("me", {"healthy_only": "true"})])
    plain = {"object": "model", "created": 1677610602, "owned_by": "openai"}
    assert body == {
        "data": [{"id": "a", **plain, "mode": "chat", "max_input_tokens": 9}, {"id": "openai/gpt-4o", **plain}],
        "object": "list",
    }


@pytest.mark.parametrize("name", ["openai/gpt-4o", "openai%2Fgpt-4o"])
def test_one_model(name):
    status, body, _ = ask(f"/v1/models/{name}")
    assert (status, body["id"]) == (200, "openai/gpt-4o")


def test_a_model_that_is_not_visible():
    status, body, _ = ask("/v1/models/b")
    assert status == 404
    assert "'b'" in body["detail"]
