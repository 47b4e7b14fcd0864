"""Streams that break: conformance table H, through the running gateway."""

import json
from typing import Any

import pytest

from .stage import Stage
from .table import FIRST, ROLE, Ask, Row, ask, lists, row, said

AB = lists(a=["b"])
HEY = said("Hey")
OVERLOADED = json.dumps({"error": {"message": "Slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}})
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
TOOL = json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [CALL]}}]})


def streamed(calls: str, text: str | None = None, status: int = 200, **more: Any) -> Ask:
    return ask(calls, status, text=text, body={"stream": True, **more.pop("body", {})}, **more)


def first(*told: str) -> dict[str, object]:
    """A stream of these events that is cut behind the last of them."""
    return {"events": [*told, ROLE], "cut_at": sum(len(f"data: {event}\n\n") for event in told)}


BEGUN = said(cut=True)  # a role and no word
ROWS: dict[str, Row] = {
    "H1": row(streamed("a1", "Hello"), script={"a1": said("He", "llo")}),
    "H2": row(streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": 429, "b1": HEY}),
    "H3": row(streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": "X", "b1": HEY}),
    "H4": row(streamed("a1,a1", "Hey", retries=1), router={"num_retries": 1}, script={"a1": ["X", HEY]}),
    "H5": row(streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": BEGUN, "b1": HEY}),
    "H6": row(streamed("a1,a1", "Hey", retries=1), router={"num_retries": 1}, script={"a1": [BEGUN, HEY]}),
    "H6 of two": row(
        streamed("a1,a2", "Hey", retries=1),
        groups="a:[a1,a2]",
        router={"num_retries": 1},
        params=FIRST,
        script={"a1": BEGUN, "a2": HEY},
    ),
    "H7": row(
        streamed("a1", "Hel", kind="upstream_error", code="502"),
        router={**AB, "num_retries": 2},
        script={"a1": said("Hel", cut=True)},
    ),
    "H7 in a tool call": row(
        streamed("a1", "", kind="upstream_error", code="502"), router=AB, script={"a1": first(ROLE, TOOL)}
    ),
    "H7 by an error": row(
        streamed("a1", "Hel", code="rate_limit_exceeded"),
        router=AB,
        script={"a1": {"events": [*said("Hel")["events"][:2], OVERLOADED]}},
    ),
    "H8": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {"events": [OVERLOADED]}, "b1": HEY}
    ),
    "H8 after a role": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {"events": [ROLE, OVERLOADED]}, "b1": HEY}
    ),
    "H8 without a fallback": row(
        streamed("a1", status=429, kind="throttling_error"), script={"a1": {"events": [OVERLOADED]}}
    ),
    "H9": row(streamed("a1", status=500, kind="internal_server_error"), script={"a1": "X"}),
    "H9 after a role": row(streamed("a1", status=502, kind="upstream_error"), script={"a1": BEGUN}),
    "H10": row(
        streamed("a1", "x"),
        router={"content_policy_fallbacks": [{"a": ["b"]}]},
        script={"a1": said("x", finish="content_filter")},
    ),
    "H11": row(
        streamed("a1,b1", "Hey", group="b"),
        router={"context_window_fallbacks": [{"a": ["b"]}]},
        script={"a1": "ctx", "b1": HEY},
    ),
    "H14": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {**said("no"), "garbage_at": 0}, "b1": HEY}
    ),
    "H14 after a role": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {**said("no"), "garbage_at": 1}, "b1": HEY}
    ),
    "H14 after content": row(
        streamed("a1", "He", code="502"), router=AB, script={"a1": {**said("He", "no"), "garbage_at": 2}}
    ),
    "H15": row(streamed("a1", "He", code="502"), router=AB, script={"a1": {**said("He"), "end_at": 2}}),
    "H15 without content": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {**said("He"), "end_at": 1}, "b1": HEY}
    ),
    "H18": row(
        streamed("a1", status=500, body={"disable_fallbacks": True}), router=AB, script={"a1": "X"}
    ),
    "an empty stream": row(
        streamed("a1,b1", "Hey", group="b"), router=AB, script={"a1": {"events": []}, "b1": HEY}
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


PARALLEL = row(groups="a:[a1]", params={"a1": {"max_parallel_requests": 1}}, script={"a1": {"stall_at": 4}})


@pytest.mark.parametrize("row", [PARALLEL], ids=["H12"])
def test_a_stream_has_its_slot_until_it_ends(stage: Stage) -> None:
    stage.script({"a1": {"stall_at": 4, "stall_ms": 1000}})
    with stage.stream(ask()) as held:
        lines = held.iter_lines()
        next(lines)
        refused = stage.send(ask())
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["type"] == "throttling_error"
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert stage.send(ask()).status_code == 200
