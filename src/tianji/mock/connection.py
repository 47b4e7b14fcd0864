"""One client's connection: bytes to requests, scripts to writes."""

import asyncio
import socket
import struct
import time
from urllib.parse import parse_qs

from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.mock import control, routes
from tianji.mock.faults import Faults, from_headers
from tianji.mock.http import Request, RequestParser, asks_for_websocket
from tianji.mock.script import End, Script, compile_script
from tianji.mock.sockets.calls import Call
from tianji.mock.state import MAX_WIRE_KEY, Abort, State

EARLY = 0.0005  # seconds: a write this near is due; uvloop's timers are as coarse
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Answers one request after the other, in order."""

    def __init__(self, state: State, loop: asyncio.AbstractEventLoop) -> None:
        self._state = state
        self._loop = loop
        self._parser = RequestParser(state.heads)
        self._wires = state.wires
        self._record = state.recorder.add
        self._script: Script | None = None
        self._request: Request | None = None
        self._task: asyncio.Task[Script] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._step = 0
        self._due = 0.0
        self._counted = False  # as one request in progress
        self._closing = False
        self._rate = 0.0  # bytes a second of the body being read, 0 is as they come
        self._started = False  # the head of the request being read was seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # a stream's, as asked for
        self._write = self._transport.write
        self._state.accepted += 1
        self.number = self._state.accepted
        self._state.alive.add(self)
        self._state.changed()

    def data_received(self, data: bytes) -> None:
        """Answer at once what is known by heart, or parse."""
        if self._script is None and not self._closing and len(data) <= MAX_WIRE_KEY:
            wire = self._wires.get(data)
            if wire is not None and not self._parser.waiting and not self._state.rules.active:
                self._record(data, None)
                self._write(wire)
                self._state.changed()
                return
        self._parser.feed(data)
        if self._rate:
            self._transport.pause_reading()
            self._loop.call_later(len(data) / self._rate, self._resume)
        if self._script is None and self._task is None:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note what was broken off."""
        state = self._state
        state.alive.discard(self)
        state.controllers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        reading = self._parser.waiting
        if not self._closing and (self._script is not None or reading or exc is not None):
            request = self._request
            head = self._parser.head if request is None else request.head
            phase = "request" if self._script is None and reading else "answer"
            model = routes.model_of(request) if request is not None else ""
            path = head.path if head is not None else ""
            state.aborted += 1
            now, monotonic = time.time(), time.monotonic()
            state.aborts.append(Abort(now, monotonic, phase, path, model, self._step, self.number))
        self._closing = True
        self._count(busy=False)
        state.changed()

    def drop(self) -> None:
        """Close now, whatever is going on."""
        self._closing = True
        self._transport.abort()

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _next(self) -> None:
        """Start on what the parser holds."""
        try:
            while self._script is None and self._task is None and not self._closing:
                head = self._parser.read_head()
                if head is not None and not self._started:
                    self._start_reading()
                request = self._parser.read()
                if request is None:
                    return
                self._started, self._rate = False, 0.0
                self._handle(request)
        except TianjiError as error:
            self._refuse(error)

    def _start_reading(self) -> None:
        """Act on a head whose body may not be there yet."""
        head = self._parser.head
        if head is None:
            return
        self._started = True
        if head.expects_continue:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if head.path.startswith(control.PREFIX):
            self._state.controllers.add(self)
            self._state.changed()
            return
        self._count(busy=True)
        faults = self._state.rules.peek(head.path, head.authorization).over(self._state.settings.faults)
        if head.mocked:
            faults = from_headers(head.headers).over(faults)
        self._rate = faults.slow_read or 0.0

    def _handle(self, request: Request) -> None:
        head = request.head
        self._request = request
        if head.path.startswith(control.PREFIX):
            self._task = self._loop.create_task(control.serve(self._state, request))
            self._task.add_done_callback(self._controlled)
            return
        self._state.recorder.add(request.raw_head, request.body)
        if asks_for_websocket(head):
            self._open_websocket(request)
            return
        script, steady = self._state.script(request)
        if steady and script.wire is not None:
            self._state.remember(request.raw_head + request.body, script.wire)
        self._state.changed()
        self._play(script)

    def _open_websocket(self, request: Request) -> None:
        faults = self._state.faults(request)
        named = parse_qs(request.head.query).get("call_id")
        call = None
        if named is not None:
            try:
                call = self._state.shelf.calls.find(named[0])
            except TianjiError as error:
                self._refuse(error)
                return
        if (faults.status or 0) >= 400 or faults.close or faults.raw is not None:
            answer = routes.answer(request, faults, (), self._state.shelf)
            self._play(compile_script(answer, faults, keep_alive=False))
            return
        self._script = Script((), End.HANG)  # nothing else is read as HTTP
        self._timer = self._loop.call_later((faults.first_byte_ms or 0) / 1000, self._upgrade, request, faults, call)

    def _upgrade(self, request: Request, faults: Faults, call: Call | None) -> None:
        self._timer = None
        self._state.sockets += 1
        model = routes.model_of(request)
        load("tianji.mock.sockets.realtime").upgrade(
            self._transport, request.head, model, faults, self._websocket_gone, call
        )

    def _websocket_gone(self, *, parted: bool) -> None:
        self._closing = parted
        self._state.sockets -= 1
        self.connection_lost(None)

    def _controlled(self, task: asyncio.Task[Script]) -> None:
        self._task = None
        if not task.cancelled() and not self._closing:
            self._play(task.result())
            self._next()

    def _refuse(self, error: TianjiError) -> None:
        """Answer what cannot be understood, and close."""
        head = self._parser.head or (self._request.head if self._request is not None else None)
        answer = routes.error_answer(head.path if head is not None else "", error.status, error.message)
        self._play(compile_script(answer, keep_alive=False))

    def _play(self, script: Script) -> None:
        self._script = script
        self._step = 0
        self._due = self._loop.time()
        self._advance()

    def _continue(self) -> None:
        self._timer = None
        self._advance()
        if self._script is None:
            self._next()

    def _advance(self) -> None:
        """Write what is due; come back for the rest."""
        script = self._script
        if script is None or self._closing:
            return
        steps = script.steps
        now = self._loop.time()
        while self._step < len(steps):
            wait, data = steps[self._step]
            due = self._due + wait
            if wait and due > now + EARLY:
                self._timer = self._loop.call_at(due, self._continue)
                return
            self._due = due
            self._step += 1
            self._write(data)
        if script.end is End.HANG:
            return
        if script.end is not End.KEEP:
            self._close(reset=script.end is End.RESET)
        self._script = None
        self._request = None
        self._count(busy=False)

    def _close(self, *, reset: bool) -> None:
        self._closing = True
        if reset:
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()

    def _count(self, *, busy: bool) -> None:
        if busy is not self._counted:
            self._counted = busy
            self._state.busy += 1 if busy else -1
            self._state.changed()
