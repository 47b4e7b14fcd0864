"""Embeddings in the forms of vendors."""

import base64
import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.spans import scan
from tianji._core.streams.usage import read_usage
from tianji.errors import InvalidRequest, TianjiError, UpstreamProtocolError
from tianji.protocol.chat.seam import Target
from tianji.protocol.embedding.form import EmbeddingRequest, Embeddings, read, written
from tianji.protocol.embedding.vendors import outbound
from tianji.providers import build
from tianji.providers.upstream import EMBEDDINGS

TWO = {"input": ["a", "b"]}


def asked(provider: str, model: str = "m", **members: Any) -> Any:
    body = json.dumps({"model": "x", **(members or TWO)}).encode()
    return outbound(read(body), Target(provider=provider, model=model))


FORMS = [
    (
        "watsonx",
        "ibm/slate",
        {**TWO, "project_id": "p"},
        "/ml/v1/text/embeddings",
        {"model_id": "ibm/slate", "inputs": ["a", "b"], "project_id": "p"},
        {"results": [{"embedding": [1, 2]}, {"embedding": [3, 4]}], "input_token_count": 7},
        7,
    ),
    (
        "vertex_ai",
        "text-embedding-005",
        {**TWO, "dimensions": 2, "task_type": "RETRIEVAL_QUERY"},
        "/publishers/google/models/text-embedding-005:predict",
        {
            "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in "ab"],
            "parameters": {"outputDimensionality": 2},
        },
        {
            "predictions": [
                {"embeddings": {"values": values, "statistics": {"token_count": 2}}} for values in ([1, 2], [3, 4])
            ]
        },
        4,
    ),
    (
        "bedrock",
        "cohere.embed-english-v3",
        TWO,
        "/model/cohere.embed-english-v3/invoke",
        {"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]},
        {"embeddings": {"float": [[1, 2], [3, 4]]}},
        None,
    ),
    (
        "bedrock",
        "amazon.titan-embed-text-v2:0",
        {"input": "a", "dimensions": 256},
        "/model/amazon.titan-embed-text-v2%3A0/invoke",
        {"inputText": "a", "dimensions": 256},
        {"embedding": [1, 2], "inputTextTokenCount": 3},
        3,
    ),
    (
        "bedrock",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {"input": "a"},
        "/model/amazon.nova-2-multimodal-embeddings-v1%3A0/invoke",
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "text": {"truncationMode": "END", "value": "a"},
            },
        },
        {"embeddings": [{"embeddingType": "TEXT", "embedding": [1, 2]}]},
        None,
    ),
    (
        "sagemaker",
        "e",
        TWO,
        "/endpoints/e/invocations",
        {"inputs": ["a", "b"]},
        [[1, 2], [3, 4]],
        None,
    ),
    (
        "oci",
        "cohere.embed-v4.0",
        {**TWO, "compartmentId": "c"},
        "/20231130/actions/embedText",
        {"compartmentId": "c", "inputs": ["a", "b"], "inputType": "SEARCH_DOCUMENT"},
        {"embeddings": [[1, 2], [3, 4]], "usage": {"promptTokens": 5}},
        5,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "members", "suffix", "sent", "answer", "tokens"), FORMS)
def test_forms(
    provider: str, model: str, members: Any, suffix: str, sent: Any, answer: Any, tokens: int | None
) -> None:
    made = asked(provider, model, **members)
    assert made.suffix == suffix
    assert json.loads(made.body) == sent
    found = made.answer(json.dumps(answer).encode())
    assert list(found.vectors) == [[1, 2], [3, 4]][: len(found.vectors)]
    assert found.tokens == tokens


@pytest.mark.parametrize(("provider", "model"), [(form[0], form[1]) for form in FORMS])
@given(body=st.binary(max_size=30) | st.sampled_from([b"[]", b"{}", b'{"embeddings": [[1e999]]}', b'[["x"]]']))
def test_nonsense_cannot_be_read(provider: str, model: str, body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError, match=provider):
        asked(provider, model, input="a").answer(body)


def test_a_vector_that_is_missing_is_noticed() -> None:
    with pytest.raises(UpstreamProtocolError, match="1 vectors for 2 texts"):
        asked("sagemaker").answer(b"[[1]]")


def test_some_take_one_text_at_a_time() -> None:
    with pytest.raises(InvalidRequest, match="send 2 requests"):
        asked("bedrock", "amazon.titan-embed-text-v1")


@pytest.mark.parametrize("given_input", [[], [1, 2], [[1]], None, 7])
def test_what_is_no_text_is_refused(given_input: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked("watsonx", input=given_input)
    assert str(caught.value.param).startswith("input")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=5))
def test_base64_says_the_same_numbers(vector: list[float]) -> None:
    request = EmbeddingRequest(("a",), in_base64=True)
    told = json.loads(written(request, Embeddings([vector], 1), "m"))["data"][0]["embedding"]
    assert list(struct.unpack(f"<{len(vector)}f", base64.b64decode(told))) == vector


def test_tokens_that_nobody_counted_are_estimated() -> None:
    told = json.loads(written(EmbeddingRequest(("a" * 40, "b" * 8)), Embeddings([[1.0], [2.0]]), "m"))
    assert told["usage"] == {"prompt_tokens": 12, "total_tokens": 12}
    assert [each["index"] for each in told["data"]] == [0, 1]


def test_a_total_alone_is_the_prompts() -> None:
    usage = read_usage(scan(b'{"usage": {"total_tokens": 5}}'))
    assert usage is not None
    assert usage.prompt_tokens == 5


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("bedrock/amazon.titan-embed-text-v2:0", {"api_key": "k"}),
        ("bedrock/cohere.embed-english-v3", {"api_key": "k"}),
        ("vertex_ai/text-embedding-005", {"api_key": "k"}),
        ("oci/cohere.embed-v4.0", {}),
    ],
)
def test_models_that_embed_do_not_chat(model: str, params: dict[str, str]) -> None:
    found = build({"model": model, **params}, {}, drop_params=False)
    assert found.embeddings == EMBEDDINGS
    assert found.protocol is None


def test_voyage_takes_no_word_for_numbers() -> None:
    found = build({"model": "voyage/voyage-3", "api_key": "k"}, {}, drop_params=False)
    assert dict(found.shaping.rename) == {"dimensions": "output_dimension"}
    assert found.shaping.adapt is not None
    assert found.shaping.adapt({"input": "a", "encoding_format": "float"}) == {"input": "a"}
    assert found.shaping.adapt({"encoding_format": "base64"}) == {"encoding_format": "base64"}


@given(st.binary(max_size=20))
def test_any_body(body: bytes) -> None:
    with pytest.raises((TianjiError, msgspec.DecodeError)):
        read(body)
