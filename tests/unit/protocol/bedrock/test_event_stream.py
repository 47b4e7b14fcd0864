"""The AWS event stream."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.streams.aws_events import AwsEvents
from tianji.errors import UpstreamProtocolError
from tianji.protocol.bedrock.event_stream import event_of


def header(name: str, value: str) -> bytes:
    raw, text = name.encode(), value.encode()
    return bytes([len(raw)]) + raw + b"\x07" + struct.pack(">H", len(text)) + text


def message(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    raw = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return raw + struct.pack(">I", zlib.crc32(raw))


def event(name: str, payload: bytes) -> bytes:
    headers = header(":event-type", name) + header(":content-type", "application/json")
    return message(headers + header(":message-type", "event"), payload)


EVENTS = st.lists(st.tuples(st.text("abcXY", min_size=1, max_size=9), st.binary(max_size=40)), max_size=5)


@given(EVENTS, st.data())
def test_however_the_bytes_are_cut_the_events_are_the_same(
    events: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    raw = b"".join(event(name, payload) for name, payload in events)
    stream = AwsEvents(event_of)
    found: list[tuple[str, bytes]] = []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += stream.feed(raw[:size])
        raw = raw[size:]
    assert found == events
    assert not stream.waiting


def test_every_cut() -> None:
    raw = event("a", b"{}") + event("b", b"[1]")
    for at in range(len(raw) + 1):
        stream = AwsEvents(event_of)
        assert [*stream.feed(raw[:at]), *stream.feed(raw[at:])] == [("a", b"{}"), ("b", b"[1]")]


def test_the_smallest_message_of_the_specification() -> None:
    # https://github.com/awslabs/aws-c-event-stream has the empty message among its tests
    assert message(b"", b"") == bytes.fromhex("00000010000000 0005c248eb7d98c8ff".replace(" ", ""))
    assert list(AwsEvents(event_of).feed(message(b"", b""))) == [("", b"")]


def test_exceptions_and_errors() -> None:
    exception = header(":message-type", "exception") + header(":exception-type", "throttlingException")
    error = header(":message-type", "error") + header(":error-code", "Internal") + header(":error-message", "oh")
    found = list(AwsEvents(event_of).feed(message(exception, b'{"message":"slow"}') + message(error, b"")))
    assert found[0] == ("exception:throttlingException", b'{"message":"slow"}')
    assert found[1][0] == "exception:Internal"
    assert json.loads(found[1][1]) == {"message": "oh"}


def test_headers_of_every_type_are_passed_over() -> None:
    sizes = {0: b"", 1: b"", 2: b"1", 3: b"12", 4: b"1234", 5: b"12345678", 8: b"12345678", 9: b"1" * 16}
    odd = b"".join(b"\x01x" + bytes([kind]) + value for kind, value in sizes.items())
    odd += b"\x01x\x06" + struct.pack(">H", 3) + b"abc"
    assert list(AwsEvents(event_of).feed(message(odd + header(":event-type", "e"), b"p"))) == [("e", b"p")]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"\x00" * 12, "checksum of a prelude"),
        (event("a", b"{}")[:-1] + b"\x00", "checksum of a message"),
        (message(b"\x05ab", b""), "cut short"),
        (message(b"\x01x\x07\x00", b""), "cut short"),
        (message(b"\x01x\x07\x00\x09a", b""), "cut short"),
        (message(b"\x01x\x63", b""), "unknown type 99"),
    ],
)
def test_what_is_broken_is_said(raw: bytes, says: str) -> None:
    with pytest.raises(UpstreamProtocolError, match=says):
        list(AwsEvents(event_of).feed(raw))


def test_a_length_that_cannot_be_is_refused_before_it_is_waited_for() -> None:
    for total, headers in ((1 << 31, 0), (15, 0), (40, 30)):
        prelude = struct.pack(">II", total, headers)
        with pytest.raises(UpstreamProtocolError, match=f"{total} bytes"):
            list(AwsEvents(event_of).feed(prelude + struct.pack(">I", zlib.crc32(prelude))))


@given(st.binary())
def test_no_bytes_crash_it(raw: bytes) -> None:
    try:
        list(AwsEvents(event_of).feed(raw))
    except UpstreamProtocolError as error:
        assert "broken" in error.message  # noqa: PT017  both outcomes are right


@given(st.binary(max_size=60), st.binary(max_size=10))
def test_no_headers_crash_it(headers: bytes, payload: bytes) -> None:
    try:
        list(AwsEvents(event_of).feed(message(headers, payload)))
    except UpstreamProtocolError as error:
        assert "broken" in error.message  # noqa: PT017  both outcomes are right


def test_what_came_before_the_break_is_not_lost() -> None:
    stream = AwsEvents(event_of).feed(event("a", b"{}") + b"x" * 12)
    assert next(stream) == ("a", b"{}")
    with pytest.raises(UpstreamProtocolError):
        next(stream)
