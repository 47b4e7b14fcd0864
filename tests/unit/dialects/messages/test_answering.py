"""Whole answers and errors in Anthropic's form, judged by Anthropic's own client."""

import anthropic
import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given
from tests.unit.dialects.said import Said, answers

from tianji.dialects.messages import Messages, error_body, error_event
from tianji.errors import Overloaded, TianjiError, UpstreamRefused, UpstreamTimeout
from tianji.protocol.chat.answer import Completion, CompletionDetails, PromptDetails, Usage
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall

BODY = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}]}'


def answer(completion: Completion, body: bytes = BODY) -> Message:
    return Message.model_validate_json(Messages(body).answer(completion), strict=True)


def test_an_answer_in_words() -> None:
    found = answer(Said(text="It rains.").whole())
    assert found.to_dict() == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "some-model",
        "content": [{"type": "text", "text": "It rains."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
        },
    }


@given(answers())
def test_everything_said_is_there_in_order(said: Said) -> None:
    found = answer(said.whole())
    kinds = (["thinking"] if said.thinking else []) + (["text"] if said.text else []) + ["tool_use"] * len(said.calls)
    assert [block.type for block in found.content] == kinds
    assert [(b.id, b.name, b.input) for b in found.content if b.type == "tool_use"] == said.calls
    assert [b.text for b in found.content if b.type == "text"] == ([said.text] if said.text else [])
    wanted = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}
    assert found.stop_reason == wanted[said.finish]


def test_what_came_from_the_cache_is_no_input() -> None:
    completion = Said(text="a").whole()
    completion.usage = Usage(
        prompt_tokens=1000,
        completion_tokens=50,
        total_tokens=1050,
        prompt_tokens_details=PromptDetails(
            cached_tokens=200,
            cache_creation_tokens=700,
            cache_creation_token_details={"ephemeral_5m_input_tokens": 600, "ephemeral_1h_input_tokens": 100},
        ),
        completion_tokens_details=CompletionDetails(reasoning_tokens=30),
        server_tool_use={"web_search_requests": 2},
    )
    completion.service_tier = "default"
    usage = answer(completion).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (100, 200, 700)
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 30
    assert usage.service_tier == "standard"


def test_redacted_thinking_refusals_and_citations() -> None:
    completion = Said(text="It rains.").whole()
    message = completion.choices[0].message
    message.thinking_blocks = [ThinkingBlock(type="redacted_thinking", data="xyz")]
    message.refusal = "I will not say more."
    message.annotations = [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://e.com", "title": "T", "start_index": 0, "end_index": 2},
        }
    ]
    found = answer(completion)
    redacted, text, refusal = found.content
    assert redacted.type == "redacted_thinking"
    assert text.type == refusal.type == "text"
    assert text.citations is not None
    assert text.citations[0].type == "web_search_result_location"
    assert refusal.text == "I will not say more."
    assert found.stop_reason == "refusal"


def test_what_an_upstream_of_this_form_said_beside_the_hub() -> None:
    cited = {
        "type": "char_location",
        "cited_text": "wet",
        "document_index": 0,
        "start_char_index": 0,
        "end_char_index": 3,
    }
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    completion = Said(text="It rains.").whole()
    completion.choices[0].message.provider_specific_fields = {
        "citations": [[cited | {"document_title": None, "file_id": None}]],
        "server_tool_blocks": [searched],
        "stop_sequence": "END",
    }
    found = answer(completion)
    search, text = found.content
    assert search.to_dict() == searched
    assert text.type == "text"
    assert [one.type for one in text.citations or ()] == ["char_location"]
    assert (found.stop_reason, found.stop_sequence) == ("stop_sequence", "END")


def test_arguments_that_are_no_object_are_not_lost() -> None:
    completion = Said(finish="tool_calls").whole()
    broken = [FunctionCall("f", '{"a":'), FunctionCall("f", ""), FunctionCall("f", "[1]")]
    calls = [ToolCall(id=f"c:{n}", type="function", function=function) for n, function in enumerate(broken)]
    completion.choices[0].message.tool_calls = calls
    found = answer(completion)
    assert [block.input for block in found.content] == [{"raw": '{"a":'}, {}, {"raw": "[1]"}]
    assert [block.id for block in found.content] == ["c_0", "c_1", "c_2"]


def test_a_long_name_comes_back_as_it_was() -> None:
    name = "mcp__" + "x" * 80
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": [{"name": name, "input_schema": {}}]}
    inbound = Messages(msgspec.json.encode(body))
    assert inbound.request.tools is not None
    assert inbound.request.tools[0].function is not None
    completion = Said(calls=[("c", inbound.request.tools[0].function.name, {})]).whole()
    assert msgspec.json.decode(inbound.answer(completion))["content"][0]["name"] == name


def test_an_answer_without_choices_or_usage() -> None:
    found = answer(Completion(id="x", created=0, model="m", choices=[]))
    assert (found.content, found.usage.input_tokens, found.stop_reason) == ([], 0, "end_turn")


def refused(status: int, code: str | None = None) -> UpstreamRefused:
    return UpstreamRefused(status, "no", "whatever", code=code, param=None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused(400), "invalid_request_error"),
        (refused(401), "authentication_error"),
        (refused(403), "permission_error"),
        (refused(404), "not_found_error"),
        (refused(413), "request_too_large"),
        (refused(429), "rate_limit_error"),
        (refused(500), "api_error"),
        (refused(529), "overloaded_error"),
        (Overloaded("full"), "api_error"),
        (UpstreamTimeout("late", "total"), "timeout_error"),
    ],
)
def test_errors(error: TianjiError, kind: str) -> None:
    found = msgspec.json.decode(error_body(error))
    assert found == {"type": "error", "error": {"type": kind, "message": error.message}}
    assert error_event(error) == b"event: error\ndata: %b\n\n" % error_body(error)
    if kind != "request_too_large":  # which the client does not know by name
        assert anthropic.types.ErrorResponse.model_validate(found).error.type == kind


def test_a_prompt_that_is_too_long_is_said_in_the_words_that_clients_look_for() -> None:
    found = msgspec.json.decode(error_body(refused(400, "context_length_exceeded")))
    assert found["error"]["message"] == "prompt is too long: no"
