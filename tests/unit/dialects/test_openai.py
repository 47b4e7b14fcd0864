"""OpenAI's operations, required members, hidden usage and list of models."""

import json

import pytest

from tianji.dialects import openai
from tianji.errors import InvalidRequest

IMAGES = ("generations", "edits", "variations")
AUDIO = ("speech", "transcriptions", "translations")


def test_paths() -> None:
    paths = {path for dialect in openai.OPERATIONS.values() for path in dialect.paths}
    assert paths == {
        *(p + n for n in ("chat/completions", "completions", "embeddings", "moderations") for p in ("/v1/", "/")),
        *(
            p + n
            for n in ("chat/completions", "completions", "embeddings")
            for p in ("/engines/{model}/", "/openai/deployments/{model}/")
        ),
        *(
            p + n
            for n in (*(f"images/{n}" for n in IMAGES), *(f"audio/{n}" for n in AUDIO))
            for p in ("/v1/", "/", "/openai/deployments/{model}/")
        ),
        *("/queue/chat/completions", "/v1/rerank", "/v2/rerank", "/rerank", "/v1/ocr", "/ocr"),
    }


def first_bytes(body: str) -> dict[str, int]:
    return {name: json.dumps(value).encode()[0] for name, value in json.loads(body).items()}


@pytest.mark.parametrize(
    ("operation", "body", "param"),
    [
        ("chat", '{"model":"m","messages":[]}', None),
        ("chat", '{"model":"m","messages":[],"stream":null}', None),
        ("chat", '{"messages":[]}', "model"),
        ("chat", '{"model":null,"messages":[]}', "model"),
        ("chat", '{"model":1,"messages":[]}', "model"),
        ("chat", '{"model":"m"}', "messages"),
        ("chat", '{"model":"m","messages":{}}', "messages"),
        ("chat", '{"model":"m","messages":"hi"}', "messages"),
        ("chat", '{"model":"m","messages":[],"stream":"true"}', "stream"),
        ("completions", '{"model":"m","prompt":[1,2]}', None),
        ("completions", '{"model":"m","prompt":null}', "prompt"),
        ("embeddings", '{"model":"m","input":"a"}', None),
        ("embeddings", '{"model":"m"}', "input"),
        ("moderations", '{"input":["a"]}', None),
        ("moderations", '{"model":"m"}', "input"),
    ],
)
def test_required_members(operation: openai.Operation, body: str, param: str | None) -> None:
    dialect = openai.OPERATIONS[operation]
    if param is None:
        openai.check_members(dialect, first_bytes(body), model_in_path=False)
        return
    with pytest.raises(InvalidRequest) as caught:
        openai.check_members(dialect, first_bytes(body), model_in_path=False)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message


def test_a_model_in_the_path_is_enough() -> None:
    openai.check_members(openai.OPERATIONS["chat"], first_bytes('{"messages":[]}'), model_in_path=True)


@pytest.mark.parametrize(
    ("raw", "always", "options", "hide"),
    [
        (None, None, {"include_usage": True}, True),
        (b"null", None, {"include_usage": True}, True),
        (None, True, {"include_usage": True}, False),
        (None, False, None, False),
        (b'{"include_usage":true}', None, None, False),
        (b'{"include_usage" : true }', False, None, False),
        (b'{"include_usage":false,"x":1.50}', None, {"include_usage": True, "x": 1.5}, True),
        (b'{"include_obfuscation":false}', True, {"include_obfuscation": False, "include_usage": True}, False),
        (b"{}", None, {"include_usage": True}, True),
        (b'"nonsense"', None, None, False),
        (b"[1]", None, None, False),
    ],
)
def test_stream_options(raw: bytes | None, always: bool | None, options: dict[str, object] | None, hide: bool) -> None:
    value, hidden = openai.stream_options(raw, always=always)
    assert (None if value is None else json.loads(value)) == options
    assert hidden is hide


def test_untouched_numbers_keep_their_bytes() -> None:
    assert openai.stream_options(b'{"x":1.50}', always=None)[0] == b'{"x":1.50,"include_usage":true}'


def test_models() -> None:
    entry = {"id": "a", "object": "model", "created": 1677610602, "owned_by": "openai"}
    assert openai.model_entry("a") == entry
    assert openai.model_entry("a", {"mode": "chat"}) == entry | {"mode": "chat"}
