"""Who hears a call ends it when he hears it no more, whatever the reason."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from picows import WSCloseCode, WSMsgType

from tianji._core.sockets.farewell import Farewell
from tianji.clock import SYSTEM
from tianji.errors import UpstreamDisconnected, UpstreamTimeout
from tianji.realtime.webrtc import sideband
from tianji.realtime.webrtc.sideband import MOST, PING_AFTER, Sideband

DONE = b'{"type":"response.done","response":{"usage":{}}}'


class Socket:
    """The transport: who hears of it hears of its end."""

    def __init__(self) -> None:
        self.side: Any = None
        self.said: list[str] = []

    def send_ping(self) -> None:
        self.said.append("ping")

    def send_close(self, _code: object) -> None:
        self.said.append("close")

    def disconnect(self, _graceful: bool = True) -> None:
        self.said.append("end")
        self.side.on_ws_disconnected(self)


class Heard:
    """What became of one call."""

    def __init__(self, refusals: int = 0, ends: Farewell | None = None, idle: float = 0, longest: float = 0) -> None:
        self.events: list[bytes] = []
        self.hung_up = 0
        self.given_up = asyncio.Event()
        self.over: list[Farewell] = []
        self.alive: set[Sideband] = set()
        self._refusals = refusals
        self._ends = ends
        self.side = Sideband(
            hear=self._hear,
            hang_up=self._hang_up,
            over=lambda _, last: self.over.append(last),
            alive=self.alive,
            idle=idle,
            longest=longest,
        )
        self.socket = Socket()
        self.socket.side = self.side
        self.side.on_ws_connected(self.socket)  # type: ignore[arg-type]

    def _hear(self, event: bytes) -> Farewell | None:
        self.events.append(event)
        return self._ends

    async def _hang_up(self) -> None:
        self.hung_up += 1
        if self.hung_up == len(sideband.PAUSES):
            self.given_up.set()
        if self.hung_up <= self._refusals:
            raise UpstreamTimeout("no answer", "first byte")

    def says(self, payload: bytes, kind: WSMsgType = WSMsgType.TEXT, *, fin: bool = True) -> None:
        frame: Any = SimpleNamespace(
            msg_type=kind,
            fin=fin,
            get_payload_as_bytes=lambda: payload,
            get_close_code=lambda: WSCloseCode.OK,
            get_close_message=lambda: b"bye",
        )
        self.side.on_ws_frame(self.socket, frame)  # type: ignore[arg-type]

    async def parted(self) -> None:
        assert self.side.parting is not None
        await self.side.parting


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sideband, "PAUSES", (0.0,) * len(sideband.PAUSES))
    monkeypatch.setattr(sideband, "LINGER", 0.0)


async def test_what_says_what_was_used_is_heard_in_one_piece() -> None:
    one = Heard()
    one.says(DONE[:9], fin=False)
    one.says(DONE[9:], WSMsgType.CONTINUATION)
    one.says(b'{"type":"response.output_text.delta"}')
    one.says(DONE, WSMsgType.PING)
    assert one.events == [DONE]
    assert one.side.open
    assert one.hung_up == 0


Reason = Callable[[Heard], object]
REASONS: dict[str, tuple[Reason, int, bool]] = {  # what happens: code, whether it is an error
    "upstream parts": (lambda one: one.says(b"", WSMsgType.CLOSE), 1000, False),
    "upstream is lost": (lambda one: one.socket.disconnect(), 1011, True),
    "message without end": (lambda one: one.says(bytes(MOST + 1), fin=False), 1009, False),
    "gateway ends it": (lambda one: one.side.end(Farewell(1001, b"")), 1001, False),
}


@pytest.mark.parametrize("reason", REASONS)
async def test_whatever_ends_it_it_is_hung_up_once_and_over_once(reason: str) -> None:
    happens, code, wrong = REASONS[reason]
    one = Heard()
    happens(one)
    one.side.end(Farewell(1008, b"too late"))
    await one.parted()
    assert [last.code for last in one.over] == [code]
    assert isinstance(one.over[0].error, UpstreamDisconnected) is wrong
    assert (one.hung_up, one.alive, one.socket.said[-1]) == (1, set(), "end")


async def test_what_nobody_pays_for_ends_it_and_its_last_events_still_count() -> None:
    one = Heard(ends=Farewell(1008, b"no money"))
    one.says(DONE)
    one.says(DONE)
    await one.parted()
    assert one.events == [DONE, DONE]
    assert one.over[0].reason == b"no money"


async def test_it_is_hung_up_until_that_is_done() -> None:
    one = Heard(refusals=3)
    one.side.end(Farewell(1000, b""))
    await one.parted()
    assert one.hung_up == 4
    assert len(one.over) == 1


async def test_what_cannot_be_ended_goes_on_to_be_heard() -> None:
    one = Heard(refusals=99)
    one.side.end(Farewell(1000, b""))
    await one.given_up.wait()
    await asyncio.sleep(0)
    one.says(DONE)
    assert (one.events, one.over) == ([DONE], [])
    one.socket.disconnect()
    await one.parted()
    assert len(one.over) == 1


async def test_of_a_call_that_never_began_nobody_is_told() -> None:
    one = Heard()
    one.side.drop()
    one.says(DONE)
    await one.parted()
    assert (one.over, one.events, one.hung_up, one.alive) == ([], [], 1, set())


async def test_a_loop_without_turns_ends_it_now() -> None:
    one = Heard()
    one.side.break_off()
    assert [last.code for last in one.over] == [1001]
    assert one.alive == set()


@pytest.mark.parametrize(
    ("limits", "after", "said"),
    [({"idle": 5}, 6, b"silent"), ({"longest": 5}, 6, b"as long as it may"), ({"idle": 5, "longest": 5}, 4, None)],
)
async def test_it_has_limits(limits: dict[str, float], after: float, said: bytes | None) -> None:
    one = Heard(**limits)
    one.side.look_after(SYSTEM.monotonic() + after)
    assert one.side.open is (said is None)
    if said is not None:
        await one.parted()
        assert said in one.over[0].reason


async def test_a_silent_upstream_is_asked_for_a_sign_of_life() -> None:
    one = Heard()
    one.side.look_after(SYSTEM.monotonic() + PING_AFTER + 1)
    one.says(b"", WSMsgType.PONG)
    one.side.look_after(SYSTEM.monotonic())
    assert one.socket.said == ["ping"]
    later = SYSTEM.monotonic() + PING_AFTER + 1
    one.side.look_after(later)
    one.side.look_after(later + PING_AFTER)
    assert one.socket.said == ["ping", "ping", "end"]
    await one.parted()
    assert one.over[0].code == 1011
