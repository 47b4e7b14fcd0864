"""The frames of one HTTP/2 connection to an upstream (RFC 9113): h2's rules with this gateway's windows.

Bodies are sent as the upstream's windows and the socket allow. The window that all answers share is opened again as
their bytes come, so that one slow reader does not hold up the others; that of a single answer only by `credit`.
"""

import asyncio
import logging
from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RemoteSettingsChanged, StreamEnded, StreamReset, WindowUpdated
from h2.settings import SettingCodes, Settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from tianji.egress.flight import WINDOW
from tianji.errors import Header

SHARED_WINDOW: Final = 16 * 1024 * 1024
"""Bytes of all answers of a connection that may be on their way."""

LAST_STREAM: Final = 2**31 - 1  # there are no higher numbers (RFC 9113 section 5.1.1)
MAX_HEAD: Final = 64 * 1024  # bytes

_SECRET: Final = frozenset({b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key", b"cookie"})
"""Fields that no compression table remembers (RFC 7541 section 7.1.3)."""

logging.getLogger("hpack").setLevel(logging.INFO)  # below it writes the credentials of every request


class _Machine(H2ConnectionStateMachine):
    """h2's rules of a connection, except that GOAWAY does not end it at once (RFC 9113 section 6.8)."""

    _transitions = {  # noqa: RUF012 - as the base class has it, and h2 offers no other way
        **H2ConnectionStateMachine._transitions,
        (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.CLIENT_OPEN),
    }


class Frames:
    """What is said on one connection.

    `streams` is how many the upstream takes at a time: one until it has `told`, since some break off when there are
    more than they will have said. `full` holds bodies back while the socket takes no more.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        """Say hello."""
        self.streams = 1
        self.told = False
        self.full = False
        self._transport = transport
        self._unsent: dict[int, memoryview] = {}  # what is left of bodies, by stream
        self._unread = 0  # bytes that the shared window waits for
        self._http2 = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._http2.state_machine = _Machine()
        self._http2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
            },
        )
        self._http2.initiate_connection()
        self._http2.increment_flow_control_window(SHARED_WINDOW - self._http2.inbound_flow_control_window)
        self.flush()

    def receive(self, data: bytes) -> list[Event]:
        """Read what came and answer what needs no call; returns all events. Raises h2's ProtocolError."""
        events = self._http2.receive_data(data)
        for event in events:
            if isinstance(event, DataReceived):
                self._unread += event.flow_controlled_length
            elif isinstance(event, RemoteSettingsChanged):
                self.told = True
                self.streams = self._http2.remote_settings.max_concurrent_streams
                self.send_on()
            elif isinstance(event, WindowUpdated):
                self.send_on()
            elif isinstance(event, StreamReset):
                self._unsent.pop(event.stream_id, None)
            elif isinstance(event, StreamEnded) and event.stream_id in self._unsent:
                self.reset(event.stream_id, ErrorCodes.NO_ERROR)  # it did not wait for the request: section 8.1
        if self._unread >= SHARED_WINDOW // 2:
            self._http2.increment_flow_control_window(self._unread)
            self._unread = 0
        self.flush()
        return events

    def open(self, fields: list[Header], body: memoryview) -> int:
        """Begin a stream with a request, credentials out of reach of the compression; returns its number."""
        number = self._http2.get_next_available_stream_id()
        marked = [NeverIndexedHeaderTuple(*each) if each[0] in _SECRET else HeaderTuple(*each) for each in fields]
        self._http2.send_headers(number, marked, end_stream=not body)
        if body:
            self._unsent[number] = body
            self._send(number)
        self.flush()
        return number

    def credit(self, number: int, count: int) -> None:
        """Open the window of a stream by `count` bytes that were read."""
        if self._alive(number):
            self._http2.increment_flow_control_window(count, number)
            self.flush()

    def reset(self, number: int, code: ErrorCodes) -> None:
        """End a stream, unless it has ended."""
        self._unsent.pop(number, None)
        if self._alive(number):
            self._http2.reset_stream(number, code)
            self.flush()

    def send_on(self) -> None:
        """Send what is left of bodies, as far as that is possible now."""
        for number in list(self._unsent):
            self._send(number)

    def goodbye(self) -> None:
        """Say that the connection ends."""
        self._http2.close_connection()
        self.flush()

    def flush(self) -> None:
        """Write what is to be said."""
        data = self._http2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _send(self, number: int) -> None:
        rest = self._unsent[number]
        while rest and not self.full and self._alive(number):
            room = min(self._http2.local_flow_control_window(number), self._http2.max_outbound_frame_size, len(rest))
            if room <= 0:
                break
            piece, rest = rest[:room], rest[room:]
            self._http2.send_data(number, bytes(piece), end_stream=not rest)
            self.flush()
        if rest:
            self._unsent[number] = rest
        else:
            del self._unsent[number]

    def _alive(self, number: int) -> bool:
        """Whether frames of a stream may be sent: it may have ended in what was read but not yet looked at."""
        stream = self._http2.streams.get(number)
        return stream is not None and stream.open and not self._transport.is_closing()
