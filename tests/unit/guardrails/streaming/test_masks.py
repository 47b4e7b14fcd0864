"""Masks of a text that grows, when it is judged, and what its events say then."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.streaming.streams import Guard, Run, chat, heard

from tianji.guardrails.slots.texts import Mismatched
from tianji.guardrails.streaming.channels import Channel
from tianji.guardrails.streaming.masks import difference
from tianji.guardrails.streaming.policy import Policy, Scan, policy_of
from tianji.guardrails.verdict import Allow, Block, Rewrite, Span, Verdict

ALL = Policy(Scan.ALL, every=1)
END = Policy(Scan.END)


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_a_difference_makes_one_text_of_the_other(old: str, new: str) -> None:
    found = difference(old, new)

    assert (found is None) == (old == new)
    if found is not None:
        start, end, text = found
        assert old[:start] + text + old[end:] == new


@given(st.lists(st.text("abc", max_size=4), max_size=8), st.data())
def test_the_pieces_of_a_masked_text_are_that_text(pieces: list[str], data: st.DataObject) -> None:
    channel = Channel(("choice", 0, "content"))
    text = "".join(pieces)
    expected, at = "", 0
    while at < len(text):
        start = data.draw(st.integers(at, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        channel.mask(start, end, "#")
        expected += text[at:start] + "#"
        at = end
        if data.draw(st.booleans()):
            break
    expected += text[at:]

    said, position = "", 0
    for piece in pieces:
        said += channel.cut(position, position + len(piece), piece)
        position += len(piece)
    assert said == expected
    assert channel.cut(0, len(text), text) == expected


def through(texts: list[str], verdicts: list[Verdict], policy: Policy) -> Run:
    waiting = iter(verdicts)
    driven = Run("chat", [(policy, lambda content: next(waiting, Allow()))])
    for piece in chat(texts).split(b"\n\n"):
        if piece and driven.stream.stopped is None:
            driven.feed(piece + b"\n\n")
    if driven.stream.stopped is None:
        driven.end()
    return driven


@pytest.mark.parametrize("new", ["", "xyz", "abcdef!", "!abcdef", "abXcdef", "abc", "aXcdYf"])
def test_a_rewrite_without_spans_is_found_in_the_text(new: str) -> None:
    assert heard(through(["ab", "cd", "ef"], [Rewrite(texts={0: new})], END).out) == new


@pytest.mark.parametrize(("span", "expected"), [
    (Span(0, 2, 2, "+"), "ab+cd"), (Span(0, 0, 0, "+"), "+abcd"), (Span(0, 4, 4, "+"), "abcd+"),
])  # fmt: skip
def test_something_may_be_put_between(span: Span, expected: str) -> None:
    assert heard(through(["ab", "cd"], [Rewrite(texts={0: expected}, spans=(span,))], END).out) == expected


def test_a_rewrite_goes_on_where_the_last_one_stopped() -> None:
    verdicts: list[Verdict] = [Rewrite(texts={0: "A"}), Rewrite(texts={0: "AbC"}), Allow()]

    assert heard(through(["a", "bc", "d"], verdicts, ALL).out) == "AbCd"


def test_a_rewrite_of_what_was_sent_ends_the_stream() -> None:
    driven = through(["a", "bc"], [Allow(), Rewrite(texts={0: "Xbc"})], ALL)

    assert heard(driven.out) == "a"
    assert driven.stream.stopped is not None
    assert isinstance(driven.stream.stopped[1], Block)
    assert driven.stream.stopped[1].detail == {"code": "stream_transform_underflow"}


def test_a_rewrite_of_who_cannot_mask_is_a_block() -> None:
    driven = through(["a"], [Rewrite(texts={0: "x"})], Policy(Scan.END, masks=False))

    assert driven.stream.stopped is not None
    assert driven.out == b""


@pytest.mark.parametrize(
    "verdict",
    [Rewrite(texts={1: "x"}), Rewrite(calls={0: None}), Rewrite(texts={0: "y"}, spans=(Span(0, 0, 1, "x"),))],
)
def test_a_rewrite_that_does_not_fit_is_an_error(verdict: Verdict) -> None:
    with pytest.raises(Mismatched):
        through(["a"], [verdict], END)


def test_probabilities_go_with_the_text_that_they_repeat() -> None:
    data = chat(["ab", "cd"]).replace(b'"delta": {"content"', b'"logprobs": {"content": [1]}, "delta": {"content"')
    driven = Run("chat", [(END, lambda content: Rewrite(texts={0: "abX"}))])
    driven.feed(data)
    driven.end()

    assert data.count(b'"logprobs": {') == 2
    assert driven.out.count(b'"logprobs": {') == 1
    assert driven.out.count(b'"logprobs": null') == 1


@pytest.mark.parametrize(("settings", "reach", "local", "expected"), [
    ({}, None, False, Scan.END),
    ({}, 9, True, Scan.WINDOW),
    ({}, 9, False, Scan.ALL),
    ({"streaming_sampling_rate": 3}, None, False, Scan.ALL),
    ({"streaming_buffer_until_moderated": True}, 9, True, Scan.END),
    ({"streaming_buffer_until_moderated": True, "streaming_sampling_rate": 3}, None, False, Scan.END),
    ({"streaming_buffer_until_moderated": True, "streaming_buffer_release_on_scan": True}, None, True, Scan.ALL),
    ({"streaming_end_of_stream_only": True, "streaming_sampling_rate": 3}, 9, True, Scan.END),
])  # fmt: skip
def test_settings(settings: dict[str, Any], reach: int | None, local: bool, expected: Scan) -> None:
    policy = policy_of(settings, reach=reach, local=local, masks=True)

    assert policy.scan is expected
    assert policy.every == settings.get("streaming_sampling_rate", 5)
    assert policy.hold == (reach or 0 if expected is not Scan.END else 0)


def test_a_rate_is_counted_in_events() -> None:
    guard = Guard(Policy(Scan.ALL, every=4))
    driven = Run("chat", [(guard.policy, guard)])
    for piece in chat(["a"] * 9).split(b"\n\n")[:10]:
        driven.feed(piece + b"\n\n")

    assert [len(content.joined()) for content in guard.seen] == [3, 7]  # the role's chunk is an event, too
