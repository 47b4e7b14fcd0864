"""OpenAI's two forms as upstreams: chat under clients of Messages and Gemini, Responses under chat and Messages."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, events, openai_model
from tests.contract.translation.recorded import CHAT, RECORDED, RESPONSES, answers, joined
from tests.contract.translation.recorded import claude as claude_model

TURNS = [{"role": "user", "content": "Which town?"}]
REFUSAL = "That is nothing I help with."
CALLS = [
    {"type": "tool_use", "id": "call_RecordedA", "name": "get_weather", "input": {"town": "Ghent"}},
    {"type": "tool_use", "id": "call_RecordedB", "name": "get_time", "input": {}},
]
THOUGHT = {
    "type": "thinking",
    "thinking": "Two towns are asked for.\n\nEach has a tool.",
    "signature": "openai:rs_RecordedA:c2VhbGVkLXJlYXNvbmluZw==",
}
CITED = {
    "type": "web_search_result_location",
    "url": "https://towers.example/list",
    "title": "Towers",
    "cited_text": "",
    "encrypted_index": "",
}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def message_usage(prompt: int, made: int, *, read: int = 0, written: int = 0, thought: int = 0) -> dict[str, Any]:
    counted = {"input_tokens": prompt, "cache_creation_input_tokens": written, "cache_read_input_tokens": read}
    return (
        counted | {"output_tokens": made} | ({"output_tokens_details": {"thinking_tokens": thought}} if thought else {})
    )


# what a client of Messages reads of each form: the content, why it ended, the usage
MESSAGES: dict[tuple[str, str], tuple[list[dict[str, Any]], str, dict[str, Any]]] = {
    ("chat", "tools"): (
        [text("Both are looked up."), *CALLS],
        "tool_use",
        message_usage(172, 40, read=128, thought=16),
    ),
    ("chat", "refusal"): ([text(REFUSAL)], "refusal", message_usage(21, 8)),
    ("chat", "logprobs"): ([text("Déjà vu")], "max_tokens", message_usage(12, 2)),
    ("chat", "audio"): ([text("Good morning.")], "end_turn", message_usage(30, 50)),
    ("responses", "tools"): (
        [THOUGHT, text("Let me look at both."), *CALLS],
        "tool_use",
        message_usage(80, 90, read=256, written=64, thought=64),
    ),
    ("responses", "custom"): (
        [{"type": "tool_use", "id": "call_RecordedC", "name": "run_code", "input": {"raw": 'print("two\nlines")'}}],
        "tool_use",
        message_usage(60, 18),
    ),
    ("responses", "search"): (
        [text("The tower is the one in the north.", citations=[CITED])],
        "end_turn",
        message_usage(350, 30),
    ),
    ("responses", "refusal"): ([text(REFUSAL)], "refusal", message_usage(21, 8)),
    ("responses", "incomplete"): ([text("It begins and")], "max_tokens", message_usage(20, 16, thought=12)),
}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [
            openai_model("chat", "gpt-4o", mock_process.url),
            openai_model("responses", "responses/gpt-5", mock_process.url),
            openai_model("native", "gpt-5", mock_process.url, use_chat_completions_api=False),
            openai_model("aloud", "gpt-4o", mock_process.url, merge_reasoning_content_in_choices=True),
            {
                "model_name": "texts",
                "litellm_params": {
                    "model": "text-completion-openai/davinci-002",
                    "api_base": f"{mock_process.url}/v1",
                    "api_key": "sk-canary-7Qx2Lm9Zt4Wc8Rv1",
                },
            },
            openai_model(
                "taking-turns",
                "gemma",
                mock_process.url,
                supports_system_message=False,
                ensure_alternating_roles=True,
                assistant_continue_message={"content": "Yes?"},
            ),
            claude_model("claude-aloud", mock_process.url, merge_reasoning_content_in_choices=True),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("openai"), edge=edge) as running:
        yield running


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as made:
        yield made


def google(gateway: Gateway, model: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ask as a client of Gemini; return the answer whole and in pieces."""
    body = {"contents": [{"role": "user", "parts": [{"text": "Which town?"}]}]}
    path = f"/v1beta/models/{model}"
    streamed = gateway.post(f"{path}:streamGenerateContent?alt=sse", body).text
    return gateway.post(f"{path}:generateContent", body).json(), events(streamed.replace("\r\n", "\n"))


