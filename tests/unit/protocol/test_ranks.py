"""Ranks in Cohere's form, and as others say them."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.protocol import ranks

ASKED = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 2, "extra": 1}
ASK = ranks.Ask("m", "q", count=2)
_leaves = st.none() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3)
_names = st.sampled_from(["results", "data", "rankings", "records", "scores", "index", "score", "id", "logit", "meta"])
JSON = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4), max_leaves=8
)
RESULTS = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ("cohere", ASKED),
        ("voyage", {"model": "m", "query": "q", "documents": ["a", "b"], "top_k": 2, "extra": 1}),
        (
            "nim",
            {"model": "m", "query": {"text": "q"}, "passages": [{"text": "a"}, {"text": "b"}], "top_k": 2, "extra": 1},
        ),
        ("tei", {"query": "q", "texts": ["a", "b"], "extra": 1}),
        (
            "watsonx",
            {
                "model_id": "m",
                "query": "q",
                "inputs": [{"text": "a"}, {"text": "b"}],
                "parameters": {"return_options": {"top_n": 2}},
                "extra": 1,
            },
        ),
        (
            "vertex",
            {
                "model": "m",
                "query": "q",
                "records": [{"id": "0", "content": "a"}, {"id": "1", "content": "b"}],
                "topN": 2,
                "ignoreRecordDetailsInResponse": True,
                "extra": 1,
            },
        ),
        ("deepinfra", {"queries": ["q", "q"], "documents": ["a", "b"], "extra": 1}),
    ],
)
def test_requests(style: ranks.Style, told: object) -> None:
    body = json.dumps(ASKED).encode()
    assert json.loads(ranks.request(style, body, ranks.read(style, body))) == told


def test_bedrock_names_the_model_in_its_own_way() -> None:
    body = json.dumps(ASKED | {ranks.MODEL_ARN: "arn:x", "top_n": 9}).encode()
    told = json.loads(ranks.request("bedrock", body, ranks.read("bedrock", body)))
    assert told["queries"] == [{"type": "TEXT", "textQuery": {"text": "q"}}]
    assert told["sources"][1]["inlineDocumentSource"] == {"type": "TEXT", "textDocument": {"text": "b"}}
    assert told["rerankingConfiguration"]["bedrockRerankingConfiguration"] == {
        "modelConfiguration": {"modelArn": "arn:x"},
        "numberOfResults": 2,
    }
    assert ranks.MODEL_ARN not in told


def test_documents_are_texts() -> None:
    with pytest.raises(InvalidRequest, match="documents"):
        ranks.read("voyage", json.dumps(ASKED | {"documents": [1]}).encode())
    assert ranks.read("cohere", json.dumps(ASKED | {"documents": [1] * 250}).encode()).count == 250


@pytest.mark.parametrize(
    ("style", "said", "units", "tokens"),
    [
        ("cohere", {"id": "i", "results": RESULTS, "meta": {"billed_units": {"search_units": 3}}}, 3, 0),
        ("cohere", {"results": RESULTS, "usage": {"total_tokens": 7}}, 1, 7),
        ("cohere", {"results": RESULTS, "meta": None, "usage": []}, 1, 0),
        ("voyage", {"data": RESULTS, "usage": {"total_tokens": 7}}, 1, 7),
        ("nim", {"rankings": [{"index": 1, "logit": 0.9}, {"index": 0, "logit": 0.1}]}, 1, 0),
        ("tei", [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}], 1, 0),
        (
            "watsonx",
            {"results": [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}], "input_token_count": 7},
            1,
            7,
        ),
        ("vertex", {"records": [{"id": "1", "score": 0.9}, {"id": "0", "score": 0.1}]}, 1, 0),
        ("bedrock", {"results": [{"index": 1, "relevanceScore": 0.9}, {"index": 0, "relevanceScore": 0.1}]}, 1, 0),
        ("deepinfra", {"scores": [0.1, 0.9], "input_tokens": 7}, 1, 7),
    ],
)
def test_answers(style: ranks.Style, said: object, units: int, tokens: int) -> None:
    body, searches = ranks.answer(style, json.dumps(said).encode(), ASK)
    assert json.loads(body)["results"] == RESULTS
    assert searches == units
    assert json.loads(ranks.usage(body))["usage"]["prompt_tokens"] == tokens


def test_what_cohere_adds_stays() -> None:
    said = {"results": [{"index": 0, "relevance_score": 1.0, "document": {"text": "a"}}], "warnings": ["w"]}
    told = json.loads(ranks.answer("cohere", json.dumps(said).encode(), ASK)[0])
    assert (told["warnings"], told["results"]) == (["w"], said["results"])


@pytest.mark.parametrize("said", [b"[]", b'{"results":1}', b'{"results":[{}]}', b"x"])
def test_an_answer_that_is_none_is_said(said: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        ranks.answer("cohere", said, ASK)


@pytest.mark.parametrize("style", get_args(ranks.Style))
@given(st.binary(max_size=40) | JSON.map(json.dumps).map(str.encode))
def test_any_answer_is_read_or_said_to_be_none(style: ranks.Style, said: bytes) -> None:
    try:
        told, _ = ranks.answer(style, said, ASK)
    except UpstreamProtocolError:
        return
    assert isinstance(json.loads(told)["results"], list)


def test_as_many_as_are_wanted_and_a_search_for_each_hundred_documents() -> None:
    ask = ranks.Ask("m", "q", count=250, most=1)
    body, searches = ranks.answer("deepinfra", b'{"scores":[0.1,0.9,0.5]}', ask)
    assert json.loads(body)["results"] == [{"index": 1, "relevance_score": 0.9}]
    assert searches == 3
