"""Calls of tools leave a stream when they were judged, changed or not at all."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.streaming.streams import Guard, Run, events, sse

from tianji.guardrails.content import Content, Kind, ToolCall
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.verdict import Allow, Block, Rewrite, Verdict

WINDOW = Policy(Scan.WINDOW, hold=4, every=1)
END = Policy(Scan.END)
PIECES = ('{"city": "Pa', 'ris", "da', 'ys": 2}')


def chat(*calls: str) -> bytes:
    frame = {"id": "c1", "object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "well"}]
    for index, name in enumerate(calls):
        first = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in PIECES]
    chunks = [frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(frame | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return b"".join(map(sse, [*chunks, "[DONE]"]))


def messages(*calls: str) -> bytes:
    found: list[Any] = [
        {"type": "message_start", "message": {"id": "m1", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "well"}},
        {"type": "content_block_stop", "index": 0},
    ]
    for at, name in enumerate(calls, 1):
        block = {"type": "tool_use", "id": f"c{at - 1}", "name": name, "input": {}}
        found.append({"type": "content_block_start", "index": at, "content_block": block})
        found += [
            {"type": "content_block_delta", "index": at, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in PIECES
        ]
        found.append({"type": "content_block_stop", "index": at})
    found += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return b"".join(map(sse, found))


def responses(*calls: str) -> bytes:
    found: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "r", "output": []}}]
    items = []
    for at, name in enumerate(calls):
        item = {
            "type": "function_call",
            "id": f"i{at}",
            "call_id": f"c{at}",
            "name": name,
            "arguments": "".join(PIECES),
        }
        items.append(item)
        found.append({"type": "response.output_item.added", "output_index": at, "item": item | {"arguments": ""}})
        found += [
            {"type": "response.function_call_arguments.delta", "output_index": at, "delta": piece} for piece in PIECES
        ]
        whole = {"arguments": item["arguments"]}
        found.append({"type": "response.function_call_arguments.done", "output_index": at, **whole})
        found.append({"type": "response.output_item.done", "output_index": at, "item": item})
    found.append({"type": "response.completed", "response": {"id": "r", "output": items}})
    return b"".join(sse(event | {"sequence_number": number}) for number, event in enumerate(found))


def gemini(*calls: str) -> bytes:
    parts = [{"functionCall": {"name": name, "args": json.loads("".join(PIECES))}} for name in calls]
    answers = [{"candidates": [{"content": {"parts": [part]}, "index": 0}]} for part in parts]
    answers.append({"candidates": [{"finishReason": "STOP", "index": 0}]})
    return b"".join(f"data: {json.dumps(answer)}\r\n\r\n".encode() for answer in answers)


def called(stream: bytes) -> list[tuple[str, str]]:
    """The calls that a client puts together, as name and arguments."""
    calls: dict[Any, list[str]] = {}
    for event in events(stream):
        if not isinstance(event, dict):
            continue
        for choice in event.get("choices", ()):
            for call in choice["delta"].get("tool_calls", ()):
                own = calls.setdefault(call["index"], ["", ""])
                own[0] += call["function"].get("name", "")
                own[1] += call["function"]["arguments"]
        for candidate in event.get("candidates", ()):
            for part in candidate.get("content", {}).get("parts", ()):
                calls[len(calls)] = [part["functionCall"]["name"], json.dumps(part["functionCall"]["args"])]
        kind = event.get("type")
        if kind == "content_block_start" and event["content_block"]["type"] == "tool_use":
            calls[event["index"]] = [event["content_block"]["name"], ""]
        elif kind == "content_block_delta" and "partial_json" in event["delta"]:
            calls[event["index"]][1] += event["delta"]["partial_json"]
        elif kind == "response.output_item.added":
            calls[event["output_index"]] = [event["item"]["name"], ""]
        elif kind == "response.function_call_arguments.delta":
            calls[event["output_index"]][1] += event["delta"]
        elif kind == "response.completed":
            whole = [[item["name"], item["arguments"]] for item in event["response"]["output"]]
            assert whole == list(calls.values())
    return [(name, arguments) for name, arguments in calls.values()]


FORMS = {"chat": chat, "messages": messages, "responses": responses, "gemini": gemini}
WHOLE = "".join(PIECES)


class Once:
    """Gives a verdict where a content has calls."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.seen: list[Content] = []

    def __call__(self, content: Content) -> Verdict:
        self.seen.append(content)
        return self.verdict if content.calls else Allow()


def through(name: str, data: bytes, verdict: Verdict, policy: Policy) -> tuple[Run, Once]:
    look = Once(verdict)
    driven = Run(name, [(policy, look)])
    for at in range(0, len(data), 50):
        if driven.stream.stopped is None:
            driven.feed(data[at : at + 50])
    if driven.stream.stopped is None:
        driven.end()
    return driven, look