def generated(gateway: Gateway, mock: Mock, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a client of Gemini gets of a form of chat, whole and in pieces, which end in the same way."""
    answers(mock, CHAT[name])
    whole, pieces = google(gateway, "chat")
    for found in (whole, *pieces):
        assert (found["responseId"], found["modelVersion"]) == (CHAT[name]["whole"]["id"], "chat")
        assert len(found["candidates"]) == 1
    assert pieces[-1]["usageMetadata"] == whole["usageMetadata"]
    assert pieces[-1]["candidates"][0]["finishReason"] == whole["candidates"][0]["finishReason"]
    assert not any("finishReason" in piece["candidates"][0] for piece in pieces[:-1])
    return whole, pieces


def parts(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]


def chat(gateway: Gateway, mock: Mock, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the choice and what the deltas of a stream say of a form of Responses."""
    form = RESPONSES[name]
    answers(mock, form)
    whole = gateway.chat({"model": "responses", "messages": TURNS}).json()
    (choice,) = whole["choices"]
    body = {"model": "responses", "messages": TURNS, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, usage, done = events(gateway.chat(body).text)
    assert done == "[DONE]"
    for found in (whole, *chunks, last, usage):
        assert (found["id"], found["created"], found["model"]) == (form["whole"]["id"], 1767225600, "responses")
    assert (usage["choices"], usage["usage"]) == ([], whole["usage"])
    assert last["choices"][0]["finish_reason"] == choice["finish_reason"]
    assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])
    return whole | choice, joined(chunks)


@pytest.mark.parametrize(("model", "name"), MESSAGES)
def test_messages(claude: anthropic.Anthropic, mock: Mock, model: str, name: str) -> None:
    answers(mock, {"chat": CHAT, "responses": RESPONSES}[model][name])
    ask: Any = {"model": model, "max_tokens": 99, "messages": TURNS}
    whole = claude.messages.create(**ask)
    with claude.messages.stream(**ask) as stream:
        streamed = stream.get_final_message()
    content, reason, usage = MESSAGES[model, name]
    for found in (whole, streamed):
        assert (found.id, found.model) == (f"msg_Recorded{name.capitalize()}", model)
        assert [block.to_dict() for block in found.content] == content
        assert found.stop_reason == reason
        assert found.usage.to_dict().items() >= usage.items()
    assert whole.usage.service_tier == "standard"


def test_gemini_has_calls(gateway: Gateway, mock: Mock) -> None:
    whole, pieces = generated(gateway, mock, "tools")
    calls = [
        {"functionCall": {"name": "get_weather", "args": {"town": "Ghent"}, "id": "call_RecordedA"}},
        {"functionCall": {"name": "get_time", "args": {}, "id": "call_RecordedB"}},
    ]
    assert parts([whole]) == [{"text": "Both are looked up."}, *calls]
    assert parts(pieces) == [{"text": "Both are "}, {"text": "looked up."}, *calls]
    assert whole["candidates"][0]["finishReason"] == "STOP"
    assert whole["usageMetadata"] == {
        "promptTokenCount": 300,
        "candidatesTokenCount": 24,
        "thoughtsTokenCount": 16,
        "totalTokenCount": 340,
        "cachedContentTokenCount": 128,
    }


def test_gemini_is_told_of_a_refusal(gateway: Gateway, mock: Mock) -> None:
    whole, pieces = generated(gateway, mock, "refusal")
    assert parts([whole]) == [{"text": REFUSAL}]
    assert "".join(part["text"] for part in parts(pieces)) == REFUSAL


