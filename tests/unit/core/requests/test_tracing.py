"""Which trace a request belongs to, and what upstreams are told of that."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.requests.tracing import Trace, Tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: "


def begun(*headers: tuple[bytes, bytes], **wishes: Any) -> Trace:
    found = Tracing(**{"records": True, "forwards": True, **wishes}).begin(list(headers))
    assert found is not None
    return found


def test_a_request_goes_on_with_the_trace_of_its_client() -> None:
    trace = begun((b"x", b"y"), (b"traceparent", PARENT), (b"tracestate", b"a=1"), (b"tracestate", b"b=2"))
    assert (trace.trace_id.hex(), trace.parent_id.hex(), trace.flags) == (TRACE, SPAN, 1)
    parent, state, last = trace.marked(HEAD, 0).removeprefix(HEAD[:26]).split(b"\r\n")
    _, _, own, flags = parent.split(b"-")
    assert last == b"content-length: "
    assert parent.startswith(b"traceparent: 00-" + TRACE.encode())
    assert (own.decode(), flags) == (trace.told(0)[1].hex(), b"01")  # type: ignore[attr-defined]
    assert state == b"tracestate: a=1,b=2"


def test_each_attempt_has_a_span_below_that_of_the_request() -> None:
    trace = begun((b"traceparent", PARENT))
    places = [trace.told(number) for number in range(3)]
    assert len({place[1] for place in places}) == 3
    assert len({place[2] for place in places}) == 1
    assert {place[2] for place in places}.isdisjoint({place[1] for place in places})
    assert all(place[3].hex() == SPAN for place in places)  # type: ignore[attr-defined]
    assert trace.marked(HEAD, 1) != trace.marked(HEAD, 2)


def test_a_request_without_a_trace_begins_one() -> None:
    first, second = begun(), begun()
    assert len(first.trace_id) == 16
    assert (first.parent_id, first.flags) == (b"", 1)
    assert first.trace_id != second.trace_id
    assert first.told(0)[3] == b""


def test_where_nobody_is_told_the_client_word_goes_on() -> None:
    trace = begun((b"traceparent", PARENT), records=False)
    assert b"traceparent: " + PARENT + b"\r\n" in trace.marked(HEAD, 0)
    assert Tracing(records=False, forwards=True).begin([]) is None
    assert Tracing(records=False, forwards=True, heeds=False).begin([(b"traceparent", PARENT)]) is None


def test_headers_that_are_passed_through_name_our_span() -> None:
    sent = [(b"a", b"b"), (b"traceparent", PARENT), (b"tracestate", b"x=y")]
    trace = begun(*sent)
    own = trace.told(0)[1].hex().encode()  # type: ignore[attr-defined]
    assert trace.carried(sent) == [(b"a", b"b"), (b"traceparent", PARENT.replace(SPAN.encode(), own)), sent[2]]
    assert begun(*sent, forwards=False).carried(sent) == sent


def test_upstreams_are_told_only_where_that_is_wished() -> None:
    assert begun((b"traceparent", PARENT), forwards=False).marked(HEAD, 0) == HEAD


def test_a_client_may_be_left_unheeded() -> None:
    assert begun((b"traceparent", PARENT), heeds=False).trace_id.hex() != TRACE


@pytest.mark.parametrize(
    "value",
    [
        b"", b"00", PARENT[:-1], PARENT + b"0", PARENT + b"-x", PARENT.upper(), b"ff" + PARENT[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(), f"00-{TRACE}-{'0' * 16}-01".encode(), PARENT.replace(b"-", b"_"),
        PARENT.replace(b"f", b"g"), b"01" + PARENT[2:] + b"x",
    ],
)  # fmt: skip
def test_a_malformed_parent_counts_as_none(value: bytes) -> None:
    trace = begun((b"traceparent", value), (b"tracestate", b"a=1"))
    assert trace.trace_id.hex() != TRACE
    assert trace.parent_id == b""
    assert b"tracestate" not in trace.marked(HEAD, 0)


def test_a_later_version_may_say_more() -> None:
    assert begun((b"traceparent", b"01" + PARENT[2:] + b"-more")).trace_id.hex() == TRACE
    assert begun((b"traceparent", PARENT[:-2] + b"fe")).flags == 0


@given(st.binary(max_size=70) | st.text("0123456789abcdef-", min_size=50, max_size=60).map(str.encode))
def test_whatever_a_client_sends_is_heeded_or_not(value: bytes) -> None:
    trace = begun((b"traceparent", value))
    assert len(trace.trace_id) == 16
    assert len(trace.parent_id) in {0, 8}
    assert trace.marked(HEAD, 0).endswith(b"\r\ncontent-length: ")