BOTH = pytest.mark.parametrize("policy", [WINDOW, END], ids=["window", "end"])
EACH = pytest.mark.parametrize("name", FORMS)


@EACH
@BOTH
def test_calls_are_judged_whole_and_go_out_as_they_came(name: str, policy: Policy) -> None:
    data = FORMS[name]("weather", "sky")

    driven, look = through(name, data, Allow(), policy)

    assert driven.out == data
    calls = [call for content in look.seen for call in content.calls]
    assert {call.name for call in calls} == {"weather", "sky"}
    assert all(json.loads(call.arguments) == json.loads(WHOLE) for call in calls)
    leaves = [text.text for content in look.seen for text in content.texts if text.kind is Kind.TOOL_ARGUMENTS]
    assert set(leaves) == {"Paris", "city\ndays\n2"}


@EACH
@BOTH
def test_nothing_of_a_call_that_is_refused_goes_out(name: str, policy: Policy) -> None:
    driven, _ = through(name, FORMS[name]("weather"), Block("no"), policy)

    assert driven.stream.stopped == (0, Block("no"))
    assert b"weather" not in driven.out
    assert b"city" not in driven.out


@EACH
@BOTH
def test_the_leaves_of_arguments_are_masked(name: str, policy: Policy) -> None:
    class Masking(Once):
        def __call__(self, content: Content) -> Verdict:
            return Rewrite(texts={at: "<X>" for at, text in enumerate(content.texts) if text.text == "Paris"})

    look = Masking(Allow())
    driven = Run(name, [(policy, look)])
    driven.feed(FORMS[name]("weather"))
    driven.end()

    assert called(driven.out) == [("weather", WHOLE.replace("Paris", "<X>"))]
    assert b"Pa" not in driven.out


@EACH
@BOTH
def test_a_name_or_a_number_in_arguments_cannot_be_masked(name: str, policy: Policy) -> None:
    guard = Guard(policy, masks="days")
    driven = Run(name, [(policy, guard)])
    driven.feed(FORMS[name]("weather"))
    driven.end()

    assert driven.stream.stopped is not None
    assert b"days" not in driven.out


@EACH
@BOTH
def test_a_call_becomes_another(name: str, policy: Policy) -> None:
    driven, _ = through(name, FORMS[name]("weather"), Rewrite(calls={0: ToolCall("sky", '{"a": 1}')}), policy)

    assert called(driven.out) == [("sky", '{"a": 1}')]


@EACH
def test_who_comes_next_sees_the_other_call(name: str) -> None:
    first, second = Once(Rewrite(calls={0: ToolCall("sky", '{"a": "b"}')})), Once(Allow())
    driven = Run(name, [(WINDOW, first), (END, second)])
    driven.feed(FORMS[name]("weather"))
    driven.end()

    assert [(call.name, json.loads(call.arguments)) for call in second.seen[-1].calls] == [("sky", {"a": "b"})]
    assert second.seen[-1].texts[-2].text == "b"


@EACH
def test_who_comes_next_does_not_see_a_call_that_was_taken_out(name: str) -> None:
    second = Once(Allow())
    driven = Run(name, [(END, Once(Rewrite(calls={0: None}))), (END, second)])
    driven.feed(FORMS[name]("weather", "sky"))
    driven.end()

    assert [call.name for call in second.seen[-1].calls] == ["sky"]
    assert called(driven.out)[0][0] == "sky"


@EACH
def test_a_call_is_taken_out_and_the_others_move_up(name: str) -> None:
    driven, _ = through(name, FORMS[name]("weather", "sky"), Rewrite(calls={0: None}), END)

    assert called(driven.out) == [("sky", WHOLE)]
    assert b"weather" not in driven.out
    blocks = [event["index"] for event in events(driven.out) if isinstance(event, dict) and "index" in event]
    assert sorted(set(blocks)) == list(range(len(set(blocks))))


@EACH
def test_without_any_call_the_answer_does_not_end_for_one(name: str) -> None:
    driven, _ = through(name, FORMS[name]("weather"), Rewrite(calls={0: None}), END)

    assert called(driven.out) == []
    assert b'"tool_calls"}' not in driven.out
    assert b'"stop_reason": "tool_use"' not in driven.out
    assert driven.stream.done


def test_a_call_without_arguments_is_judged_too() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "weather", "arguments": ""}}
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    driven, look = through("chat", sse(chunk) + sse("[DONE]"), Block("no"), WINDOW)

    assert look.seen[-1].calls == (ToolCall("weather", "", "c"),)
    assert driven.out == b""
