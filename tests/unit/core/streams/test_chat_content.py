"""What of a stream of chunks is for its reader: as long as nothing is, another deployment can be asked."""

import json

import pytest

from tianji._core.streams.sse import ChatStream


def event(payload: str) -> bytes:
    return f"data: {payload}\n\n".encode()


def spoke(*events: bytes, hide_usage: bool = False) -> bool:
    stream = ChatStream(b'"alias"', hide_usage)
    stream.feed(b"".join(events))
    stream.close()
    return stream.spoke


def said(**delta: object) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta}]})


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        ("{}", False),
        (said(role="assistant"), False),
        (said(role="assistant", content="", refusal=None), False),
        (said(role="assistant", content="", tool_calls=[], audio={}, n=0, x=-0.0, y=False), False),
        ('{"choices":[],"prompt_filter_results":[{"index":1,"text":"x"}]}', False),
        ('{"choices": [ ] }', False),
        ('{"choices":[{"delta":{"content": "", "tool_calls": [ ], "audio": { } }}],"usage":null}', False),
        ('{"choices":[{"delta":{"a":{"content":"x"}}}]}', True),
        (said(content=" "), True),
        (said(number=0.1), True),
        (said(flag=True), True),
        (said(tool_calls=[{"index": 0}]), True),
        (said(reasoning_content="hm"), True),
        ('{"choices":[{"delta":{"role":"assistant"}},{"delta":{"content":"x"}}]}', True),
        ('{"choices":[{"message":{"content":"x"}}]}', True),
        ('{"choices":[{"index":0,"text":"x"}]}', True),
        ('{"choices":[{"index":0,"text":""}]}', False),
        ('{"choices":[{"index":0,"logprobs":{"content":"x"}}]}', False),
        ('{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', True),
        ('{"choices":[],"usage":{"total_tokens":3}}', True),
        ('{"type":"something else"}', True),
        ('{"choices":7}', True),
        ('{"choices":["x"]}', True),
    ],
)
def test_what_is_content(payload: str, content: bool) -> None:
    assert spoke(event(payload)) is content
    wide = payload[:-1] + ("," if len(payload) > 2 else "") + '"pad":{"x":"' + "x" * 4000 + '"}}'
    assert spoke(event(wide)) is (content or payload == "{}")


def test_content_is_seen_in_an_event_of_a_known_shape() -> None:
    empty, full = event(said(content="")), event(said(content="x"))
    assert not spoke(empty, empty, empty)
    assert spoke(empty, empty, empty, full)
    assert spoke(full, empty)


def test_what_is_not_handed_on_says_nothing() -> None:
    opening, full = event(said(role="assistant")), event(said(content="x"))
    usage = event('{"choices":[],"usage":{"total_tokens":3}}')
    assert not spoke(opening, event('{"error":{"message":"overloaded"}}'), full)
    assert not spoke(opening, event("{broken"), full)
    assert not spoke(opening, b": waiting\n\n", full[:-1])
    assert not spoke(opening, usage, hide_usage=True)
    assert spoke(opening, usage)
