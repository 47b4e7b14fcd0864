"""A name whose model group depends on what a request says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes.static_model import save_static_model


def group(name: str, mock: Mock) -> dict[str, Any]:
    return openai_model(name, f"{name}-up", mock.url) | {"model_info": {"id": f"{name}1"}}


def marker(name: str, kind: str, **params: object) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"auto_router/{kind}", **params}}


@pytest.fixture(scope="module")
def routed(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("auto")
    with Gateway(config(mock_process, folder), folder, edge=edge) as running:
        yield running


def config(mock: Mock, folder: Path) -> dict[str, Any]:
    rules = [
        {"model": "coder", "name": "errors", "regex": "(?i)traceback"},
        {"model": "large", "min_characters": 400},
        {"model": "tools", "has_tools": True},
        {"model": "coder", "name": "code", "min_code_share": 0.5},
        {"model": "large", "name": "german", "languages": ["de"]},
    ]
    tiers = {"SIMPLE": "small", "MEDIUM": "small", "COMPLEX": "large", "REASONING": "large"}
    routes = [{"name": "coder", "utterances": ["one two three"], "score_threshold": 0.99}]
    return {
        "model_list": [
            *(group(name, mock) for name in ("small", "large", "coder", "tools", "embed")),
            marker("auto", "rules", auto_router_default_model="small", auto_router_rules=rules),
            marker(
                "smart",
                "complexity_router",
                complexity_router_default_model="small",
                complexity_router_config={"tiers": tiers},
            ),
            marker(
                "meaning",
                "meaning",
                auto_router_default_model="small",
                auto_router_embedding_model="embed",
                auto_router_config=json.dumps({"routes": routes}),
            ),
            marker(
                "static",
                "static",
                auto_router_default_model="small",
                auto_router_embedding_model=str(save_static_model(folder)),
                auto_router_config=json.dumps({"routes": [{"name": "coder", "utterances": ["python bug"]}]}),
            ),
        ],
        "router_settings": {
            "num_retries": 0,
            "model_group_alias": {"nick": "auto"},
            "fallbacks": [{"coder": ["large"]}],
        },
    }


def says(text: str, model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("name", ["auto", "nick"])
@pytest.mark.parametrize(
    ("text", "more", "group", "reason"),
    [
        ("hello", {}, "small", "default"),
        ("a Traceback (most recent call last)", {}, "coder", "errors"),
        ("word " * 100, {}, "large", "large"),
        ("hello", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "tools"),
        ("a Traceback", {"stream": True}, "coder", "errors"),
        ("```python\nfor x in y:\n    print(x)\n```", {}, "coder", "code"),
        ("Wie wird das Wetter morgen, und was soll ich dann anziehen?", {}, "large", "german"),
    ],
)
def test_rules_decide(
    routed: Gateway, mock: Mock, name: str, text: str, more: dict[str, object], group: str, reason: str
) -> None:
    answer = routed.chat(says(text, name, **more))
    assert (answer.status_code, answer.headers["x-litellm-model-group"]) == (200, group)
    assert reason in answer.headers["x-tianji-auto-router"]
    assert mock.last()["json"]["model"] == f"{group}-up"
    if not more.get("stream"):
        assert answer.json()["model"] == name, "the client is told the name that it used"


def test_complexity_decides(routed: Gateway) -> None:
    easy = routed.chat(says("hi", "smart"))
    hard = routed.chat(says("Think step by step and reason carefully: prove that the algorithm is correct.", "smart"))
    assert (easy.headers["x-litellm-model-group"], hard.headers["x-litellm-model-group"]) == ("small", "large")
    assert (easy.headers["x-litellm-complexity-router-tier"], hard.headers["x-litellm-complexity-router-tier"]) == (
        "SIMPLE",
        "REASONING",
    )


def test_meaning_decides_with_the_embeddings_of_a_model_group(routed: Gateway, mock: Mock) -> None:
    near = routed.chat(says("one two three", "meaning"))
    far = routed.chat(says("something else altogether", "meaning"))
    assert near.headers["x-litellm-model-group"] == "coder"
    assert far.headers["x-litellm-model-group"] == "small"
    assert [request["path"] for request in mock.requests()].count("/v1/embeddings") == 3  # the examples, two texts


def test_meaning_decides_by_a_static_model_without_the_network(routed: Gateway, mock: Mock) -> None:
    near = routed.chat(says("Refactor this function", "static"))
    far = routed.chat(says("an onion soup", "static"))
    assert near.headers["x-litellm-model-group"] == "coder"
    assert near.headers["x-tianji-auto-router"].endswith("meaning: coder 1.00")
    assert far.headers["x-litellm-model-group"] == "small"
    assert {request["path"] for request in mock.requests()} == {"/v1/chat/completions"}


def test_a_request_is_served_when_nobody_embeds(routed: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="embed-up")
    answer = routed.chat(says("a text that nobody has embedded", "meaning"))
    assert (answer.status_code, answer.headers["x-litellm-model-group"]) == (200, "small")


def test_the_chosen_group_falls_back_as_its_own_requests_do(routed: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="coder-up")
    answer = routed.chat(says("Traceback", "auto"))
    assert (answer.status_code, answer.headers["x-litellm-model-group"]) == (200, "large")
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"


def test_auto_routers_are_listed(routed: Gateway) -> None:
    assert {"auto", "smart", "meaning", "nick"} <= set(routed.models())
