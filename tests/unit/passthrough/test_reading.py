"""What answers say that they used, by the path that was asked."""

import base64
import json
from typing import Any

import pytest

from tianji._core.journal.meter import Measures, cost
from tianji._core.streams.aws_events import AwsEvents
from tianji._core.streams.usage import Usage
from tianji.accounting.prices.tables import compile_rates
from tianji.passthrough.forms import CHAT, form_of
from tianji.protocol.bedrock.event_stream import event_of

AWS = b"application/vnd.amazon.eventstream"


def whole(path: str, body: object, headers: dict[str, str] | None = None) -> Measures | Usage | None:
    form = form_of(path.encode())
    assert form is not None
    assert form.whole is not None
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return form.whole(text, [(name.encode(), value.encode()) for name, value in (headers or {}).items()])


def counts(usage: object) -> tuple[int, int]:
    assert isinstance(usage, Usage)
    return usage.prompt_tokens, usage.completion_tokens


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files",
        "/v1/batches",
        "/v1/messages/count_tokens",
        "/v1/models/g:countTokens",
        "/v2/transcript",
        "/v1/chat2",
    ],
)
def test_a_path_of_no_known_form_is_read_as_most_are(path: str) -> None:
    assert form_of(path.encode()) is None


def test_the_form_goes_by_the_path_and_not_by_the_provider() -> None:
    assert form_of(b"/openai/deployments/x/chat/completions") is CHAT
    assert form_of(b"/v1/projects/p/locations/l/publishers/mistralai/models/m:streamRawPredict") is CHAT
    anthropic = form_of(b"/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict")
    assert anthropic is form_of(b"/v1/messages")
    assert anthropic is not None
    assert anthropic.stream(b"application/json") is None


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/v1beta/models/g:generateContent",
         {"candidates": [],
          "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}},
         {}, (3, 6)),
        ("/v1beta/models/g:streamGenerateContent",
         [{"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 3}},
          {"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
           "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}],
         {}, (3, 4)),
        ("/publishers/google/models/e:predict",
         {"predictions": [{"embeddings": {"statistics": {"token_count": 5}}},
                          {"embeddings": {"statistics": {"token_count": 2.0}}}]},
         {}, (7, 0)),
        ("/model/m/converse", {"usage": {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": 9}}, {}, (12, 4)),
        ("/model/m/invoke", {"usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5}},
         {}, (8, 4)),
        ("/model/m/invoke", {"generation": "x"},
         {"x-amzn-bedrock-input-token-count": "3", "x-amzn-bedrock-output-token-count": "4"}, (3, 4)),
        ("/v2/chat",
         {"usage": {"tokens": {"input_tokens": 3, "output_tokens": 4}, "billed_units": {"input_tokens": 1}}},
         {}, (3, 4)),
        ("/v1/embed", {"meta": {"billed_units": {"input_tokens": 3}}}, {}, (3, 0)),
        ("/v1/chat", {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, {}, (3, 4)),
    ],
)  # fmt: skip
def test_whole_answers(path: str, body: object, headers: dict[str, str], expected: tuple[int, int]) -> None:
    assert counts(whole(path, body, headers)) == expected


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        ({"status": "COMPLETED", "num_of_steps": 7}, 7),
        ({"status": "FAILED", "num_of_steps": 7}, 0),
        ({"status": "COMPLETED", "num_of_steps": None}, 0),
        ({"status": "COMPLETED", "num_of_steps": -1}, 0),
        (b"[", 0),
    ],
)
def test_steps_of_a_run_that_is_completed(body: object, steps: int) -> None:
    found = whole("/v1/automation/run", body)
    assert isinstance(found, Measures)
    assert cost(compile_rates({"input_cost_per_query": "1"}, ""), None, 0, found) == steps * 10**9


@pytest.mark.parametrize(
    "path", ["/models/g:generateContent", "/models/e:predict", "/model/m/converse", "/model/m/invoke", "/v2/chat"]
)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"[", b'"text"', b'{"usage":[]}', b'{"usage":{"tokens":3}}', b"\xff"]
)
def test_what_cannot_be_read_says_nothing(path: str, body: bytes) -> None:
    found = whole(path, body)
    assert not isinstance(found, Measures)
    assert found is None or (found.prompt_tokens, found.completion_tokens) in ((-1, -1), (0, 0))


def message(kind: str, payload: object) -> bytes:
    """Frame an event as AWS does, by the module that the mock has for it."""
    from tianji.mock.answers import bedrock  # noqa: PLC0415 - a stranger, as far as the gateway is concerned

    return bedrock.event(kind, payload)  # type: ignore[arg-type]


def wrapped(event: dict[str, Any]) -> bytes:
    return message("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()})


@pytest.mark.parametrize(
    ("path", "pieces", "expected"),
    [
        ("/model/m/converse-stream",
         [message("contentBlockDelta", {"delta": {"text": "a"}}),
          message("metadata", {"usage": {"inputTokens": 3, "outputTokens": 4}})],
         (3, 4)),
        ("/model/m/invoke-with-response-stream",
         [wrapped({"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}}),
          wrapped({"type": "message_delta", "usage": {"output_tokens": 4}})],
         (3, 4)),
        ("/model/m/invoke-with-response-stream",
         [wrapped({"outputText": "a"}),
          wrapped({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 4}})],
         (3, 4)),
    ],
)  # fmt: skip
def test_streams_of_awss_framing_cut_anywhere(path: str, pieces: list[bytes], expected: tuple[int, int]) -> None:
    body = b"".join(pieces)
    assert len(list(AwsEvents(event_of).feed(body))) == len(pieces)
    form = form_of(path.encode())
    assert form is not None
    for cut in range(0, len(body), 7):
        stream = form.stream(AWS)
        assert stream is not None
        assert stream.feed(body[:cut]) == b""
        assert stream.feed(body[cut:]) == b""
        stream.close()
        assert counts(stream.usage) == expected
        assert stream.events == len(pieces)
        assert not stream.failed


def test_a_failure_in_a_stream_is_known() -> None:
    from tianji.mock.answers import bedrock  # noqa: PLC0415 - as above

    form = form_of(b"/model/m/converse-stream")
    assert form is not None
    stream = form.stream(AWS)
    assert stream is not None
    stream.feed(bedrock.message({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}"))
    assert stream.failed
    assert stream.error is not None


def test_a_stream_of_coheres_ends_with_what_was_used() -> None:
    form = form_of(b"/v2/chat")
    assert form is not None
    stream = form.stream(b"text/event-stream")
    assert stream is not None
    stream.feed(b'event: content-delta\ndata: {"type":"content-delta","delta":{"message":{}}}\n\n')
    end = {"type": "message-end", "delta": {"usage": {"tokens": {"input_tokens": 3, "output_tokens": 4}}}}
    stream.feed(b"event: message-end\ndata: " + json.dumps(end).encode() + b"\n\n")
    stream.close()
    assert counts(stream.usage) == (3, 4)