def test_gemini_has_the_chances_of_tokens(gateway: Gateway, mock: Mock) -> None:
    whole, pieces = generated(gateway, mock, "logprobs")
    result = whole["candidates"][0]["logprobsResult"]
    assert whole["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert result == {
        "topCandidates": [
            {"candidates": [{"token": "Déjà", "logProbability": -0.25}, {"token": "Vu", "logProbability": -1.5}]},
            {"candidates": [{"token": " vu", "logProbability": -0.125}, {"token": " là", "logProbability": -2.0}]},
        ],
        "chosenCandidates": [
            {"token": "Déjà", "logProbability": -0.25},
            {"token": " vu", "logProbability": -0.125},
        ],
    }
    streamed = [found for piece in pieces if (found := piece["candidates"][0].get("logprobsResult"))]
    for name, entries in result.items():
        assert [one for piece in streamed for one in piece[name]] == entries


def test_gemini_hears_sound(gateway: Gateway, mock: Mock) -> None:
    whole, pieces = generated(gateway, mock, "audio")
    kind = "audio/L16;codec=pcm;rate=24000"
    assert parts([whole]) == [{"inlineData": {"mimeType": kind, "data": "AAECAwQFBgcI"}}]
    assert parts(pieces) == [{"inlineData": {"mimeType": kind, "data": data}} for data in ("AAECAwQF", "BgcI")]


def test_gemini_has_a_call_of_a_tool_that_its_client_made_up(gateway: Gateway, mock: Mock) -> None:
    answers(mock, RESPONSES["custom"])
    whole, pieces = google(gateway, "responses")
    call = {"name": "run_code", "args": {"arguments": 'print("two\nlines")'}, "id": "call_RecordedC"}
    assert parts([whole]) == parts(pieces) == [{"functionCall": call}]


