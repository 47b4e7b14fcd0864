"""Configured endpoints: who may use them, what they send, whose paths they may not take."""

from types import SimpleNamespace
from typing import Any

import pytest

from tianji.auth.access import Access, Tenant
from tianji.auth.identity import MASTER, Identity, Role
from tianji.config.schema.general import PassThroughEndpoint
from tianji.edge.routes import Route, RouteTable
from tianji.errors import ConfigurationError, PermissionDenied
from tianji.passthrough.endpoints import granted, headers, provider_of
from tianji.passthrough.keys import in_header, public_half, secret_half
from tianji.passthrough.routes import collisions

CORE = RouteTable(
    [
        Route(("POST",), "/v1/chat/completions", lambda _x, _m: None, Access.KEY, Tenant.CALLER, "Chat."),
        Route(("GET",), "/v1/models/{model:path}", lambda _x, _m: None, Access.KEY, Tenant.CALLER, "One model."),
    ]
)


def exchange(path: str = "/x", identity: Identity | None = None, **sent: str) -> Any:
    fields = {name.replace("_", "-").encode(): value.encode() for name, value in sent.items()}
    return SimpleNamespace(path=path, identity=identity, header=fields.get)


@pytest.mark.parametrize(
    ("key", "team", "path", "may"),
    [
        ({}, {}, "/a", True),
        ({"allowed_passthrough_routes": []}, {}, "/a", True),
        ({"allowed_passthrough_routes": ["/a"]}, {}, "/a", True),
        ({"allowed_passthrough_routes": ["/a"]}, {}, "/a/b", True),
        ({"allowed_passthrough_routes": ["/a"]}, {}, "/ab", False),
        ({"allowed_passthrough_routes": ["/a*"]}, {}, "/ab", True),
        ({}, {"allowed_passthrough_routes": ["/b"]}, "/a", False),
        ({"allowed_passthrough_routes": ["/a"]}, {"allowed_passthrough_routes": ["/b"]}, "/a", True),
        ({"denied_passthrough_routes": ["/a"]}, {}, "/a/b", False),
        ({"allowed_passthrough_routes": ["/a"]}, {"denied_passthrough_routes": ["/a"]}, "/a", False),
        ({"allowed_passthrough_routes": "/a"}, {}, "/b", True),
    ],
)
def test_lists_of_key_and_team(key: dict[str, object], team: dict[str, object], path: str, may: bool) -> None:
    caller = Identity(role=None, user_id=None, key="k", metadata=key, team_metadata=team)
    if may:
        granted(exchange(path, caller))
    else:
        with pytest.raises(PermissionDenied, match="passthrough_routes"):
            granted(exchange(path, caller))


def test_administrators_may_always() -> None:
    denied = {"denied_passthrough_routes": ["/"]}
    granted(exchange("/a", Identity(role=Role.PROXY_ADMIN, user_id="u", key="k", metadata=denied)))
    granted(exchange("/a", MASTER))


def test_headers_that_are_sent() -> None:
    written = {"X-A": " 1 ", "LANGFUSE_PUBLIC_KEY": "p", "LANGFUSE_SECRET_KEY": "s", "litellm_user_api_key": "x-k"}
    assert headers(written) == ((b"x-a", b"1"), (b"authorization", b"Basic cDpz"))
    assert headers({"LANGFUSE_PUBLIC_KEY": "p"}) == ()
    for wrong in ({"host": "a"}, {"x a": "1"}, {"x": "1\r\ny: 2"}):
        with pytest.raises(ConfigurationError, match="headers"):
            headers(wrong)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.cohere.com", "cohere_chat"),
        ("api.openai.com", "openai"),
        ("us-east4-aiplatform.googleapis.com", "vertex_ai"),
        ("api.openai.com.evil.example", "pass_through"),
        ("", "pass_through"),
    ],
)
def test_whose_host_it_is(host: str, provider: str) -> None:
    assert provider_of(host) == provider


def test_whose_paths_are_taken() -> None:
    endpoints = [
        PassThroughEndpoint(path="/v1/chat/completions", methods=("post", "GET")),
        PassThroughEndpoint(path="v1/models/any/", methods=("GET", "POST")),
        PassThroughEndpoint(path="/v1/chat"),
    ]
    found = [(number, method, own.path) for number, _, method, own in collisions(endpoints, CORE)]
    assert found == [(0, "POST", "/v1/chat/completions"), (1, "GET", "/v1/models/{model:path}")]


def test_where_else_keys_stand() -> None:
    assert secret_half(exchange(authorization="Basic cHVibGljOnNlY3JldA==")) == b"secret"
    assert public_half(exchange(authorization="Basic cHVibGljOnNlY3JldA==")) == b"public"
    for sent in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic !"}, {"authorization": "Basic cHVibGlj"}):
        assert secret_half(exchange(**sent)) is None
    assert in_header("X-Key")(exchange(x_key="Bearer sk-1 ")) == b"sk-1"
    assert in_header("X-Key")(exchange()) is None
