"""A stream whose texts are joined says what it said before."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.cache.replay import chat, messages
from tianji.cache.replay.joining import CHAT, MESSAGES, joined

WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\\", '\\"}', '"delta"', "\n\n"]
)
PROBABLE = {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}
CHOICES = st.fixed_dictionaries(
    {
        "index": st.integers(0, 1),
        "delta": st.fixed_dictionaries(
            {"content": WORD}, optional={"refusal": st.none() | WORD, "reasoning_content": WORD}
        )
        | st.fixed_dictionaries({"role": st.just("assistant"), "content": WORD}),
    },
    optional={"logprobs": st.sampled_from([None, PROBABLE]), "finish_reason": st.sampled_from([None, "stop"])},
)
CHUNKS = st.fixed_dictionaries(
    {"id": st.just("1"), "model": st.sampled_from(["m", "n"]), "choices": st.lists(CHOICES, min_size=1, max_size=2)},
    optional={"obfuscation": st.text("ab", max_size=3), "usage": st.none()},
)


def run(chunk: dict[str, Any], words: list[str]) -> list[dict[str, Any]]:
    """Chunks that differ in the first of their texts alone."""
    found = []
    for word in words:
        one = json.loads(json.dumps(chunk))
        one["choices"][0]["delta"]["content"] = word
        found.append(one)
    return found


RUNS = st.builds(run, CHUNKS, st.lists(WORD, min_size=1, max_size=4))


def stream(payloads: list[dict[str, Any]], *, ascii_only: bool, end: str) -> bytes:
    said = [json.dumps(payload, separators=(",", ":"), ensure_ascii=ascii_only) for payload in payloads]
    return "".join(f"data: {one}{end}" for one in [*said, "[DONE]"]).encode()


def unjoined(monkeypatch: pytest.MonkeyPatch, module: Any, events: bytes) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(module, "joined", lambda same, _mark: same)
        return json.loads(module.whole(events, None))


@given(st.lists(RUNS, min_size=1, max_size=3), st.booleans(), st.sampled_from(["\n\n", "\r\n\r\n"]))
def test_the_answer_is_the_same(runs: list[list[dict[str, Any]]], ascii_only: bool, end: str) -> None:
    events = stream([chunk for chunks in runs for chunk in chunks], ascii_only=ascii_only, end=end)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert json.loads(chat.whole(events, None)) == unjoined(monkeypatch, chat, events)


@given(st.lists(WORD, min_size=1, max_size=8), st.lists(st.integers(0, 1), min_size=8, max_size=8))
def test_a_message_is_the_same(words: list[str], blocks: list[int]) -> None:
    said: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "1", "content": [], "usage": {}}}]
    said += [
        {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
        for index in (0, 1)
    ]
    said += [
        {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": word}}
        for index, word in zip(blocks, words, strict=False)
    ]
    lines = [f"event: {one['type']}\ndata: {json.dumps(one, separators=(',', ':'))}\n\n" for one in said]
    events = "".join(lines).encode()
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert json.loads(messages.whole(events, None)) == unjoined(monkeypatch, messages, events)
    found = joined(events, MESSAGES)
    runs = 1 + sum(one != other for one, other in pairwise(blocks[: len(words)]))
    assert found.count(b"content_block_delta\n") == runs


def test_texts_in_a_row_become_one() -> None:
    words = ["", "a", '"', "\\", "ü", "\n"]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": word}, "logprobs": None}], "obfuscation": "x" * at}
        for at, word in enumerate(words)
    ]
    found = joined(stream(chunks, ascii_only=True, end="\n\n"), CHAT)
    one = {"choices": [{"index": 0, "delta": {"content": "".join(words)}, "logprobs": None}]}
    assert found == stream([one], ascii_only=True, end="\n\n")


@pytest.mark.parametrize(
    "more",
    [
        {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": PROBABLE}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a", "reasoning_content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"refusal": "b"}}]},
    ],
)
def test_what_else_is_said_of_each_piece_is_not_lost(more: dict[str, Any]) -> None:
    events = stream([more, more], ascii_only=True, end="\n\n")
    assert joined(events, CHAT) == events


@pytest.mark.parametrize(
    "broken", [b'data: {"delta":{"content":"', b'data: {"delta":{"content":"a\\', CHAT, b"", b"data: x"]
)
def test_what_breaks_off_stays_as_it_is(broken: bytes) -> None:
    assert joined(broken, CHAT) == broken
    assert joined(broken + b"\n\n" + broken, CHAT) == broken + b"\n\n" + broken