def test_chat_has_reasoning_and_calls_which_go_back_as_they_were(gateway: Gateway, mock: Mock) -> None:
    found, said = chat(gateway, mock, "tools")
    message = found["message"]
    assert message["content"] == said["content"] == "Let me look at both."
    assert message["reasoning_content"] == said["reasoning_content"] == THOUGHT["thinking"]
    assert message["thinking_blocks"] == [THOUGHT]
    assert said["thinking_blocks"] == [[THOUGHT | {"thinking": ""}]]  # its text has come already
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    assert calls == [("call_RecordedA", "get_weather", '{"town":"Ghent"}'), ("call_RecordedB", "get_time", "{}")]
    assert [(call["id"], call["name"], call["arguments"]) for call in said["tool_calls"].values()] == calls
    assert found["finish_reason"] == "tool_calls"
    assert found["usage"] == {
        "prompt_tokens": 400,
        "completion_tokens": 90,
        "total_tokens": 490,
        "prompt_tokens_details": {"cached_tokens": 256, "cache_creation_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 64},
    }
    results = [{"role": "tool", "tool_call_id": call_id, "content": "x"} for call_id, *_ in calls]
    gateway.chat({"model": "responses", "messages": [*TURNS, message, *results]})
    thought, _, *called = RESPONSES["tools"]["whole"]["output"]
    back = mock.last()["json"]["input"]
    sealed = next(item for item in back if item.get("type") == "reasoning")
    assert (sealed["id"], sealed["encrypted_content"]) == (thought["id"], thought["encrypted_content"])
    assert [(item["call_id"], item["arguments"]) for item in back if item.get("type") == "function_call"] == [
        (item["call_id"], item["arguments"]) for item in called
    ]


def test_chat_has_a_call_of_a_custom_tool(gateway: Gateway, mock: Mock) -> None:
    found, said = chat(gateway, mock, "custom")
    given = 'print("two\nlines")'
    (call,) = found["message"]["tool_calls"]
    assert call == {"id": "call_RecordedC", "type": "custom", "custom": {"name": "run_code", "input": given}}
    assert said["tool_calls"] == {0: {"id": "call_RecordedC", "name": "run_code", "arguments": given}}
    assert found["finish_reason"] == "tool_calls"


def test_chat_has_what_was_found(gateway: Gateway, mock: Mock) -> None:
    found, said = chat(gateway, mock, "search")
    message = found["message"]
    (annotation,) = message["annotations"]
    assert said["annotations"] == [[annotation]]
    cited = annotation["url_citation"]
    assert (annotation["type"], cited["url"], cited["title"]) == ("url_citation", CITED["url"], CITED["title"])
    assert message["content"][cited["start_index"] : cited["end_index"]] == "the one in the north"
    assert said["content"] == message["content"]
    assert "tool_calls" not in message
    assert "tool_calls" not in said
    assert found["finish_reason"] == "stop"


def test_chat_is_told_of_a_refusal(gateway: Gateway, mock: Mock) -> None:
    found, said = chat(gateway, mock, "refusal")
    assert (found["message"]["content"], found["message"]["refusal"]) == (None, REFUSAL)
    assert (said["content"], said["refusal"]) == ("", REFUSAL)
    assert found["finish_reason"] == "stop"


def test_chat_is_told_where_room_ended(gateway: Gateway, mock: Mock) -> None:
    found, said = chat(gateway, mock, "incomplete")
    assert found["message"]["content"] == said["content"] == "It begins and"
    assert found["finish_reason"] == "length"


def test_a_response_that_failed_is_no_answer(gateway: Gateway, mock: Mock) -> None:
    answers(mock, RESPONSES["failed"])
    body = {"model": "responses", "messages": TURNS, "max_tokens": 99}
    for path in ("/v1/chat/completions", "/v1/messages"):
        whole = gateway.post(path, body)
        assert whole.status_code == 500
        assert whole.json()["error"]["message"] == "openai: The model failed to finish."
        streamed = gateway.post(path, {**body, "stream": True}).text
        *_, last = (line.removeprefix("data: ") for line in streamed.splitlines() if line.startswith("data: "))
        assert "It begins" in streamed
        assert json.loads(last)["error"] == whole.json()["error"]


@pytest.mark.parametrize("name", CHAT)
def test_a_client_of_chat_has_chat_as_it_is(gateway: Gateway, mock: Mock, name: str) -> None:
    form = CHAT[name]
    answers(mock, form)
    body = {"model": "chat", "messages": TURNS}
    assert gateway.chat(body).json() == form["whole"] | {"model": "chat"}
    streamed = gateway.chat({**body, "stream": True, "stream_options": {"include_usage": True}})
    assert events(streamed.text) == [chunk | {"model": "chat"} for chunk in form["stream"][:-1]] + ["[DONE]"]


def unnamed(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what the gateway names in its own way."""
    response = event.get("response", {})
    kept = {name: value for name, value in response.items() if name not in ("id", "model")}
    return event | ({"response": kept} if response else {})


@pytest.mark.parametrize("name", RESPONSES)
def test_a_client_of_responses_has_every_event_as_it_is(gateway: Gateway, mock: Mock, name: str) -> None:
    *sent, last = RESPONSES[name]["stream"]
    answers(mock, RESPONSES[name])
    body = {"model": "native", "input": "Which town?", "store": False, "stream": True}
    lines = gateway.post("/v1/responses", body).text.splitlines()
    *found, end = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
    assert [unnamed(event) for event in found] == [unnamed(event) for event in sent]
    assert {event["response"]["model"] for event in found if "response" in event} == {"native"}
    if name == "failed":  # said as every failure is, wherever it comes from
        assert (end["type"], end["code"]) == ("error", "server_error")
        assert end["message"] == "openai: The model failed to finish."
    else:
        assert unnamed(end) == unnamed(last)


def reasoned(text: str) -> dict[str, Any]:
    """Return a recorded answer of a server that says a thought before the text."""
    whole, stream = json.loads(json.dumps([CHAT["refusal"]["whole"], CHAT["refusal"]["stream"]]))
    (choice,) = whole["choices"]
    choice["message"] |= {"content": text, "reasoning_content": "Let me think."}
    deltas = [{"role": "assistant", "content": ""}, {"reasoning_content": "Let me "}, {"reasoning_content": "think."}]
    pieces = [
        {**stream[0], "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in (*deltas, {"content": text})
    ]
    return {"whole": whole, "stream": [*pieces, *stream[-3:]]}


@pytest.mark.parametrize("usage", [False, True])
def test_thoughts_are_told_within_the_text_of_streams(gateway: Gateway, mock: Mock, usage: bool) -> None:
    form = reasoned("Hello.")
    answers(mock, form)
    body = {"model": "aloud", "messages": TURNS, "stream": True}
    *chunks, done = events(gateway.chat(body | ({"stream_options": {"include_usage": True}} if usage else {})).text)
    assert joined(chunks)["content"] == "<think>Let me think.</think>Hello."
    assert "reasoning_content" not in joined(chunks)
    assert {chunk["model"] for chunk in chunks} == {"aloud"}
    assert (done, [chunk["usage"] for chunk in chunks if not chunk["choices"]]) == (
        "[DONE]",
        [form["whole"]["usage"]] if usage else [],
    )


def test_whole_answers_have_their_thoughts_apart(gateway: Gateway, mock: Mock) -> None:
    form = reasoned("Hello.")
    answers(mock, form)
    (choice,) = gateway.chat({"model": "aloud", "messages": TURNS}).json()["choices"]
    assert choice == form["whole"]["choices"][0]


def test_thoughts_of_another_form_are_told_so_too(gateway: Gateway, mock: Mock) -> None:
    form = RECORDED["tools"]
    answers(mock, form)
    mine = "".join(part.get("thinking", "") for part in form["whole"]["content"])
    text = "".join(part.get("text", "") for part in form["whole"]["content"])
    *chunks, done = events(gateway.chat({"model": "claude-aloud", "messages": TURNS, "stream": True}).text)
    assert (done, joined(chunks)["content"]) == ("[DONE]", f"<think>{mine}</think>{text}")
    assert gateway.chat({"model": "claude-aloud", "messages": TURNS}).json()["choices"][0]["message"]["content"] == text


def test_old_completions_are_asked_by_chat(gateway: Gateway, mock: Mock, claude: anthropic.Anthropic) -> None:
    body = {"model": "texts", "messages": TURNS, "max_tokens": 9}
    whole = gateway.chat(body).json()
    asked = mock.last()
    assert (asked["path"], asked["json"]["prompt"]) == ("/v1/completions", "Which town?")
    *chunks, usage, done = events(
        gateway.chat({**body, "stream": True, "stream_options": {"include_usage": True}}).text
    )
    assert (whole["object"], whole["model"], done) == ("chat.completion", "texts", "[DONE]")
    assert joined(chunks)["content"] == whole["choices"][0]["message"]["content"] != ""
    assert usage["usage"] == whole["usage"]
    said = claude.messages.create(model="texts", max_tokens=9, messages=[{"role": "user", "content": "Which town?"}])
    assert [block.to_dict()["text"] for block in said.content] == [whole["choices"][0]["message"]["content"]]
    old = gateway.post("/v1/completions", {"model": "texts", "prompt": "Which town?", "max_tokens": 9}).json()
    assert (old["object"], old["choices"][0]["text"]) == ("text_completion", whole["choices"][0]["message"]["content"])


def test_a_conversation_is_as_its_model_wants_it(gateway: Gateway, mock: Mock) -> None:
    said = [{"role": "system", "content": "Be nice."}, *TURNS, *TURNS]
    assert gateway.chat({"model": "taking-turns", "messages": said}).status_code == 200
    assert mock.last()["json"]["messages"] == [
        {"role": "user", "content": "Be nice. Which town?"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Which town?"},
    ]
    body = {"model": "taking-turns", "max_tokens": 9, "system": "Be nice.", "messages": TURNS}
    assert gateway.post("/v1/messages", body).status_code == 200
    assert mock.last()["json"]["messages"] == [{"role": "user", "content": "Be nice. Which town?"}]
