"""Streams in Anthropic's form, put together by Anthropic's own client."""

from collections.abc import Iterable
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from pydantic import TypeAdapter
from tests.unit.dialects.said import BASE, Said, chunk, chunks_of, events_of, in_order, streams

from tianji.dialects.messages import Messages
from tianji.protocol.chat.answer import Chunk, Delta, FunctionDelta, ToolCallDelta, Usage
from tianji.protocol.chat.request import ThinkingBlock

BODY = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"q"}]}'
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def stream(chunks: Iterable[Chunk]) -> list[dict[str, Any]]:
    encoder = Messages(BODY).stream()
    return events_of(b"".join([*map(encoder.chunk, chunks), encoder.end()]))


def together(events: list[dict[str, Any]]) -> Message:
    """Let the client put the events together, after it found each of them well-formed."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":
            made = EVENT.validate_python(event)
            snapshot = accumulate_event(event=made, current_snapshot=snapshot, json_bufs=buffers)
    return Message.model_validate(snapshot.to_dict())


def check_order(events: list[dict[str, Any]]) -> None:
    """One block at a time, numbered from 0, all of them ended; one beginning and one end."""
    types = [event["type"] for event in events if event["type"] != "ping"]
    assert types[0] == "message_start"
    assert types[-2:] == ["message_delta", "message_stop"]
    assert types.count("message_start") == types.count("message_delta") == types.count("message_stop") == 1
    number, is_open = 0, False
    for event in events:
        if event["type"] == "content_block_start":
            assert not is_open
            assert event["index"] == number
            is_open = True
        elif event["type"] == "content_block_delta":
            assert is_open
            assert event["index"] == number
        elif event["type"] == "content_block_stop":
            assert is_open
            assert event["index"] == number
            number, is_open = number + 1, False
    assert not is_open


def test_the_sequence_of_a_short_answer() -> None:
    events = stream(in_order(Said(text="It rains.")))
    assert [event["type"] for event in events] == [
        "message_start",
        "ping",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"]["input_tokens"] > 0
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
        },
    }


@given(streams())
def test_any_stream_is_well_formed_and_says_what_the_whole_answer_says(made: tuple[Said, list[Chunk]]) -> None:
    said, chunks = made
    events = stream(chunks)
    check_order(events)
    streamed = together(events)
    whole = Message.model_validate_json(Messages(BODY).answer(said.whole()))
    assert [b for b in streamed.content if b.type == "thinking"] == [b for b in whole.content if b.type == "thinking"]
    calls = [b for b in streamed.content if b.type == "tool_use"]  # in the order in which they began
    assert sorted(calls, key=lambda b: b.id) == [b for b in whole.content if b.type == "tool_use"]
    assert "".join(b.text for b in streamed.content if b.type == "text") == said.text
    assert (streamed.stop_reason, streamed.usage.input_tokens) == (whole.stop_reason, whole.usage.input_tokens)
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_each_chunk_goes_out_at_once() -> None:
    encoder = Messages(BODY).stream()
    for delta in (
        Delta(reasoning_content="a"),
        Delta(content="b"),
        Delta(tool_calls=[ToolCallDelta(index=0, id="c", function=FunctionDelta(name="f", arguments='{"a":'))]),
        Delta(tool_calls=[ToolCallDelta(index=0, function=FunctionDelta(arguments="1}"))]),
        Delta(tool_calls=[ToolCallDelta(index=1, id="d", function=FunctionDelta(name="f", arguments='{"b":2}'))]),
    ):
        events = events_of(encoder.chunk(chunk(delta)))
        assert events[-1]["type"] == "content_block_delta"


def test_calls_side_by_side_become_blocks_one_after_another() -> None:
    def piece(index: int, text: str) -> Delta:
        return Delta(tool_calls=[ToolCallDelta(index=index, function=FunctionDelta(arguments=text))])

    def begin(index: int) -> Delta:
        return Delta(tool_calls=[ToolCallDelta(index=index, id=f"c{index}", function=FunctionDelta(name="f"))])

    deltas = [begin(0), begin(1), piece(0, '{"a":'), piece(1, '{"b"'), piece(0, "0}"), piece(1, ":1}")]
    events = stream(chunks_of(deltas, "tool_calls"))
    check_order(events)
    assert [(b.id, b.input) for b in together(events).content if b.type == "tool_use"] == [
        ("c0", {"a": 0}),
        ("c1", {"b": 1}),
    ]


def test_what_a_custom_tool_is_given_becomes_an_object_where_it_ends() -> None:
    def custom(index: int, text: str, **more: Any) -> Delta:
        return Delta(tool_calls=[ToolCallDelta(index=index, custom={"input": text, **more})])

    begun = Delta(tool_calls=[ToolCallDelta(index=0, id="c0", function=FunctionDelta(name="f", arguments='{"a"'))])
    ended = Delta(tool_calls=[ToolCallDelta(index=0, function=FunctionDelta(arguments=":0}"))])
    deltas = [begun, custom(1, "", name="run"), custom(1, 'say "o'), ended, custom(1, 'ne"\n'), Delta(content="So.")]
    events = stream(chunks_of([*deltas, custom(2, "", name="idle")], "tool_calls"))
    check_order(events)
    assert [block.to_dict() for block in together(events).content] == [
        {"type": "tool_use", "id": "c0", "name": "f", "input": {"a": 0}},
        {"type": "tool_use", "id": "call_1", "name": "run", "input": {"raw": 'say "one"\n'}},
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": "call_2", "name": "idle", "input": {}},
    ]


def test_sound_is_read_out() -> None:
    deltas = [Delta(audio={"id": "a", "transcript": "Good "}), Delta(audio={"data": "AAEC"})]
    events = stream(chunks_of([*deltas, Delta(audio={"transcript": "morning."})], "stop"))
    check_order(events)
    (text,) = together(events).content
    assert text.to_dict() == {"type": "text", "text": "Good morning."}


def test_signatures_end_their_block() -> None:
    deltas = [
        Delta(thinking_blocks=[ThinkingBlock(type="thinking", thinking="one")], reasoning_content="one"),
        Delta(thinking_blocks=[ThinkingBlock(type="thinking", thinking="", signature="c2ln")]),
        Delta(thinking_blocks=[ThinkingBlock(type="redacted_thinking", data="xyz")]),
        Delta(thinking_blocks=[ThinkingBlock(type="thinking", thinking="two")], reasoning_content="two"),
        Delta(thinking_blocks=[ThinkingBlock(type="thinking", thinking="", signature="c2lo")]),
        Delta(content="said"),
    ]
    events = stream(chunks_of(deltas, "stop"))
    check_order(events)
    assert [block.to_dict() for block in together(events).content] == [
        {"type": "thinking", "thinking": "one", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "two", "signature": "c2lo"},
        {"type": "text", "text": "said"},
    ]


def test_refusals_citations_and_other_choices() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://e.com", "title": "T"}}
    deltas = [Delta(content="It rains."), Delta(annotations=[cited]), Delta(refusal=" No more.")]
    chunks = chunks_of(deltas, "stop")
    second = chunk(Delta(content="not this"))
    second.choices[0].index = 1
    chunks.insert(2, second)
    found = together(stream(chunks))
    (text,) = found.content
    assert text.type == "text"
    assert text.text == "It rains. No more."
    assert text.citations is not None
    assert found.stop_reason == "refusal"


def test_what_an_upstream_of_this_form_said_beside_the_hub() -> None:
    cited = {"type": "page_location", "cited_text": "wet", "document_index": 0, "document_title": None, "file_id": None}
    cited |= {"start_page_number": 1, "end_page_number": 2}
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    fields = [{"server_tool_blocks": [searched]}, {"citations": [[cited]]}, {"stop_sequence": "END"}]
    deltas = [Delta(provider_specific_fields=one) for one in fields]
    events = stream(chunks_of([deltas[0], Delta(content="It rains."), *deltas[1:]], "stop"))
    check_order(events)
    found = together(events)
    search, text = found.content
    assert search.to_dict() == searched
    assert text.type == "text"
    assert [one.type for one in text.citations or ()] == ["page_location"]
    assert (found.stop_reason, found.stop_sequence) == ("stop_sequence", "END")


def test_usage_from_the_cache() -> None:
    usage = Usage(prompt_tokens=9, completion_tokens=1, total_tokens=10, cache_read_input_tokens=4)
    events = stream([chunk(Delta(content="a"), "stop"), Chunk(**BASE, choices=[], usage=usage)])
    assert events[-2]["usage"]["input_tokens"] == 5
    assert events[-2]["usage"]["cache_read_input_tokens"] == 4


def test_a_stream_without_anything() -> None:
    events = stream([])
    check_order(events)
    assert together(events).content == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "m", "type": "rate_limit_error", "code": "429", "status": 429}, "rate_limit_error"),
        ({"message": "m", "type": "overloaded_error", "code": None, "status": 500}, "overloaded_error"),
        ({"message": "m", "type": "upstream_error", "code": "502", "status": 502}, "api_error"),
        ({"message": "m", "type": "strange_error", "code": "", "status": 404}, "not_found_error"),
        ({"message": "m", "type": None, "code": "rate_limit_exceeded"}, "rate_limit_error"),
        ({"message": "m", "type": "nobody_knows", "code": "whatever"}, "api_error"),
    ],
)
def test_a_stream_that_is_cut_off_ends_in_an_error(error: dict[str, object], kind: str) -> None:
    encoder = Messages(BODY).stream()
    encoder.chunk(chunk(Delta(content="It ra")))
    assert events_of(encoder.failed(error)) == [{"type": "error", "error": {"type": kind, "message": "m"}}]
