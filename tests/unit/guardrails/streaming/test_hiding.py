"""However a stream is framed and whatever its word is divided over, the word does not get through."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.streaming.streams import Guard, Run

from tianji.guardrails.slots.texts import Unreadable
from tianji.guardrails.streaming.policy import Policy, Scan

END = Policy(Scan.END)


def chunk(**choice: object) -> str:
    return json.dumps({"choices": [{"index": 0, **choice}]})


def said(text: str) -> str:
    return chunk(delta={"content": text})


def both(member: str) -> list[str]:
    return [chunk(delta={member: text}) for text in ("for", "bidden")]


def call(**members: object) -> str:
    return chunk(delta={"tool_calls": [{"index": 0, **members}]})


def function(arguments: str) -> dict[str, Any]:
    return {"function": {"name": "f", "arguments": arguments}}


def delta(index: int, text: str) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text}}


def events(*payloads: str) -> str:
    return "".join(f"data: {payload}\n\n" for payload in payloads)


STREAMS = {
    "CR LF": f"data: {said('for')}\r\n\r\ndata: {said('bidden')}\r\n\r\n",
    "CR": f"data: {said('for')}\r\rdata: {said('bidden')}\r\r",
    "ends of every kind": f"data: {said('for')}\n\r\ndata: {said('bidden')}\r\n\n",
    "no space": f"data:{said('for')}\n\ndata:{said('bidden')}\n\n",
    "mark of UTF-8": f"\ufeffdata: {said('forbidden')}\n\n",
    "several lines": 'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "forbidden"}}]}\n\n',
    "comments": f": x\ndata: {said('for')}\n\n: forbidden\n\ndata: {said('bidden')}\n\n",
    "names": f"event: a\ndata: {said('for')}\n\nevent: b\nid: 7\ndata: {said('bidden')}\n\n",
    "no end": f"data: {said('for')}\n\ndata: {said('bidden')}",
    "behind the end": events("[DONE]", said("forbidden")),
    "another choice between": events(said("for"), said("xx").replace("0", "1"), said("bidden")),
    "two in one": events(json.dumps({"choices": [delta(0, "for"), delta(1, "x"), delta(0, "bidden")]})),
    "nothing between": events(said("for"), said(""), chunk(delta={}), said("bidden")),
    "no index": events(*(text.replace('"index": 0, ', "") for text in (said("for"), said("bidden")))),
    "reasoning": events(*both("reasoning_content")),
    "refusal": events(*both("refusal")),
    "transcript": events(*(chunk(delta={"audio": {"transcript": text}}) for text in ("for", "bidden"))),
    "parts": events(*(chunk(delta={"content": [{"type": "text", "text": text}]}) for text in ("for", "bidden"))),
    "arguments": events(call(id="c", **function('{"a": "for')), call(**function('bidden"}'))),
    "escapes in arguments": events(call(id="c", **function('{"a": "\\u00')), call(**function('66orbidden"}'))),
    "names in arguments": events(call(id="c", **function('{"for')), call(**function('bidden": 1}'))),
    "custom input": events(call(custom={"name": "f", "input": "for"}), call(custom={"input": "bidden"})),
    "whole message": events(chunk(message={"content": "forbidden"})),
    "no list": events(json.dumps({"choices": {"delta": {"content": "forbidden"}}})),
    "a text alone": events('"forbidden"'),
}


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize("name", STREAMS)
def test_a_word_does_not_get_through(name: str, cut: int) -> None:
    driven = Run("chat", [(END, Guard(END, refuses="forbidden"))])
    data = STREAMS[name].encode()
    for at in range(0, len(data), cut):
        driven.feed(data[at : at + cut])
    driven.end()
    assert driven.stream.stopped is not None
    assert driven.out == b""


@pytest.mark.parametrize(
    "payload",
    ['{"choices": [{"delta": {"content": "x", "content": "forbidden"}}]}', "[DONE]forbidden", '{"a": "\x00"}'],
)
def test_what_nobody_can_read_ends_the_stream(payload: str) -> None:
    driven = Run("chat", [(END, Guard(END))])
    with pytest.raises(Unreadable):
        driven.feed(f"data: {payload}\n\n".encode())
