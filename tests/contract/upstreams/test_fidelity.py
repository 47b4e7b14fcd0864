"""What goes upstream is what the client sent, and what comes back is what the upstream said, byte for byte."""

import json
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import ODD_KEY, UPSTREAM_KEY, Gateway, Mock, events

MESSAGES = b'"messages":[{"role":"user","content":"one two"}]'
USAGE_ON = b'"stream_options":{"include_usage":true}'

# each in the spelling of some client: what a decoder and an encoder would change is the point
BODIES = {
    "plain": b'{"model":"gpt-test",' + MESSAGES + b"}",
    "spaces and line breaks": b'{\r\n\t"model" : "gpt-test" ,\n  ' + MESSAGES + b"  \n}",
    "key order": b'{"zeta":1,' + MESSAGES + b',"alpha":2,"model":"gpt-test","beta":3}',
    "unknown fields": b'{"model":"gpt-test","x_future":{"deep":[1,{"a":null}]},' + MESSAGES + b',"":0}',
    "number spelling": b'{"model":"gpt-test","temperature":1.0,"top_p":1,"seed":-0,"x":1E+2,"y":0.10,'
    + MESSAGES
    + b"}",
    "big integers": b'{"model":"gpt-test","seed":123456789012345678901234567890,' + MESSAGES + b"}",
    "escapes": b'{"model":"gpt-test","user":"\\u00e9\\/\\ud83d\\ude00\\u0000",' + MESSAGES + b"}",
    "unicode": '{"model":"gpt-test","user":"é 龍 😀 \u202e",'.encode() + MESSAGES + b"}",
    "escaped names": b'{"mod\\u0065l":"gpt-test","us\\u0065r":"a",' + MESSAGES + b"}",
    "several choices": b'{"model":"gpt-test","n":3,"logprobs":true,"top_logprobs":0,' + MESSAGES + b"}",
    "tools": b'{"model":"gpt-test","tools":[{"type":"function","function":{"name":"f","strict":true,'
    b'"parameters":{"type":"object","properties":{}}}}],"tool_choice":"auto","parallel_tool_calls":false,'
    + MESSAGES
    + b"}",
    "images and audio": b'{"model":"gpt-test","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":'
    b'{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}},{"type":"input_audio","input_audio":'
    b'{"data":"UklGRg==","format":"wav"}}]}]}',
    "nulls and empties": b'{"model":"gpt-test","stop":null,"logit_bias":{},"stream":false,' + MESSAGES + b"}",
    "structured": b'{"model":"gpt-test","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":'
    b'{"type":"object","properties":{"a":{"type":"number","minimum":0.50}}}}},' + MESSAGES + b"}",
    "model named inside": b'{"model":"gpt-test","messages":[{"role":"user","content":"{\\"model\\":\\"x\\"}"}]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_reaches_the_upstream_as_it_was_sent(gateway: Gateway, mock: Mock, body: bytes) -> None:
    answer = gateway.chat(body)
    assert answer.status_code == 200, answer.text
    assert mock.last()["body"].encode() == body


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_rename_changes_the_model_and_nothing_else(gateway: Gateway, mock: Mock, body: bytes) -> None:
    answer = gateway.chat(body.replace(b'"gpt-test"', b'"renamed"'))
    assert answer.status_code == 200, answer.text
    assert mock.last()["body"].encode() == body.replace(b'"gpt-test"', b'"upstream-name"')
    assert answer.json()["model"] == "renamed"


def test_every_control_character_and_plane_survives(gateway: Gateway, mock: Mock) -> None:
    text = "".join(map(chr, [*range(0x20), 0x7F, 0x80, 0xFEFF, 0xFFFD, 0x10FFFF])) + '"\\'
    for ascii_only in (True, False):
        body = json.dumps({"model": "gpt-test", "messages": [], "user": text}, ensure_ascii=ascii_only).encode()
        assert gateway.chat(body).status_code == 200
        assert mock.last()["body"].encode() == body


@pytest.mark.parametrize("bytes_a_second", [None, 10_000_000])
def test_a_large_body_survives(gateway: Gateway, mock: Mock, bytes_a_second: int | None) -> None:
    words = " ".join(f"word{i}" for i in range(60_000))
    messages = [{"role": "user", "content": words}]
    body = json.dumps({"tools": [{"x": words[::-1]}], "model": "renamed", "messages": messages, "seed": 1}).encode()
    if bytes_a_second is not None:
        mock.control({"slow_read": bytes_a_second}, times=1)
    assert gateway.chat(body).status_code == 200
    assert mock.last()["body"].encode() == body.replace(b'"renamed"', b'"upstream-name"')


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/completions", "/v1/moderations"])
def test_other_operations_pass_their_bodies_too(gateway: Gateway, mock: Mock, path: str) -> None:
    body = b'{ "input":["a","b"],"prompt":"a","model":"renamed","x_new":1.0, "dimensions":8 }'
    answer = gateway.post(path, body)
    assert answer.status_code == 200, answer.text
    assert mock.last()["path"] == path
    assert mock.last()["body"].encode() == body.replace(b"renamed", b"upstream-name")


def test_embedding_forms_pass(gateway: Gateway, mock: Mock) -> None:
    for value in (b'"text"', b'["a","b"]', b"[1,2,3]", b"[[1,2],[3]]"):
        body = b'{"model":"embed","encoding_format":"base64","input":' + value + b"}"
        assert gateway.post("/v1/embeddings", body).status_code == 200
        assert mock.last()["body"].encode() == body.replace(b'"embed"', b'"embed-up"')


ALIASES = [
    "/chat/completions",
    "/v1/chat/completions",
    "/queue/chat/completions",
    "/engines/renamed/chat/completions",
    "/openai/deployments/renamed/chat/completions?api-version=2024-10-21",
]


@pytest.mark.parametrize("path", ALIASES)
def test_every_path_of_an_operation_serves(gateway: Gateway, mock: Mock, path: str) -> None:
    named = "renamed" in path
    body = b"{" + MESSAGES + b"}" if named else b'{"model":"renamed",' + MESSAGES + b"}"
    answer = gateway.post(path, body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == "renamed"
    assert mock.last()["target"] == "/v1/chat/completions"
    assert mock.last()["json"]["model"] == "upstream-name"


def test_a_model_with_slashes_is_read_from_the_path(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.post("/engines/mock-tokens-3/chat/completions", b"{" + MESSAGES + b"}")
    assert len(answer.json()["choices"][0]["message"]["content"].split()) == 3


def test_the_upstream_gets_these_headers_and_no_others(gateway: Gateway, mock: Mock) -> None:
    private = {
        "cookie": "session=private",
        "user_agent": "client/1",
        "x_forwarded_for": "10.1.2.3",
        "x_real_ip": "10.1.2.3",
        "forwarded": "for=10.1.2.3",
        "referer": "http://intranet/",
        "origin": "http://intranet",
        "traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01",
        "x_custom": "1",
        "openai_organization": "org-client",
        "x_api_key": "sk-other",
        "accept_language": "de",
        "te": "trailers",
    }
    assert gateway.chat(**private).status_code == 200
    request = mock.last()
    assert request["headers"] == [
        ["host", f"127.0.0.1:{mock.port}"],
        ["user-agent", "tianji/0.1.0"],
        ["accept", "application/json, text/event-stream"],
        ["accept-encoding", "identity"],
        ["content-type", "application/json"],
        ["authorization", f"Bearer {UPSTREAM_KEY}"],
        ["content-length", str(request["size"])],
    ]


def test_each_deployment_has_its_own_key(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat({"model": "odd-key", "messages": []}).status_code == 200
    assert dict(mock.last()["headers"])["authorization"] == f"Bearer {ODD_KEY}"


def ask(**more: Any) -> dict[str, Any]:
    return {"model": "shaped", "messages": [{"role": "user", "content": "hi"}], **more}


def test_defaults_additions_and_drops_of_a_deployment(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat(ask(logit_bias={"5": 1}, x_unknown=1.0)).status_code == 200
    request = mock.last()
    assert request["json"] == {
        "model": "shaped-up",
        "messages": [{"role": "user", "content": "hi"}],
        "x_unknown": 1.0,
        "temperature": 0.25,
        "max_tokens": 77,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert dict(request["headers"])["x-tenant"] == "t1"


def test_a_clients_own_value_beats_a_default(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat(ask(temperature=1.5, max_tokens=3)).status_code == 200
    assert (mock.last()["json"]["temperature"], mock.last()["json"]["max_tokens"]) == (1.5, 3)


CONTROLS = {"timeout": 30, "stream_timeout": 20, "drop_params": True, "allowed_openai_params": ["x"]}


def test_control_fields_stay_here(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat(ask(model="gpt-test", **CONTROLS, extra_headers={"x-mine": "1"})).status_code == 200
    request = mock.last()
    assert request["json"].keys() == {"model", "messages"}
    assert dict(request["headers"])["x-mine"] == "1"


@pytest.mark.parametrize("member", [{"seed": 1}, {"temperature": 0.2}])
def test_a_requests_own_word_on_drop_params_counts(
    start_gateway: StartGateway, mock: Mock, member: dict[str, Any]
) -> None:
    """`seed` is a parameter that the first provider lacks, the temperature a value that the second does not take."""
    model = "deepinfra/m" if "seed" in member else "openai/o3"
    params = {"model": model, "api_base": f"{mock.url}/v1", "api_key": "k"}
    models = [{"model_name": "as-all", "litellm_params": params}]
    models.append({"model_name": "strict", "litellm_params": {**params, "drop_params": False}})
    gateway = start_gateway({"model_list": models, "litellm_settings": {"drop_params": True}})
    for name, wish, status in (
        ("as-all", {}, 200),
        ("as-all", {"drop_params": False}, 400),
        ("as-all", {"drop_params": "false"}, 400),
        ("strict", {}, 400),
        ("strict", {"drop_params": True}, 200),
    ):
        answer = gateway.chat(ask(model=name, **member, **wish))
        assert answer.status_code == status, (name, wish, answer.text)
        if status == 200:
            assert mock.last()["json"].keys() == {"model", "messages"}
        else:
            assert answer.json()["error"]["param"] == next(iter(member))


def test_an_api_key_in_the_body_is_used_upstream_and_not_sent_in_the_body(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat(ask(model="gpt-test", api_key="sk-my-own-key")).status_code == 200
    request = mock.last()
    assert dict(request["headers"])["authorization"] == "Bearer sk-my-own-key"
    assert "api_key" not in request["json"]


def test_metadata_goes_upstream_only_where_openai_stores(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat(ask(model="gpt-test", metadata={"team": "a"})).status_code == 200
    assert "metadata" not in mock.last()["json"]
    assert gateway.chat(ask(model="gpt-test", metadata={"team": "a"}, store=True)).status_code == 200
    assert mock.last()["json"]["metadata"] == {"team": "a"}


def test_one_of_two_deployments_answers_and_both_do(gateway: Gateway, mock: Mock) -> None:
    answers = [gateway.chat(ask(model="pair")) for _ in range(40)]
    assert {answer.json()["model"] for answer in answers} == {"pair"}
    assert {answer.headers["x-tianji-model-id"] for answer in answers} == {"pair-a", "pair-b"}
    assert {request["json"]["model"] for request in mock.requests()} == {"pair-a", "pair-b"}


def test_a_deployment_can_be_named_by_its_id(gateway: Gateway, mock: Mock) -> None:
    for _ in range(5):
        assert gateway.chat(ask(model="pair-b")).headers["x-litellm-model-id"] == "pair-b"
    assert {request["json"]["model"] for request in mock.requests()} == {"pair-b"}


# -- answers ------------------------------------------------------------------------------------------------------

ODD_ANSWER = (
    '{ "id":"x","unheard_of":{"é":[1.0,1,1e2]},"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,'
    '"new_tokens":7}, "choices":[{"index":0,"message":{"role":"assistant","content":"\\u00e9\\/"},"odd":null}],'
    '\n"model":"upstream-name", "big":123456789012345678901234567890}'
)


def test_an_answer_comes_back_as_it_was_apart_from_the_model(gateway: Gateway, mock: Mock) -> None:
    mock.control({"body": ODD_ANSWER})
    answer = gateway.chat(ask(model="renamed"))
    assert answer.content == ODD_ANSWER.replace("upstream-name", "renamed").encode()
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_without_a_model_gets_none(gateway: Gateway, mock: Mock) -> None:
    mock.control({"body": '{"data":[]}'})
    assert gateway.post("/v1/embeddings", {"model": "embed", "input": "a"}).content == b'{"data":[]}'


STREAM = [
    '{"id":"x","model":"upstream-name","odd":1.0,"choices":[{"index":0,"delta":{"content":"\\u00e9"}}]}',
    '{"model":"dated-name-2026","choices":[{"index":0,"delta":{"reasoning":"hm","content":"[DONE]"}}],"extra":{"a":[]}}',
    '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"model":"upstream-name"}',
    '{"model":"upstream-name","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
]


def frame(payloads: list[str]) -> bytes:
    renamed = [p.replace("upstream-name", "renamed").replace("dated-name-2026", "renamed") for p in payloads]
    return "".join(f"data: {payload}\n\n" for payload in [*renamed, "[DONE]"]).encode()


def test_a_stream_comes_back_as_it_was_without_the_usage_it_did_not_ask_for(gateway: Gateway, mock: Mock) -> None:
    mock.control({"events": [*STREAM, "[DONE]"]})
    answer = gateway.chat(ask(model="renamed", stream=True))
    assert answer.content == frame(STREAM[:3])


def test_a_stream_keeps_the_usage_that_was_asked_for(gateway: Gateway, mock: Mock) -> None:
    mock.control({"events": [*STREAM, "[DONE]"]})
    answer = gateway.chat(ask(model="renamed", stream=True, stream_options={"include_usage": True}))
    assert answer.content == frame(STREAM)


def test_a_stream_survives_every_way_of_splitting_it(gateway: Gateway, mock: Mock) -> None:
    for size in (1, 2, 3, 7, 64):
        mock.reset()
        mock.control({"events": [*STREAM, "[DONE]"], "split": size})
        assert gateway.chat(ask(model="renamed", stream=True)).content == frame(STREAM[:3])


STREAM_OPTIONS = [
    (b"", b"," + USAGE_ON),
    (b',"stream_options":null', b"," + USAGE_ON),
    (b',"stream_options":{"include_usage":true,"x":1.0}', b',"stream_options":{"include_usage":true,"x":1.0}'),
    (b',"stream_options":{"include_usage":false}', b"," + USAGE_ON),
    (b',"stream_options":{"x":1.0}', b',"stream_options":{"x":1.0,"include_usage":true}'),
]


@pytest.mark.parametrize(("sent", "arrived"), STREAM_OPTIONS)
def test_usage_is_asked_for_upstream(gateway: Gateway, mock: Mock, sent: bytes, arrived: bytes) -> None:
    body = b'{"model":"gpt-test","stream":true,' + MESSAGES + b"%b}"
    answer = gateway.chat(body % sent)
    assert mock.last()["body"].encode() == body % arrived
    payloads = events(answer.text)
    shown = [payload["usage"] is not None for payload in payloads[:-1] if "usage" in payload]
    asked = b'true,"x"' in sent
    assert shown == ([False] * (len(payloads) - 2) + [True] if asked else [])
    assert payloads[-1] == "[DONE]"


def test_usage_is_counted_though_it_was_hidden(gateway: Gateway, mock: Mock) -> None:
    def counted() -> float:
        line = 'tianji_tokens_total{model="renamed",provider="openai",type="completion"} '
        text = gateway.client.get("/metrics").text
        return float(text.partition(line)[2].split("\n", 1)[0] or 0)

    before = counted()
    assert gateway.chat(ask(model="renamed", stream=True, max_tokens=9)).status_code == 200
    assert gateway.chat(ask(model="renamed", max_tokens=9)).status_code == 200
    assert counted() - before == 18


def test_upstream_headers_come_under_a_prefix(gateway: Gateway, mock: Mock) -> None:
    mock.control(
        {
            "headers": {
                "x-ratelimit-remaining-requests": "59",
                "openai-processing-ms": "12",
                "set-cookie": "a=b",
                "access-control-allow-origin": "*",
            }
        }
    )
    headers = gateway.chat(ask(model="gpt-test")).headers
    assert headers["llm_provider-openai-processing-ms"] == "12"
    assert headers["x-ratelimit-remaining-requests"] == headers["llm_provider-x-ratelimit-remaining-requests"] == "59"
    assert "set-cookie" not in headers
    assert "llm_provider-set-cookie" not in headers
    assert "openai-processing-ms" not in headers
