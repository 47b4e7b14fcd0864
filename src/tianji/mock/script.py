"""An answer and its faults, compiled to timed writes: all that a connection has to play."""

import enum
import gzip
from http import HTTPStatus

import msgspec

from tianji.errors import Header
from tianji.mock.faults import NONE, Faults

JSON = b"application/json"
SSE = b"text/event-stream; charset=utf-8"
GARBAGE = b"\x00\xff{not json"
SPLIT_GAP = 0.001  # seconds between the writes of a split answer
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

Step = tuple[float, bytes]  # seconds after the step before, then what to write


class Answer(msgspec.Struct, frozen=True):
    """What a correct upstream says. A stream has `events`, each with its framing; anything else has a body."""

    status: int = 200
    body: bytes = b""
    events: tuple[bytes, ...] | None = None
    paced: tuple[int, int] = (0, 0)  # the events that carry tokens: first, and one after the last
    closing: int = 0  # how many of the last events only say that the stream is complete
    tokens: int = 0
    error_event: bytes = b""  # how this dialect reports an error in band
    request_id: str = "req_mock"
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()
    stream_type: bytes = SSE


class End(enum.Enum):
    """What becomes of the connection after the last write."""

    KEEP = enum.auto()
    CLOSE = enum.auto()
    RESET = enum.auto()
    HANG = enum.auto()


class Script(msgspec.Struct, frozen=True):
    """Timed writes, then an end."""

    steps: tuple[Step, ...]
    end: End = End.KEEP

    @property
    def wire(self) -> bytes | None:
        """The whole answer, where it is a single write at once on a connection that stays open."""
        if self.end is End.KEEP and len(self.steps) == 1 and not self.steps[0][0]:
            return self.steps[0][1]
        return None


def compile_script(answer: Answer, faults: Faults = NONE, *, keep_alive: bool = True) -> Script:
    """Turn an answer into writes, as the faults want them."""
    broken = End.RESET if faults.reset else End.CLOSE
    if faults.raw is not None or faults.close:
        steps = (((faults.first_byte_ms or 0) / 1000, faults.raw.encode("latin-1")),) if faults.raw else ()
        return Script(steps, broken if faults.close else End.KEEP)
    keep = keep_alive and not faults.close_after
    payload = _payload(answer, faults)
    chunked = answer.events is not None and faults.length is None
    total = sum(len(data) for _, data in payload)
    head = _head(answer, faults, None if chunked else total if faults.length is None else faults.length, keep=keep)
    payload, end = _stall(faults, payload)
    if faults.cut_at is not None and faults.cut_at < total:
        payload, end = _cut(payload, faults.cut_at), broken
    if chunked:
        payload = [(wait, b"%x\r\n%b\r\n" % (len(data), data)) for wait, data in payload if data]
        if end is None:
            payload.append((0.0, b"0\r\n\r\n"))
    if end is None:
        end = End.KEEP if keep else End.CLOSE
    first = (faults.first_byte_ms or 0) / 1000
    if answer.events is None and faults.token_rate:
        first += answer.tokens / faults.token_rate  # an unstreamed answer is there when its last token is
    return Script(_join([(first, head), *payload], faults.split), end)


def _payload(answer: Answer, faults: Faults) -> list[Step]:
    """Return the payload, piece by piece, with the faults that change content and the pace."""
    start = (faults.delay_ms or 0) / 1000
    if answer.events is None:
        body = answer.body if faults.body is None else faults.body.encode()
        if faults.garbage_at is not None:
            half = len(body) // 2
            junk = GARBAGE.ljust(half, b"\xfe")
            body = junk + body[half:] if faults.garbage_at == 0 else body[:half] + junk
        if faults.gzip:
            body = gzip.compress(body, mtime=0)
        half = len(body) // 2
        return [(start, body[:half]), (0.0, body[half:])]
    events = _events(answer, faults)
    gap = 1 / faults.token_rate if faults.token_rate else 0.0
    first, last = answer.paced
    return [(start if i == 0 else gap if first <= i < last else 0.0, event) for i, event in enumerate(events)]


def _events(answer: Answer, faults: Faults) -> list[bytes]:
    if faults.events is not None:
        events = [b"data: %b\n\n" % event.encode() for event in faults.events]
    else:
        events = list(answer.events or ())
        if faults.no_done and answer.closing:
            del events[-answer.closing :]
    if faults.garbage_at is not None and faults.garbage_at < len(events):
        events[faults.garbage_at] = b"data: " + GARBAGE + b"\n\n"
    if faults.error_at is not None and faults.error_at < len(events):
        events[faults.error_at :] = [answer.error_event]
    if faults.end_at is not None:
        del events[faults.end_at :]
    return events


def _stall(faults: Faults, payload: list[Step]) -> tuple[list[Step], End | None]:
    at = faults.stall_at
    if at is None or at >= len(payload):
        return payload, None
    if faults.stall_ms is None:
        return payload[:at], End.HANG
    wait, data = payload[at]
    return [*payload[:at], (wait + faults.stall_ms / 1000, data), *payload[at + 1 :]], None


def _cut(payload: list[Step], left: int) -> list[Step]:
    kept: list[Step] = []
    for wait, data in payload:
        kept.append((wait, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    return kept


def _head(answer: Answer, faults: Faults, size: int | None, *, keep: bool) -> bytes:
    status = faults.status or answer.status
    kind = answer.content_type if answer.events is None else answer.stream_type
    lines = [b"HTTP/1.1 %d %b" % (status, REASONS.get(status, b"Unknown")), b"content-type: " + kind]
    lines.append(b"transfer-encoding: chunked" if size is None else b"content-length: %d" % size)
    lines.append(b"x-request-id: " + answer.request_id.encode())
    if faults.gzip and answer.events is None:
        lines.append(b"content-encoding: gzip")
    if faults.retry_after is not None:
        lines.append(b"retry-after: " + faults.retry_after.encode("latin-1"))
    lines += [b"%b: %b" % pair for pair in answer.headers]
    for name, value in (faults.headers or {}).items():
        lines.append(f"{name}: {value}".encode("latin-1"))
    if not keep:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _join(steps: list[Step], split: int | None) -> tuple[Step, ...]:
    """Make one write of what is due at once, or many where the answer is to be split."""
    joined: list[tuple[float, list[bytes]]] = []
    for wait, data in steps:
        if joined and not wait:
            joined[-1][1].append(data)
        else:
            joined.append((wait, [data]))
    whole = [(wait, b"".join(parts)) for wait, parts in joined]
    if split is None:
        return tuple(whole)
    return tuple(
        (wait if at == 0 else SPLIT_GAP, data[at : at + split])
        for wait, data in whole
        for at in range(0, len(data), split)
    )
