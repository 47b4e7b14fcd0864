"""Streams that are judged: nothing goes out before it was looked at, and an end is one of the client's dialect."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.judge import REASON, Judge


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: str, path: str = "", **params: object) -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url + path, **params}
        return {"guardrail_name": name, "litellm_params": about}

    words = {"guardrail": "litellm_content_filter", "mode": "post_call"}
    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "guardrails": [
            guardrail("passes", "post_call"),
            guardrail("refuses", "post_call", "/refuses"),
            guardrail("shouts", "post_call", "/shouts"),
            guardrail("broken", "post_call", "/broken"),
            guardrail("slow", "post_call", "/slow", timeout=20),
            guardrail("beside", "during_call"),
            guardrail("slow-beside", "during_call", "/slow", timeout=20),
            guardrail("instead", "pre_call", on_flagged_action="passthrough"),
            guardrail("instead-after", "post_call", "/refuses", on_flagged_action="passthrough"),
            {
                "guardrail_name": "words",
                "litellm_params": {**words, "blocked_words": [{"keyword": "zebra", "action": "BLOCK"}]},
            },
            {
                "guardrail_name": "covers",
                "litellm_params": {**words, "blocked_words": [{"keyword": "giraffe", "action": "MASK"}]},
            },
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("streams"), edge=edge) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as made:
        yield made


def chat(client: openai.OpenAI, text: str, *guardrails: str, **members: Any) -> str:
    stream = client.chat.completions.create(
        model="gpt-test",
        messages=[{"role": "user", "content": text}],
        stream=True,
        extra_body={"guardrails": list(guardrails)},
        **members,
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def responses(client: openai.OpenAI, text: str, *guardrails: str) -> str:
    stream = client.responses.create(
        model="gpt-test", input=text, stream=True, store=False, extra_body={"guardrails": list(guardrails)}
    )
    return "".join(event.delta for event in stream if event.type == "response.output_text.delta")


def messages(claude: anthropic.Anthropic, text: str, *guardrails: str) -> str:
    with claude.messages.stream(
        model="gpt-test",
        max_tokens=99,
        messages=[{"role": "user", "content": text}],
        extra_body={"guardrails": list(guardrails)},
    ) as stream:
        return "".join(stream.text_stream)


def gemini(gateway: Gateway, text: str, *guardrails: str) -> str:
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "guardrails": list(guardrails)}
    answer = gateway.post("/v1beta/models/gpt-test:streamGenerateContent?alt=sse", body)
    if answer.status_code != 200:
        raise AssertionError(answer.text)
    lines = answer.text.splitlines()
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return "".join(part["text"] for piece in pieces for part in piece["candidates"][0]["content"]["parts"])


def says(*texts: str) -> list[str]:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test"}
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts), {}]
    ends = [None] * (len(deltas) - 1) + ["stop"]
    choices = [{"index": 0, "delta": one, "finish_reason": end} for one, end in zip(deltas, ends, strict=True)]
    return [*(json.dumps({**frame, "choices": [choice]}) for choice in choices), "[DONE]"]


COVER = "[KEYWORD_REDACTED]"
DIALECTS = ["chat", "responses", "messages", "gemini"]


def streamed(
    name: str, gateway: Gateway, client: openai.OpenAI, claude: anthropic.Anthropic, text: str, *guardrails: str
) -> str:
    if name == "gemini":
        return gemini(gateway, text, *guardrails)
    if name == "messages":
        return messages(claude, text, *guardrails)
    return (chat if name == "chat" else responses)(client, text, *guardrails)


@pytest.mark.parametrize("name", DIALECTS)
def test_what_passes_and_what_is_changed_goes_out_whole(
    name: str, gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    said = streamed(name, gateway, client, claude, "one two three")
    assert said
    assert streamed(name, gateway, client, claude, "one two three", "passes") == said
    assert streamed(name, gateway, client, claude, "one two three", "words") == said
    assert streamed(name, gateway, client, claude, "one two three", "shouts") == said.upper()
    assert judge.texts()[-1] == [said]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_word_is_covered_over_the_borders_of_chunks(
    name: str, gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    pieces = ["A gir", "af", "fe and a zeb", "ra are not a giraffe", " each."]
    mock.control({"events": says(*pieces)}, model="gpt-test")
    assert streamed(name, gateway, client, claude, "hello", "covers") == "".join(pieces).replace("giraffe", COVER)


def test_a_stream_goes_out_as_far_as_it_was_judged(
    gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI
) -> None:
    mock.control({"events": says(*["many words "] * 50, "and a zeb"), "stall_at": 52}, model="gpt-test")
    stream = client.chat.completions.create(
        model="gpt-test",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        extra_body={"guardrails": ["words"]},
    )
    said = ""
    with stream:
        while said.count("many words") < 40:
            said += next(stream).choices[0].delta.content or ""
    mock.wait(aborted=1)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_what_is_refused_before_anything_went_out_has_a_status(
    gateway: Gateway, mock: Mock, judge: Judge, path: str
) -> None:
    turns = [{"role": "user", "content": "one two three"}]
    body = {"model": "gpt-test", "stream": True, "guardrails": ["refuses"], "messages": turns, "max_tokens": 99}
    if path.endswith("responses"):
        body = {"model": "gpt-test", "stream": True, "guardrails": ["refuses"], "input": turns}
    answer = gateway.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == REASON
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-litellm-applied-guardrails"] == "refuses"


def test_who_cannot_judge_lets_no_stream_pass(
    gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.InternalServerError, match="broken"):
        chat(client, "one two three", "broken")


def test_guardrails_see_a_stream_one_after_another(
    gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI
) -> None:
    judge.let.set()
    said = chat(client, "one two three", "shouts", "slow")
    assert said.upper() == said
    assert judge.texts() == [[said.lower()], [said]]


def test_usage_and_calls_come_through(gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    with client.chat.completions.stream(
        model="gpt-test",
        messages=[{"role": "user", "content": "hello"}],
        tools=[tool],
        tool_choice="required",
        stream_options={"include_usage": True},
        extra_body={"guardrails": ["passes"]},
    ) as stream:
        whole = stream.get_final_completion()
    assert whole.usage is not None
    assert whole.choices[0].finish_reason == "tool_calls"
    assert judge.asked[-1]["tool_calls"][0]["function"]["name"] == "weather"


@pytest.mark.parametrize("name", DIALECTS)
def test_a_guardrail_may_answer_a_stream_in_the_models_place(
    name: str, gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    assert streamed(name, gateway, client, claude, "forbidden", "instead") == REASON
    assert mock.requests() == []


@pytest.mark.parametrize("name", DIALECTS)
def test_a_guardrail_may_answer_in_the_place_of_what_the_model_said(
    name: str, gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    assert streamed(name, gateway, client, claude, "one two three", "instead-after") == REASON
    assert len(mock.requests()) == 1


def test_a_stream_waits_for_the_verdict_on_its_request(
    gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI
) -> None:
    said = chat(client, "one two three")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(chat, client, "one two three", "slow-beside")
        assert judge.came.wait(10)
        eventually(lambda: len(mock.requests()) == 2, "the model is asked beside the guardrail")
        assert not waiting.done()
        judge.let.set()
        assert waiting.result(10) == said
    with pytest.raises(openai.BadRequestError, match=REASON):
        chat(client, "forbidden", "beside")


def test_a_client_that_leaves_ends_the_call(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    body = json.dumps({
        "model": "gpt-test", "stream": True, "guardrails": ["slow"], "messages": [{"role": "user", "content": "hello"}],
    }).encode()  # fmt: skip
    mock.control({"stall_at": 3}, model="gpt-test")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER_KEY}\r\n"
    with gateway.connect() as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        eventually(mock.requests, "the model is asked")
        connection.shutdown(socket.SHUT_RDWR)
    mock.wait(aborted=1)


def test_a_stream_that_breaks_is_no_whole_one(
    gateway: Gateway, mock: Mock, judge: Judge, client: openai.OpenAI
) -> None:
    mock.control({"cut_at": 900}, model="gpt-test")
    with pytest.raises(openai.APIError):
        chat(client, "one two three", "passes")
