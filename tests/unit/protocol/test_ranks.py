"""Ranks in Cohere's form, and as others say them."""

import json

import pytest

from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.protocol import ranks

ASKED = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 2, "extra": 1}
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
    ],
)
def test_requests(style: ranks.Style, told: object) -> None:
    assert json.loads(ranks.request(style, json.dumps(ASKED).encode())) == told


def test_documents_are_texts() -> None:
    with pytest.raises(InvalidRequest, match="documents"):
        ranks.request("voyage", json.dumps(ASKED | {"documents": [1]}).encode())


@pytest.mark.parametrize(
    ("style", "said", "units", "tokens"),
    [
        ("cohere", {"id": "i", "results": RESULTS, "meta": {"billed_units": {"search_units": 3}}}, 3, 0),
        ("cohere", {"results": RESULTS, "usage": {"total_tokens": 7}}, 1, 7),
        ("cohere", {"results": RESULTS, "meta": None, "usage": []}, 1, 0),
        ("voyage", {"data": RESULTS, "usage": {"total_tokens": 7}}, 1, 7),
        ("nim", {"rankings": [{"index": 1, "logit": 0.9}, {"index": 0, "logit": 0.1}]}, 1, 0),
    ],
)
def test_answers(style: ranks.Style, said: object, units: int, tokens: int) -> None:
    body, searches = ranks.answer(style, json.dumps(said).encode())
    assert json.loads(body)["results"] == RESULTS
    assert searches == units
    assert json.loads(ranks.usage(body))["usage"]["prompt_tokens"] == tokens


def test_what_cohere_adds_stays() -> None:
    said = {"results": [{"index": 0, "relevance_score": 1.0, "document": {"text": "a"}}], "warnings": ["w"]}
    told = json.loads(ranks.answer("cohere", json.dumps(said).encode())[0])
    assert (told["warnings"], told["results"]) == (["w"], said["results"])


@pytest.mark.parametrize("said", [b"[]", b'{"results":1}', b'{"results":[{}]}', b"x"])
def test_an_answer_that_is_none_is_said(said: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        ranks.answer("cohere", said)
