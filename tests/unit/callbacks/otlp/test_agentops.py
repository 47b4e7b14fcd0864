"""The token that AgentOps wants."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.unit.callbacks.otlp.events import answered
from tests.unit.callbacks.otlp.test_rows import sent, told

from tianji.callbacks.otlp.agentops import Passport
from tianji.callbacks.sink import Delivery
from tianji.clock import ManualClock
from tianji.egress.errands import Answer
from tianji.errors import UpstreamProtocolError

DOOR = "https://api.agentops/v3/auth/token"


class Door:
    """Gives tokens, of an hour each, or what it is told to."""

    def __init__(self, clock: ManualClock, answer: dict[str, object] | None = None) -> None:
        self.clock = clock
        self.answer = answer
        self.asked: list[tuple[str, bytes | None]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> Answer:
        self.asked.append((url, body))
        claims = urlsafe_b64encode(msgspec.json.encode({"exp": self.clock.now() + 3600})).rstrip(b"=").decode()
        said = {"token": f"{len(self.asked)}.{claims}.s", "project_id": "p"} if self.answer is None else self.answer
        return Answer(200, "application/json", msgspec.json.encode(said))


async def test_a_request_shows_a_token_as_long_as_that_is_good() -> None:
    clock = ManualClock()
    door = Door(clock)
    passport = Passport(DOOR, "key", errand=door, clock=clock)
    request = sent("agentops", {}, answered())
    shown = await passport.shown(request)
    assert shown.headers["authorization"].startswith("Bearer 1.")
    assert shown.headers["content-type"] == "application/x-protobuf"
    assert told(shown) == told(request) | {"project.id": "p"}
    assert (
        ExportTraceServiceRequest.FromString(shown.body).resource_spans[0].scope_spans
        == ExportTraceServiceRequest.FromString(request.body).resource_spans[0].scope_spans
    )
    await passport.shown(request)
    assert door.asked == [(DOOR, b'{"api_key":"key"}')]
    clock.advance(3601)
    assert (await passport.shown(request)).headers["authorization"].startswith("Bearer 2.")


async def test_a_token_that_says_nothing_is_not_trusted_for_long() -> None:
    clock = ManualClock()
    door = Door(clock, {"token": "opaque"})
    passport = Passport(DOOR, "key", errand=door, clock=clock)
    request = Delivery("http://x", b"")
    for _ in range(2):
        assert (await passport.shown(request)).body == b""
    clock.advance(301)
    await passport.shown(request)
    assert len(door.asked) == 2


async def test_no_token_is_a_failure_to_try_again() -> None:
    with pytest.raises(UpstreamProtocolError, match="no token"):
        await Passport(DOOR, "key", errand=Door(ManualClock(), {})).shown(Delivery("http://x", b""))
