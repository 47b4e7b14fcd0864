"""Streams of chat that tell a model's thoughts within their text."""

from typing import Any

import msgspec
from hypothesis import given
from tests.unit.dialects.said import BASE, Said, chunk, streams

from tianji.dialects.thinking_aloud import AloudEncoder, inbound
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Delta


def written(encoder: AloudEncoder, chunks: list[Chunk]) -> list[dict[str, Any]]:
    """Return the first choice's deltas as a client reads them."""
    told = b"".join(map(encoder.chunk, chunks)).split(b"\n\n")
    found = [msgspec.json.decode(event.removeprefix(b"data: ")) for event in told if event]
    return [one["choices"][0]["delta"] for one in found if one["choices"]]


def content(deltas: list[dict[str, Any]]) -> str:
    return "".join(delta.get("content") or "" for delta in deltas)


@given(streams())
def test_a_thought_stands_before_the_text_once(stream: tuple[Said, list[Chunk]]) -> None:
    said, chunks = stream
    deltas = written(AloudEncoder(True), chunks)
    thought = f"<think>{said.thinking}</think>" if said.thinking else ""
    assert content(deltas) == thought + said.text
    assert not any("reasoning_content" in delta for delta in deltas)
    assert sum("tool_calls" in delta for delta in deltas) == sum(
        bool(choice.delta.tool_calls) for one in chunks for choice in one.choices
    )


def test_a_mark_comes_with_what_follows_it() -> None:
    deltas = [Delta(role="assistant", content=""), Delta(reasoning_content="Let "), Delta(reasoning_content="me"),
              Delta(content="Hel"), Delta(content="lo")]  # fmt: skip
    chunks = [*map(chunk, deltas), chunk(Delta(), "stop")]
    told = [delta.get("content") for delta in written(AloudEncoder(False), chunks)]
    assert told == ["", "<think>Let ", "me", "</think>Hel", "lo", None]


def test_who_thinks_again_is_marked_again() -> None:
    deltas = [Delta(reasoning_content="a"), Delta(content="b"), Delta(reasoning_content="c", content="d")]
    assert content(written(AloudEncoder(False), [*map(chunk, deltas), chunk(Delta(), "stop")])) == (
        "<think>a</think>b<think>c</think>d"
    )


def test_a_thought_that_nothing_follows_ends_with_the_answer() -> None:
    deltas = written(AloudEncoder(False), [chunk(Delta(reasoning_content="a")), chunk(Delta(), "length")])
    assert content(deltas) == "<think>a</think>"


def test_each_answer_has_its_own_thoughts() -> None:
    encoder, told = AloudEncoder(False), {0: "", 1: ""}
    for index, delta in (
        (0, Delta(reasoning_content="a")),
        (1, Delta(content="x")),
        (1, Delta(reasoning_content="b")),
        (0, Delta(content="y")),
        (1, Delta(content="z")),
    ):
        event = encoder.chunk(Chunk(**BASE, choices=[ChunkChoice(index=index, delta=delta)]))
        told[index] += msgspec.json.decode(event.removeprefix(b"data: "))["choices"][0]["delta"]["content"]
    assert told == {0: "<think>a</think>y", 1: "x<think>b</think>z"}


def test_a_whole_answer_is_left() -> None:
    whole = Said("a", "", "b").whole()
    body = inbound(b'{"model":"m","messages":[]}', "m", False).answer(whole)
    message = msgspec.json.decode(body)["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("b", "a")
