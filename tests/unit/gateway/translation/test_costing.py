"""What a stream cost stands beside its usage, and nothing else of it changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.gateway.translation.costing import with_cost


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'data: {"usage":{"a":1}}\n\n', b'data: {"usage":{"a":1,"cost":0.5}}\n\n'),
        (b'data:{"a":"usage", "usage": {} }\r\n\r\n', b'data:{"a":"usage", "usage": {"cost":0.5} }\r\n\r\n'),
        (b'data: {"usage":{"cost":9,"a":1}}\n\n', b'data: {"usage":{"cost":0.5,"a":1}}\n\n'),
        (
            b'event: response.completed\ndata: {"response":{"usage":{"a":1}}}\n\n',
            b'event: response.completed\ndata: {"response":{"usage":{"a":1,"cost":0.5}}}\n\n',
        ),
        (b'data: {"usage":null}\n\n', None),
        (b'data: {"choices":[{"delta":{"content":"usage"}}]}\n\n', None),
        (b'data: {"response":{"usage":null}}\n\n', None),
        (b'data: {"response":"usage"}\n\n', None),
        (b': "usage":{}\n\n', None),
        (b'data: {"usage":{},"usage":{}}\n\n', None),
        (b"data: usage\n\n", None),
        (b"data: [DONE]\n\n", None),
    ],
)
def test_an_event(before: bytes, after: bytes | None) -> None:
    assert with_cost(before, b"0.5") == (before if after is None else after)


@given(st.dictionaries(st.text(), st.integers()), st.booleans(), st.booleans())
def test_all_else_stays(usage: dict[str, int], spaced: bool, whole: bool) -> None:
    usage.pop("cost", None)
    event = {"response": {"id": 1, "usage": usage}} if whole else {"id": 1, "usage": usage, "choices": []}
    text = json.dumps(event, indent=None, separators=None if spaced else (",", ":")).encode()
    told = json.loads(with_cost(b"data: " + text + b"\n\n", b"1").removeprefix(b"data: "))
    holder = told["response"] if whole else told
    assert holder["usage"].pop("cost") == 1
    assert told == event


@given(st.binary())
def test_anything_passes(events: bytes) -> None:
    with_cost(b"data: usage" + events, b"0")
