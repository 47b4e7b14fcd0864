"""Errors of upstreams in every shape seen, and the shape clients get."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import AuthenticationFailed, ConfigurationError, InvalidRequest, UnknownModel
from tianji.protocol import openai_errors as errors
from tianji.routing.failure import Kind, failure_of

HTML = b"<html><head><title>502 Bad &amp; Gateway</title></head><body><h1>nginx</h1></body></html>"
SHAPES = [
    (b'{"error":{"message":"m","type":"t","param":"p","code":"c"}}', ("m", "t", "c", "p")),
    (b'{"error":{"message":"m","type":"t","param":null,"code":null}}', ("m", "t", None, None)),
    (
        b'{"error":{"code":"content_filter","message":"m","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
        ("m", None, "content_filter", None),
    ),
    (b'{"error":"plain"}', ("plain", None, None, None)),
    (b'{"object":"error","message":"m","type":"t","code":429}', ("m", "t", "429", None)),
    (b'{"message":"m"}', ("m", None, None, None)),
    (b'{"detail":"Not Found"}', ("Not Found", None, None, None)),
    (b'{"detail":{"error":{"message":"deep","type":"t"}}}', ("deep", "t", None, None)),
    (
        b'{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"}]}',
        ("messages.0: field required", None, None, "messages.0"),
    ),
    (b'[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', ("m", "INVALID_ARGUMENT", "400", None)),
    (b'{"errors":[{"code":10000,"message":"m"}],"success":false}', ("m", None, "10000", None)),
    (b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}', ("m", "overloaded_error", None, None)),
    (
        b'{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"boom"}}}',
        ("Provider returned error: boom", None, "502", None),
    ),
    (b'{"error_code":"BAD","message":"m"}', ("m", None, "BAD", None)),
    (b"upstream connect error", ("upstream connect error", None, None, None)),
    (HTML, ("502 Bad & Gateway", None, None, None)),
    (b"<p>hello <b>there</b></p>", ("hello there", None, None, None)),
    (b"", ("", None, None, None)),
    (b'"text"', ("text", None, None, None)),
    (b"\xff\xfe", ("��", None, None, None)),
]


@pytest.mark.parametrize(("body", "expected"), SHAPES)
def test_shapes(body: bytes, expected: tuple[str | None, ...]) -> None:
    found = errors.parse_error(body)
    assert (found.message, found.type, found.code, found.param) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: (
            st.lists(c, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "message", "detail", "errors", "code", "type", "loc", "msg", "metadata", "innererror"]
                ),
                c,
                max_size=4,
            )
        ),
    )
)
def test_any_json_is_read(value: object) -> None:
    raw = json.dumps(value).encode()
    error = errors.refused(500, raw, provider="p")
    assert json.loads(errors.error_body(error))["error"]["code"]


@given(st.binary(max_size=200))
def test_any_bytes_are_read(body: bytes) -> None:
    assert errors.refused(400, body, provider="p").status == 400


@pytest.mark.parametrize("body", [b"x" * 1_000_000, b'{"error":{"message":"' + b"y" * 60_000 + b'"}}'])
def test_a_huge_message_is_cut(body: bytes) -> None:
    assert len(errors.refused(400, body, provider="p").message) == len("p: ") + 4000


@pytest.mark.parametrize("before", [0, 3990, 3999, 7990, 7999])
@pytest.mark.parametrize("after", [0, 10, 9000])
@pytest.mark.parametrize("member", ["message", "code", "type", "param"])
def test_no_half_of_a_secret_stands_at_the_cut(before: int, after: int, member: str) -> None:
    secret = "Qw7Rt9"
    error = {"message": "m", member: " " * before + secret * 3 + "." * after}
    refused = errors.refused(400, json.dumps({"error": error}).encode(), provider="p", secrets=[secret])
    assert b"Qw" not in errors.error_body(refused)


@pytest.mark.parametrize("piece", [b"<script", b"<title", b"eyJ-", b"sk-", b"<", b"bearer ", b"a://", b"api_key="])
def test_repetition_costs_no_time(piece: bytes) -> None:
    body = (b"<" if piece.startswith(b"<") else b"") + piece * (60_000 // len(piece))
    started = time.process_time()
    errors.refused(400, body, provider="p", secrets=["a-secret-key"])
    assert time.process_time() - started < 2  # seconds; quadratic behaviour takes far longer


def test_deep_nesting_does_no_harm() -> None:
    assert errors.parse_error(b"[" * 60_000).message.startswith("[[")


STATUSES = [
    (400, 400, "own"),
    (401, 401, "authentication_error"),
    (402, 402, "own"),
    (403, 403, "permission_error"),
    (404, 404, "invalid_request_error"),
    (408, 408, "invalid_request_error"),
    (409, 409, "invalid_request_error"),
    (413, 413, "invalid_request_error"),
    (418, 400, "invalid_request_error"),
    (422, 422, "own"),
    (429, 429, "throttling_error"),
    (498, 400, "invalid_request_error"),
    (500, 500, "internal_server_error"),
    (502, 502, "internal_server_error"),
    (503, 503, "internal_server_error"),
    (504, 504, "internal_server_error"),
    (529, 529, "internal_server_error"),
    (302, 502, "upstream_error"),
]


@pytest.mark.parametrize(("upstream", "status", "wire_type"), STATUSES)
def test_statuses(upstream: int, status: int, wire_type: str) -> None:
    error = errors.refused(upstream, b'{"error":{"message":"m","type":"own"}}', provider="groq")
    assert (error.status, error.wire_type) == (status, wire_type)
    assert json.loads(errors.error_body(error))["error"]["code"] == str(status)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            b'{"error":{"message":"This model\'s maximum context length is 8 tokens","type":"x"}}',
            "context_length_exceeded",
        ),
        (b'{"error":{"message":"m","code":"context_length_exceeded"}}', "context_length_exceeded"),
        (b"Current length is 9 while limit is 8", "context_length_exceeded"),
        (b"prompt tokens (9) exceed model maximum (8)", "context_length_exceeded"),
        (b'{"error":{"message":"m","code":"content_filter"}}', "content_filter"),
        (b"The response was filtered due to Azure OpenAI's content management policy", "content_policy_violation"),
        (b"string_above_max_length: string too long. expected a string with maximum length 5", None),
        (b"bad temperature", None),
    ],
)
def test_context_and_policy_are_recognised(body: bytes, code: str | None) -> None:
    error = errors.refused(400, body, provider="p")
    assert error.status == 400
    assert error.code == code
    if code == "context_length_exceeded":
        assert error.wire_type == "invalid_request_error"


CONTEXTS = [  # a provider, and what it says of a prompt that is too long
    ("anthropic", "prompt is too long: 5 tokens > 4 maximum"),
    ("anthropic", "input length and `max_tokens` exceed context limit: 5 + 4 > 8"),
    ("bedrock", "Too many input tokens. Max input tokens: 4"),
    ("bedrock", "too many tokens"),
    ("bedrock", "Malformed input request: expected maxLength: 4"),
    ("bedrock_mantle", "prompt tokens (9) exceed model maximum (5)"),
    ("sagemaker", "`inputs` tokens + `max_new_tokens` must be <= 4"),
    ("sagemaker", "use an instance type with more CPU capacity or memory"),
    ("vertex_ai", "400 Request payload size exceeds the limit"),
    ("gemini", "The input token count (9) exceeds the maximum number of tokens allowed (4)"),
    ("cohere_chat", "too many tokens: total number of tokens cannot exceed 4"),
    ("huggingface", "length limit exceeded"),
    ("ai21", "Prompt has too many tokens"),
    ("nlp_cloud", "Input text length should not exceed 4 tokens"),
    ("replicate", "Your input is too long"),
    ("mistral", "Prompt contains 9 tokens, too large for model with 4 maximum context length"),
    ("perplexity", "the length of all messages is too long"),
    ("cerebras", "Current length is 9 while limit is 4"),
    ("llamafile", "the request exceeds the available context size"),
    ("hosted_vllm", "This model's maximum context length is 4 tokens"),
]
POLICIES = [
    ("openai", {"message": "Your request was rejected as a result of our safety system"}),
    ("openai", {"message": "m", "code": "cyber_policy"}),
    ("openai", {"message": "m", "code": "moderation_blocked"}),
    ("azure", {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}),
    ("azure", {"message": "The model produced invalid content"}),
    ("anthropic", {"message": "Output blocked by content filtering policy"}),
    ("bedrock", {"message": "Output blocked by content filtering policy"}),
    ("vertex_ai", {"message": "The response was blocked."}),
]


@pytest.mark.parametrize(("provider", "said"), CONTEXTS)
def test_every_providers_words_for_too_long_a_prompt_feed_fallbacks(provider: str, said: str) -> None:
    error = errors.refused(400, json.dumps({"error": {"message": said}}).encode(), provider=provider)
    assert (error.status, error.code) == (400, "context_length_exceeded")
    assert failure_of(error).kind is Kind.CONTEXT_WINDOW


@pytest.mark.parametrize(("provider", "said"), POLICIES)
def test_every_providers_words_for_refused_content_feed_fallbacks(provider: str, said: object) -> None:
    error = errors.refused(400, json.dumps({"error": said}).encode(), provider=provider)
    assert failure_of(error).kind is Kind.CONTENT_POLICY


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_the_clients(status: int) -> None:
    key = "sk-live-0123456789"
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "code": key, "type": "x"}}).encode()
    error = errors.refused(status, body, provider="openai", secrets=[key])
    assert "the upstream (openai) refused the gateway's credentials, not yours" in error.message
    assert key.encode() not in errors.error_body(error)


def test_own_errors() -> None:
    body = json.loads(errors.error_body(UnknownModel("m")))
    assert body == {
        "error": {"message": "m", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    }
    assert json.loads(errors.error_body(AuthenticationFailed("m")))["error"]["code"] == "401"
    assert json.loads(errors.error_body(InvalidRequest("m"), "id-1"))["error"]["litellm_call_id"] == "id-1"
    assert json.loads(errors.error_body(ConfigurationError("a\udfff")))["error"]["message"] == "a?"


def test_event_is_one_frame() -> None:
    event = errors.error_event(InvalidRequest("line\nbreak"))
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"error": {"code": 502, "message": "m"}}, 502),
        ({"error": {"code": "429", "message": "m"}}, 429),
        ({"error": {"type": "overloaded_error", "message": "m"}}, 503),
        ({"error": {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "m"}}, 400),
        ({"error": {"message": "m"}}, 500),
        ({"error": "boom"}, 500),
        ({"error": {"message": "Requested token count exceeds the model's maximum context length", "code": 400}}, 400),
        ({"error": {"code": 200, "message": "m"}}, 502),
    ],
)
def test_in_band_errors(event: dict[str, object], status: int) -> None:
    assert errors.refused_in_band(event, provider="p").status == status


@pytest.mark.parametrize(
    ("provider", "status", "said"),
    [
        ("bedrock", 400, "Too many tokens in the prompt"),
        ("bedrock", 400, "Malformed input request: expected maxLength: 5, actual: 9"),
        ("cohere_chat", 400, "too many tokens: size limit exceeded"),
        ("huggingface", 422, "length limit exceeded"),
        ("sagemaker", 424, "Please use an instance type with more CPU capacity or memory"),
        ("vertex_ai_beta", 400, "400 Request payload size exceeds the limit"),
    ],
)
def test_some_words_mean_it_with_one_provider_alone(provider: str, status: int, said: str) -> None:
    body = json.dumps({"message": said}).encode()
    assert errors.refused(status, body, provider=provider).code == "context_length_exceeded"
    assert errors.refused(status, body, provider="openai").code != "context_length_exceeded"


def test_a_refusal_of_content_by_vertex() -> None:
    body = b'{"error": {"message": "The response was blocked."}}'
    assert errors.refused(400, body, provider="vertex_ai").code == "content_policy_violation"
    assert errors.refused(400, body, provider="openai").code != "content_policy_violation"


def test_words_under_names_of_awss() -> None:
    assert "no such endpoint" in errors.refused(400, b'{"Message": "no such endpoint"}', provider="sagemaker").message
