"""What the rows of the conformance table are held against: whatever a row says is looked at, so every row can fail."""

import json
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from .outcome import Told, compare
from .table import Ask

HEAD = {
    "x-litellm-call-id": "1", "x-litellm-model-id": "b1", "x-litellm-model-group": "b",
    "x-litellm-attempted-retries": "1", "x-litellm-attempted-fallbacks": "1", "x-litellm-max-retries": "2",
    "x-more": "7",
}  # fmt: skip
ERROR = {"message": "it said no", "type": "throttling_error", "code": "429", "param": None}
CALLED = ["a1", "a2", "b1"]
SERVED = Ask(
    calls="a1|a2,a2,b1", group="b", retries=1, fallbacks=1, told={"x-more": "7", "x-less": None}, sent={"n": 1}
)
REFUSED = replace(SERVED, status=429, kind="throttling_error", code="429", says="said no")
STREAMED = replace(SERVED, body={"stream": True}, text="Hey")
CUT = replace(STREAMED, text="He", kind="timeout_error", code="408")


def chunk(text: str, finish: str | None = None, model: str = "b") -> dict[str, object]:
    return {"model": model, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def told(one: Ask, head: Mapping[str, str | None] | None = None, body: object = None) -> Told:
    """The answer that `one` expects, with other headers or another body; None takes a header away."""
    if body is None and one.status != 200:
        body = {"error": ERROR}
    elif body is None and one.body:
        ends = [{"error": {"type": "timeout_error", "code": "408"}}] if one.kind else [chunk("y", "stop"), "[DONE]"]
        body = [chunk("He"), *ends]
    elif body is None:
        body = {"model": "b"}
    headers = {name: value for name, value in {**HEAD, **(head or {})}.items() if value is not None}
    if isinstance(body, list):
        pieces = [event if isinstance(event, str) else json.dumps(event) for event in body]
        text = "".join(f"data: {piece}\n\n" for piece in pieces)
    else:
        text = json.dumps(body)
    return Told(httpx.Response(one.status, headers=headers, text=text), CALLED, [{}, {}, {"n": 1}])


def fails(one: Ask, seen: Told) -> bool:
    try:
        compare(one, seen, lambda name: name)
    except (AssertionError, KeyError):
        return True
    return False


@pytest.mark.parametrize("one", [SERVED, REFUSED, STREAMED, CUT], ids=["served", "refused", "streamed", "cut"])
def test_what_is_as_expected_passes_and_nothing_else_does(one: Ask) -> None:
    assert not fails(one, told(one))
    others: dict[str, object] = {
        "calls": "a2,a2,b1", "status": 503, "retries": 0, "fallbacks": 2, "told": {"x-more": "8"}, "sent": {"n": None},
    }  # fmt: skip
    if one.status == 200:
        others |= {"group": "a"}
    if one.kind is not None:
        others |= {"kind": "other", "code": "1"}
    if one.says:
        others |= {"says": "nothing"}
    if one.text is not None:
        others |= {"text": "Ho"}
    unseen = [name for name, other in others.items() if not fails(replace(one, **{name: other}), told(one))]
    assert unseen == []
    assert fails(replace(one, told={"x-more": None}), told(one)), "a header that must not be there"
    assert fails(replace(one, calls="a1,a2"), told(one)), "a call too many"
    assert fails(replace(one, calls=""), told(one))


@pytest.mark.parametrize("name", ["call-id", "model-id", "attempted-retries", "attempted-fallbacks", "max-retries"])
def test_headers_of_every_answer(name: str) -> None:
    for one in (SERVED, REFUSED):
        assert fails(one, told(one, {f"x-litellm-{name}": None}))
    assert fails(SERVED, told(SERVED, {"x-litellm-model-group": "a"}))


@pytest.mark.parametrize(
    "events",
    [
        [chunk("Hey", "stop")],
        [chunk("Hey"), "[DONE]"],
        [chunk("Hey", "stop", model="b1"), "[DONE]"],
        [chunk("Hey", "stop"), {"error": {"type": "timeout_error", "code": "408"}}],
    ],
    ids=["no end", "no reason", "another model", "an error"],
)
def test_what_is_no_whole_stream(events: list[object]) -> None:
    assert fails(STREAMED, told(STREAMED, body=events))


@pytest.mark.parametrize("text", ["sk-1", "http://127.0.0.1:1", "canary", "row7-a1"])
def test_what_no_error_tells(text: str) -> None:  # K11
    assert fails(REFUSED, told(REFUSED, body={"error": {**ERROR, "param": text}}))
