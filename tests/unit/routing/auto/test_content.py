"""What a request is about: found in every dialect, bounded, and never a reason to fail."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.routing.auto.content import EXCERPT, PARTS, WHOLE, Content

from .conftest import content, said

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def words(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


TEXTS = [
    ({"messages": [{"role": "user", "content": "hi"}]}, "hi"),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "a"),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "c"}]}, "c"),
    ({"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]}, ""),
    ({"messages": [{"role": "user", "content": [words("a"), IMAGE, words("b")]}]}, "a b"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, ""),
    ({"messages": [{"role": "user", "content": 'say "x"\n\u5929'}]}, 'say "x"\n\u5929'),
    # a tool's result in Messages is written by no user
    (
        {
            "messages": [
                {"role": "user", "content": "ask"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]},
            ]
        },
        "ask",
    ),
    (
        {
            "messages": [
                {"role": "user", "content": "ask"},
                {"role": "user", "content": [{"type": "tool_result", "content": "42"}, words("more")]},
            ]
        },
        "more",
    ),
    ({"input": "hi"}, "hi"),
    ({"input": [{"role": "user", "content": "a"}, {"type": "function_call", "name": "f", "arguments": "{}"}]}, "a"),
    ({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}]}, "a"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, ""),
    ({"input": ["a {", "b"]}, "a { b"),
    ({"input": []}, ""),
    ({"prompt": "hi"}, "hi"),
    ({"prompt": ["a", "b"]}, "a b"),
    ({"prompt": [1, 2]}, ""),
    ({"messages": []}, ""),
    ({"messages": None}, ""),
    ({"messages": "hi"}, ""),
    ({"messages": [{"role": 1, "content": "a"}]}, ""),
    ({"messages": [{"role": "user", "content": None}]}, ""),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, ""),
    ({"messages": [{"role": "user"}]}, ""),
    ({}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), TEXTS)
def test_the_last_words_of_the_user(body: dict[str, Any], text: str) -> None:
    found = content(**body)
    assert (found.text, found.characters) == (text, len(text))


def test_messages_come_before_input() -> None:
    assert content(input="b", messages=[{"role": "user", "content": "a"}]).text == "a"


def test_an_excerpt_is_the_first_and_the_last_half() -> None:
    assert said("x" * EXCERPT).excerpt == "x" * EXCERPT
    for size in (20_000, 400_000):
        long = said("begin " + "x" * size + " end")
        assert len(long.excerpt) == EXCERPT + 1
        assert long.excerpt.startswith("begin x")
        assert long.excerpt.endswith("x end")


@pytest.mark.parametrize("letter", ["x", "\n", '"', "\\", "é", "天", "😀"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_of_a_long_text_the_ends_are_read(letter: str, ascii_only: bool) -> None:
    for size in range(100_000, 100_013):  # wherever the cut comes to lie
        text = f"{'b' * (size % 13)}{letter * size}{'e' * 5}"
        written = json.dumps([{"role": "user", "content": text}], ensure_ascii=ascii_only).encode()
        found = Content({b"messages": written}.get)
        begin, _, end = found.text.strip("\n").partition("\n")
        if letter == "\n":
            begin, end = found.text[:100], found.text[-100:]
        assert text.startswith(begin)
        assert text.endswith(end[12:]), "only what is next to the cut may be read wrongly"
        assert len(begin) >= 100 or letter == "\n"
        assert found.characters == pytest.approx(len(text), rel=0.01)


def test_long_blocks_are_cut_each_by_itself() -> None:
    found = content(messages=[{"role": "user", "content": [words("a" * 100_000), words("b"), words("c" * 100_000)]}])
    assert len(found.text) < 2 * WHOLE + 10
    assert (found.text[0], found.text[-1]) == ("a", "c")
    assert found.characters == pytest.approx(200_003, rel=0.01)


def test_of_many_blocks_the_first_and_the_last_are_read() -> None:
    found = content(prompt=[f"t{number:05}" for number in range(10_000)])
    assert found.text.split() == [
        f"t{number:05}" for number in (*range(PARTS // 2), *range(10_000 - PARTS // 2, 10_000))
    ]
    assert found.characters == pytest.approx(69_999, rel=0.01)
    assert len(content(prompt=["ab"] * PARTS).text.split()) == PARTS


def test_nothing_is_read_that_nobody_asks_for() -> None:
    asked: list[bytes] = []

    def member(name: bytes) -> bytes | None:
        asked.append(name)
        return {b"messages": b'[{"role":"user","content":"a"}]'}.get(name)

    found = Content(member)
    assert asked == []
    assert (found.text, found.text, found.excerpt) == ("a", "a", "a")
    assert asked == [b"messages"]


@pytest.mark.parametrize(
    ("body", "tools", "images"),
    [
        ({"messages": [{"role": "user", "content": "an image_url and tools"}]}, False, False),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, False, True),
        ({"messages": [{"role": "user", "content": [IMAGE]}, {"role": "user", "content": "and now?"}]}, False, True),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, False, True),
        ({"messages": [], "tools": [{"type": "function"}]}, True, False),
        ({"messages": [], "functions": [{"name": "f"}]}, True, False),
        ({"messages": [], "tools": []}, False, False),
    ],
)
def test_what_came_with_the_words(body: dict[str, Any], tools: bool, images: bool) -> None:
    found = content(**body)
    assert (found.has_tools, found.has_images) == (tools, images)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["user", "text", "tool_result"])
)
KEYS = st.sampled_from(["role", "content", "type", "text", "x"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": VALUES}) | VALUES, max_size=4)


@given(st.dictionaries(st.sampled_from(["messages", "input", "prompt", "tools", "functions"]), MESSAGES | VALUES))
def test_any_body_has_some_content(body: dict[str, Any]) -> None:
    found = Content({name.encode(): json.dumps(value).encode() for name, value in body.items()}.get)
    assert isinstance(found.text, str)
    assert isinstance(found.excerpt, str)
    assert isinstance(found.has_tools, bool)
    assert isinstance(found.has_images, bool)


@given(st.dictionaries(st.sampled_from([b"messages", b"input", b"prompt"]), st.binary(max_size=60)))
def test_no_bytes_make_it_fail(members: dict[bytes, bytes]) -> None:
    assert isinstance(Content(members.get).text, str)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[",
        b'"\xff"',
        b'"\\ud800"',
        b"[" * 100_000,
        b'[{"role":"user","content":' + b"[" * 100_000,
        b'[{"role":"user","content":"\xff"}]',
    ],
)
def test_what_is_malformed_counts_as_absent(broken: bytes) -> None:
    assert Content({b"messages": broken}.get).text == ""


@given(st.lists(st.text()))
def test_the_words_are_those_that_were_sent(texts: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    sendable = [text.encode(errors="ignore") == text.encode("utf-8", "surrogatepass") for text in texts]
    assert all(sendable)
    for ascii_only in (True, False):
        written = json.dumps(messages, ensure_ascii=ascii_only).encode()
        assert Content({b"messages": written}.get).text == (texts[-1] if texts else "")
