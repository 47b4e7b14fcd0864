"""The mock's side of a WebSocket: whose it is says the path. `/echo`, and the model `echo`, say everything back.

Faults are those of every answer, as far as they mean something here: `status` refuses the upgrade, `first_byte_ms`
delays it; after n events `stall_at` says nothing more, `end_at` parts with code 1001, `error_at` says that something is
wrong, and `cut_at` breaks the connection off, by RST with `reset`. `split` sends texts in fragments of n bytes.
"""

import logging
import socket
import struct
from typing import Any, Protocol

import msgspec
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
)
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # its stub hides it

from tianji.errors import TianjiError
from tianji.mock.faults import Faults
from tianji.mock.http import ECHO, LIVE, Head
from tianji.mock.sockets.calls import Call
from tianji.mock.sockets.dialogue import Dialogue
from tianji.mock.sockets.event import Event
from tianji.mock.sockets.live import LiveDialogue
from tianji.mock.sockets.others import PATHS, Sockets

Speaker = Dialogue | LiveDialogue | Sockets
MAX_FRAME = 64 * 1024 * 1024  # bytes
TIMEOUT = 60.0  # seconds
RST_ON_CLOSE = struct.pack("ii", 1, 0)
_LOG = logging.getLogger("tianji.mock.sockets.realtime")
_HANDSHAKE = frozenset({b"host", b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"})


class Gone(Protocol):
    """Who counts sockets."""

    def __call__(self, *, parted: bool) -> None:
        """Hear that one is closed. `parted`: with a close frame of its peer."""


def upgrade(transport: Any, head: Head, model: str, faults: Faults, gone: Gone, call: Call | None) -> None:
    """Make a connection a WebSocket. `gone` hears of its end; `call`: that it is of, if any."""
    beta = any(name == b"openai-beta" and b"realtime=v1" in value for name, value in head.headers)
    echoes = model == "echo" or head.path.endswith(ECHO)
    listener: WSListener
    if call is not None:
        listener = Member(call, faults, gone)
    else:
        listener = Echo(gone) if echoes else Session(_dialogue(head, model, faults, beta=beta), faults, gone)
    offers = next((value for name, value in head.headers if name == b"sec-websocket-protocol"), b"")
    chosen = {"Sec-WebSocket-Protocol": offers.split(b",")[0].decode("latin-1")} if offers else {}

    def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(chosen), listener)

    protocol = WSProtocol(
        None, None, False, accept, _LOG, True, TIMEOUT, False, TIMEOUT, TIMEOUT, WSAutoPingStrategy.PING_WHEN_IDLE,
        True, MAX_FRAME, None, 4096,
    )  # fmt: skip
    lines = [b"%b: %b" % pair for pair in head.headers if pair[0] in _HANDSHAKE]
    raw = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    protocol.get_buffer(len(raw))[: len(raw)] = raw
    protocol.buffer_updated(len(raw))


def _dialogue(head: Head, model: str, faults: Faults, *, beta: bool) -> Speaker:
    for end, speaker in PATHS:
        if head.path.endswith(end):
            return speaker(faults)
    return LiveDialogue(faults) if head.path.endswith(LIVE) else Dialogue(model, faults, beta=beta)


class Echo(WSListener):
    """Says everything back, frame by frame, and reads no further while its peer does not read."""

    def __init__(self, gone: Gone) -> None:
        self._gone = gone
        self._parted = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the socket."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            self._parted = True
            code = frame.get_close_code()
            transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code, frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type != WSMsgType.PONG:
            self.say(frame)

    def say(self, frame: WSFrame) -> None:
        """Say something to a frame with a message."""
        self._transport.send(frame.msg_type, frame.get_payload_as_bytes(), bool(frame.fin))

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Tell who counts."""
        self._gone(parted=self._parted)

    def pause_writing(self) -> None:
        """Read no further."""
        self._transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._transport.underlying_transport.resume_reading()


class Member(Echo):
    """A socket of a call, beside the page's connection or in its place. Of faults `cut_at` means something here."""

    def __init__(self, call: Call, faults: Faults, gone: Gone) -> None:
        super().__init__(gone)
        self._call = call
        self._faults = faults
        self._count = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Hear the call."""
        super().on_ws_connected(transport)
        self._call.listeners.append(self)

    def say(self, frame: WSFrame) -> None:
        """Have all hear what the model answers."""
        try:
            self._call.say(frame.get_payload_as_bytes())
        except TianjiError as error:
            told = {"type": "invalid_request_error", "code": None, "message": error.message, "param": error.param}
            self.tell(msgspec.json.encode({"type": "error", "error": {**told, "event_id": None}}))

    def tell(self, text: bytes) -> None:
        """Say something, or break off."""
        if self._count == self._faults.cut_at:
            self._transport.underlying_transport.abort()
        else:
            self._transport.send(WSMsgType.TEXT, text)
        self._count += 1

    def part(self) -> None:
        """Say goodbye."""
        self._transport.send_close(WSCloseCode.OK)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Hear nothing more."""
        self._call.listeners.remove(self)
        super().on_ws_disconnected(transport)


class Session(Echo):
    """Speaks as a realtime model does."""

    def __init__(self, dialogue: Speaker, faults: Faults, gone: Gone) -> None:
        super().__init__(gone)
        self._dialogue = dialogue
        self._faults = faults
        self._count = 0
        self._silent = False
        self._text = b""
        self._kind = WSMsgType.BINARY if isinstance(dialogue, LiveDialogue) else WSMsgType.TEXT  # as Google does

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say that the session is there."""
        super().on_ws_connected(transport)
        first = self._dialogue.begin()
        if first is not None:
            self._send(first)

    def say(self, frame: WSFrame) -> None:
        """Answer what a client said."""
        self._text += frame.get_payload_as_bytes()
        if not frame.fin:
            return
        text, self._text = self._text, b""
        try:
            for event in self._dialogue.listen(text):
                self._send(event)
        except TianjiError as error:
            if isinstance(self._dialogue, LiveDialogue):  # Google says it in a close frame
                self._silent = True
                self._transport.send_close(WSCloseCode.INVALID_TEXT, error.message.encode()[:120])
                return
            told = {"type": "invalid_request_error", "code": None, "message": error.message, "param": error.param}
            self._send({"type": "error", "error": {**told, "event_id": None}})
        if isinstance(self._dialogue, Sockets) and self._dialogue.over:
            self._silent = True
            self._transport.send_close(WSCloseCode.OK)

    def _send(self, event: Event) -> None:
        faults, count = self._faults, self._count
        self._count += 1
        if self._silent or self._parted:
            return
        if count == faults.stall_at:
            self._silent = True
            return
        if count == faults.cut_at:
            self._break_off()
            return
        if count == faults.end_at:
            self._silent = True
            self._transport.send_close(WSCloseCode.GOING_AWAY, b"mock fault: the end")
            return
        if count == faults.error_at:
            event = {"type": "error", "error": {"type": "server_error", "code": None, "message": "mock fault"}}
        text = self._dialogue.numbered(event)
        size = self._faults.split or len(text)
        for start in range(0, len(text), size):
            kind = WSMsgType.CONTINUATION if start else self._kind
            self._transport.send(kind, text[start : start + size], start + size >= len(text))

    def _break_off(self) -> None:
        self._silent = True
        transport = self._transport.underlying_transport
        if self._faults.reset:
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        transport.abort()
