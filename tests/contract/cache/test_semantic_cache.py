"""Answers to requests that mean the same, out of a Qdrant, with an embedding model of the gateway."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, eventually, openai_model
from tests.fakes.qdrant import Qdrant
from tests.fakes.words import Words

HIT, LIKE = "x-tianji-cache-hit", "x-tianji-semantic-similarity"
SECRET = "the-key-of-qdrant"


@pytest.fixture(scope="module")
def edge() -> str:
    """One for all: nothing here is about edges."""
    return "native"


@pytest.fixture(scope="module")
def qdrant() -> Iterator[Qdrant]:
    with Qdrant() as running:
        yield running


@pytest.fixture(scope="module")
def words() -> Iterator[Words]:
    with Words() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, qdrant: Qdrant, words: Words, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = {
        "model_list": [
            openai_model("m", "gpt-test", mock_process.url),
            openai_model("other", "gpt-test", mock_process.url),
            openai_model("words", "words", words.url),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "cache": True,
            "cache_params": {
                "type": "qdrant-semantic",
                "similarity_threshold": 0.8,
                "qdrant_api_base": qdrant.url,
                "qdrant_api_key": SECRET,
                "qdrant_collection_name": "answers",
                "qdrant_semantic_cache_embedding_model": "words",
                "lookup_timeout": 5,
                "ttl": 600,
            },
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("semantic"), edge=edge, workers=1) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_known(gateway: Gateway, mock: Mock, qdrant: Qdrant, words: Words) -> None:
    qdrant.status, words.status = None, 200
    for points in qdrant.points.values():
        points.clear()


def ask(gateway: Gateway, text: str, key: str | None = None, **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    answer = gateway.chat(body, **({} if key is None else {"authorization": f"Bearer {key}"}))
    assert answer.status_code == 200, answer.text
    return answer


def kept(qdrant: Qdrant, count: int) -> list[dict[str, Any]]:
    """Wait until so many answers are kept."""
    eventually(lambda: len(qdrant.points.get("answers", {})) == count, f"{count} answers")
    return [*qdrant.points["answers"].values()]


def new_key(gateway: Gateway, **fields: Any) -> str:
    return str(gateway.client.post("/key/generate", json=fields).json()["key"])


def test_what_means_the_same_has_the_same_answer(gateway: Gateway, qdrant: Qdrant, mock: Mock) -> None:
    first = ask(gateway, "Where is the city of Paris?")
    assert HIT not in first.headers
    (point,) = kept(qdrant, 1)
    assert "Paris" not in json.dumps(point)  # neither question nor answer lies there in words
    again = ask(gateway, "where, is THE city of paris")
    assert again.headers[HIT] == "true"
    assert float(again.headers[LIKE]) == pytest.approx(1.0, abs=1e-3)
    assert again.headers["x-litellm-semantic-similarity"] == again.headers[LIKE]
    assert again.json() == first.json()
    near = ask(gateway, "Where is the city of Paris, please?")
    assert 0.8 <= float(near.headers[LIKE]) < 1
    far = ask(gateway, "How does one bake bread with little yeast?")
    assert HIT not in far.headers
    assert len([one for one in mock.requests() if one["path"].endswith("/chat/completions")]) == 2


def test_whole_answers_and_streams_become_one_another(gateway: Gateway, qdrant: Qdrant) -> None:
    with gateway.client.stream(
        "POST", "/v1/chat/completions",
        json={"model": "m", "stream": True, "messages": [{"role": "user", "content": "one two three"}]},
    ) as stream:  # fmt: skip
        assert HIT not in stream.headers
        stream.read()
    kept(qdrant, 1)
    again = ask(gateway, "three two one")
    assert again.headers[HIT] == "true"
    assert again.json()["choices"][0]["message"]["content"]


def test_what_else_is_said_has_to_be_the_same(gateway: Gateway, qdrant: Qdrant) -> None:
    ask(gateway, "one two three")
    kept(qdrant, 1)
    for more in (
        {"temperature": 0.5},
        {"model": "other"},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [{"role": "system", "content": "in French"}, {"role": "user", "content": "one two three"}]},
        {"messages": [{"role": "user", "name": "ann", "content": "one two three"}]},
    ):
        assert HIT not in ask(gateway, "one two three", **more).headers
    assert HIT in ask(gateway, "one two three").headers


def test_nobody_has_the_answer_of_another_key(gateway: Gateway, qdrant: Qdrant) -> None:
    keys = [new_key(gateway), new_key(gateway), new_key(gateway, team_id=None)]
    for number, key in enumerate(keys):
        assert HIT not in ask(gateway, "one two three", key).headers
        kept(qdrant, number + 1)
    for key in keys:
        assert HIT in ask(gateway, "one two three", key).headers
    filters = [body["filter"]["must"] for _, path, body in qdrant.requests if path.endswith("/points/search")]
    assert all(len(one) == 2 and one[0]["key"] == "tianji_cache_key" for one in filters)


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
        "",
        "word " * 10_000,
    ],
    ids=["with a picture", "empty", "too long"],
)
def test_what_is_not_text_alone_is_not_compared(gateway: Gateway, words: Words, content: Any) -> None:
    before = len(words.requests)
    ask(gateway, content)
    ask(gateway, content)
    assert len(words.requests) == before


def test_a_lookup_embeds_once_and_wishes_are_heard(gateway: Gateway, qdrant: Qdrant, words: Words) -> None:
    before = len(words.requests)
    ask(gateway, "one two three")
    kept(qdrant, 1)
    assert len(words.requests) == before + 1
    assert HIT not in ask(gateway, "one two three", cache={"no-cache": True}).headers
    assert HIT not in ask(gateway, "four five six", cache={"no-store": True}).headers
    assert HIT not in ask(gateway, "four five six", cache={"no-store": True}).headers
    assert HIT not in ask(gateway, "one two three", cache={"namespace": "elsewhere"}).headers


def test_an_answer_ends(gateway: Gateway, qdrant: Qdrant) -> None:
    ask(gateway, "one two three")
    (point,) = kept(qdrant, 1)
    point["payload"]["tianji_expires"] = 1
    assert HIT not in ask(gateway, "one two three").headers


@pytest.mark.parametrize("broken", ["qdrant", "words"])
def test_what_is_broken_is_a_miss_and_asked_again_later(
    gateway: Gateway, qdrant: Qdrant, words: Words, broken: str
) -> None:
    def works() -> bool:
        return HIT in ask(gateway, "one two three").headers

    eventually(works, "the cache works")
    (qdrant if broken == "qdrant" else words).status = 500
    for _ in range(3):
        assert HIT not in ask(gateway, "one two three").headers
    assert "semantic cache is not asked" in gateway.log
    qdrant.status, words.status = None, 200
    eventually(works, "the cache works again")


def test_administrators_look_after_it(gateway: Gateway, qdrant: Qdrant) -> None:
    told = gateway.client.get("/cache/ping").json()
    assert (told["status"], told["cache_type"], told["ping_response"]) == ("healthy", "qdrant-semantic", True)
    assert SECRET not in json.dumps(told)
    assert any(headers.get("api-key") == SECRET for headers in qdrant.headers)
    eventually(lambda: HIT in ask(gateway, "one two three").headers, "an answer is kept")
    key = ask(gateway, "one two three").headers["x-tianji-cache-key"]
    assert gateway.client.post("/cache/delete", json={"keys": [key]}).status_code == 200
    assert qdrant.points["answers"] == {}
    eventually(lambda: HIT in ask(gateway, "one two three").headers, "an answer is kept again")
    assert gateway.client.post("/cache/flushall").status_code == 200
    assert qdrant.points["answers"] == {}
    qdrant.status = 500
    assert gateway.client.get("/cache/ping").status_code == 503


def test_the_collection_is_made_as_the_configuration_says(qdrant: Qdrant, gateway: Gateway) -> None:
    eventually(lambda: HIT in ask(gateway, "one two three").headers, "an answer is kept")
    made = qdrant.collections["answers"]
    assert made["vectors"] == {"size": 64, "distance": "Cosine"}
    assert "binary" in made["quantization_config"]
    assert made["indexes"] == {"tianji_cache_key": "keyword", "tianji_expires": "float"}
