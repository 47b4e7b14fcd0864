"""Ranks, and the chat and embeddings of the same vendors."""

import json
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.harness import Gateway
from tests.fakes.vendors import Answer, Vendors, plain

PLACE = "/v1/projects/p-1/locations/us-central1"
RANKING = "/v1/projects/p-1/locations/global/rankingConfigs/default_ranking_config:rank"


class Ranker(NamedTuple):
    """Where a vendor is asked to rank, what of the request tells it apart, and how it says ranks."""

    path: str
    member: str
    answer: Any


RANKERS = {
    "tei": Ranker("/rerank", "texts", [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}]),
    "watsonx-ranks": Ranker(
        "/ml/v1/text/rerank", "project_id", {"results": [{"index": 1, "score": 0.9}], "input_token_count": 7}
    ),
    "vertex-ranks": Ranker(RANKING, "records", {"records": [{"id": "1", "score": 0.9}]}),
    "bedrock-ranks": Ranker("/rerank", "rerankingConfiguration", {"results": [{"index": 1, "relevanceScore": 0.9}]}),
    "deepinfra-ranks": Ranker("/v1/inference/Qwen/Qwen3", "queries", {"scores": [0.1, 0.9]}),
    "nim-ranks": Ranker("/v1/ranking", "passages", {"rankings": [{"index": 1, "logit": 0.9}]}),
    "qwen-ranks": Ranker("/compatible-api/v1/reranks", "top_n", {"results": [{"index": 1, "relevance_score": 0.9}]}),
}


@pytest.mark.parametrize("model", RANKERS)
def test_ranks(gateway: Gateway, vendors: Vendors, model: str) -> None:
    ranker = RANKERS[model]
    vendors.say(ranker.path, plain(ranker.answer))
    ask = {"model": model, "query": "red fox", "documents": ["blue dog", {"text": "red fox"}], "top_n": 1}
    answer = gateway.post("/v1/rerank", ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"] == [{"index": 1, "relevance_score": 0.9}]
    asked = vendors.last(ranker.path)
    assert ranker.member in asked.json
    assert "authorization" in asked.headers
    vendors.say(ranker.path, plain({"nothing": 1}))
    assert gateway.post("/v1/rerank", ask).status_code == 502


def test_bedrock_is_told_the_whole_name_of_a_model(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/rerank", plain({"results": []}))
    gateway.post("/v1/rerank", {"model": "bedrock-ranks", "query": "x", "documents": ["y"]})
    told = vendors.last("/rerank").json["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    arn = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.rerank-v1:0"
    assert told["modelConfiguration"] == {"modelArn": arn}


@pytest.mark.parametrize(
    ("model", "path", "streamed"),
    [
        ("llama", f"{PLACE}/endpoints/openapi/chat/completions", ""),
        (
            "mistral-on-vertex",
            f"{PLACE}/publishers/mistralai/models/mistral-large@2407:rawPredict",
            f"{PLACE}/publishers/mistralai/models/mistral-large@2407:streamRawPredict",
        ),
    ],
)
def test_partners_of_vertex(client: openai.OpenAI, vendors: Vendors, model: str, path: str, streamed: str) -> None:
    said = {"role": "assistant", "content": "a b"}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    vendors.say(path, plain({"id": "c", "created": 1, "model": "m", "choices": [choice], "usage": usage}))
    messages: Any = [{"role": "user", "content": "one"}]
    found = client.chat.completions.create(model=model, messages=messages)
    assert (found.choices[0].message.content, found.model) == ("a b", model)
    asked = vendors.last(path)
    assert asked.headers["authorization"] == "Bearer tok-1"
    assert asked.json["model"] in ("meta/llama-3.3-70b-instruct-maas", "mistral-large@2407")
    chunk = {"id": "c", "created": 1, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
    events = [f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n"]
    vendors.say(streamed or path, Answer(events, 200, "text/event-stream"))
    stream = client.chat.completions.create(model=model, messages=messages, stream=True)
    assert "".join(choice.delta.content or "" for one in stream for choice in one.choices) == "a b"


def test_what_lies_between_two_texts(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/v1/fim/completions"
    choice = {"index": 0, "message": {"role": "assistant", "content": "a b"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    vendors.say(path, plain({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}))
    ask: Any = {"model": "codestral", "prompt": "def f(", "suffix": "return 1", "seed": 3, "max_tokens": 9}
    found = client.completions.create(**ask)
    assert (found.choices[0].text, found.object) == ("a b", "text_completion")
    assert vendors.last(path).json == {
        "model": "codestral-2405",
        "prompt": "def f(",
        "suffix": "return 1",
        "random_seed": 3,
        "max_tokens": 9,
    }
    chunks = [
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": reason}]}
        for text, reason in (("a ", None), ("b", "stop"))
    ]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    vendors.say(path, Answer([*events, b"data: [DONE]\n\n"], 200, "text/event-stream"))
    assert "".join(one.choices[0].text for one in client.completions.create(**ask, stream=True)) == "a b"
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="codestral", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError, match="suffix"):
        client.completions.create(**{**ask, "model": "mistral-on-vertex"})


def test_embeddings_of_snowflake(client: openai.OpenAI, vendors: Vendors) -> None:
    vendors.say("/cortex/inference:embed", plain({"data": [{"embedding": [[1.0, 2.0]], "index": 0}]}))
    found = client.embeddings.create(model="snowflake", input="one", encoding_format="float")
    assert found.data[0].embedding == [1.0, 2.0]
    assert vendors.last("/cortex/inference:embed").json == {"model": "snowflake-arctic-embed-m", "text": ["one"]}
