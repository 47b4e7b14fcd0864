"""The two loops of the load client: closed, where each connection asks again at once, and open, at a constant rate."""

import asyncio
import ctypes
import math
import os
import time
from collections import deque
from collections.abc import Callable

from bench.macro.client import Connection, Load, connect, now

SETTLE = 0.3  # seconds of load before anything is counted
DRAIN = 10.0  # seconds that the last answers may take
OPEN_CONNECTIONS = 64
GROUPS = 2500  # a second: so often does the open loop wake at most; what is due between is asked for in one go


class _Run:
    """Counts what falls into the measured time."""

    def __init__(self, seconds: float) -> None:
        self.load = Load()
        self.start = now() + SETTLE
        self.end = self.start + seconds
        self.past_events = 0  # of answers that are complete
        self.counting = False
        self.over = False

    def mark_both_ends(self, connections: list[Connection], mark: Callable[[], None]) -> None:
        """Call `mark` at the start and at the end of what counts; what happens between is what counts."""
        loop = asyncio.get_running_loop()
        base = loop.time() - now()

        def take(sign: int) -> None:
            mark()
            self.counting, self.over = sign < 0, sign > 0
            self.load.seconds += sign * now()
            self.load.events += sign * (self.past_events + sum(c.answer.events for c in connections))

        loop.call_at(self.start + base, take, -1)
        loop.call_at(self.end + base, take, 1)

    def fail(self, problem: str) -> None:
        self.load.failures += 1
        self.load.first_failure = self.load.first_failure or problem


async def closed_loop(
    host: str, port: int, request: bytes, size: int | None, count: int, seconds: float, mark: Callable[[], None]
) -> Load:
    """`count` connections, each asking again at once. `mark` is called at the start and at the end of what counts."""
    run = _Run(seconds)
    load, latencies = run.load, run.load.latencies
    live = count
    finished = asyncio.get_running_loop().create_future()

    def done(connection: Connection, problem: str) -> None:
        nonlocal live
        moment = now()
        if problem:
            run.fail(problem)
            live -= 1
        else:
            if run.counting:
                latencies.append(moment - connection.since)
            run.past_events += connection.answer.events
            connection.answer.reset()
            if not run.over:
                connection.ask(moment)
                return
            live -= 1
        if not live and not finished.done():
            finished.set_result(None)

    connections = await connect(host, port, count, request, size, done)
    run.mark_both_ends(connections, mark)
    loop = asyncio.get_running_loop()
    for number, connection in enumerate(connections):  # not all in step, else paced streams wake the gateway together
        loop.call_later(number * SETTLE / 2 / count, connection.begin)
    await _ended(finished, run.end, load, lambda: live)
    for connection in connections:
        connection.transport.close()
    latencies.sort()
    return load


async def _ended(finished: "asyncio.Future[None]", end: float, load: Load, left: Callable[[], int]) -> None:
    """Wait for the last answers, and for the end of the measured time if all connections died before."""
    try:
        async with asyncio.timeout(max(0.0, end - now()) + DRAIN):
            await finished
    except TimeoutError:
        load.first_failure = load.first_failure or f"no answer in {DRAIN:g} s"
    load.failures += left()
    await asyncio.sleep(max(0.0, end - now()) + 0.005)


class _OpenLoop:
    """The state of one open loop."""

    def __init__(self, rate: float, seconds: float) -> None:
        self.run = _Run(seconds)
        self.begin = self.run.start - SETTLE / 2
        self.group = math.ceil(rate / GROUPS)  # requests due at once
        self.gap = self.group / rate
        self.total = int((self.run.end - self.begin) / self.gap) * self.group
        self.sent = self.answered = 0
        self.timer = -1
        self.connections: list[Connection] = []
        self.idle: list[Connection] = []
        self.waiting: deque[float] = deque()  # when the requests that found no free connection were due
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def due(self) -> None:
        """Ask as often as the timer says, or note who waits."""
        idle = self.idle
        ticks = int.from_bytes(os.read(self.timer, 8), "little")
        for _ in range(min(ticks * self.group, self.total - self.sent)):
            since = self.begin + self.sent // self.group * self.gap
            self.sent += 1
            while idle and idle[-1].lost:  # closed by the server while nothing was asked of it
                idle.pop()
            if idle:
                idle.pop().ask(since)
            else:
                self.waiting.append(since)
        if self.sent >= self.total:
            self._end_if_nothing_can_come()

    def done(self, connection: Connection, problem: str) -> None:
        """Count an answer; give the connection to the request that waits longest."""
        self.answered += 1
        if problem:
            self.run.fail(problem)
        else:
            if self.run.start <= connection.since < self.run.end:
                self.run.load.latencies.append(now() - connection.since)
            self.run.past_events += connection.answer.events
            connection.answer.reset()
            if self.waiting:
                connection.ask(self.waiting.popleft())
            else:
                self.idle.append(connection)
        self._end_if_nothing_can_come()

    def _end_if_nothing_can_come(self) -> None:
        if self.finished.done() or self.sent < self.total:
            return
        if self.answered >= self.total:
            self.finished.set_result(None)
        elif all(connection.lost for connection in self.connections):
            self.run.load.first_failure = self.run.load.first_failure or "every connection was closed"
            self.finished.set_result(None)


async def open_loop(
    host: str, port: int, request: bytes, size: int | None, rate: float, seconds: float, mark: Callable[[], None]
) -> Load:
    """`rate` requests a second, due in groups of equal distance, over as many connections as are free.

    Those that find none free wait in order, and their latency counts from when they were due.
    """
    state = _OpenLoop(rate, seconds)
    run = state.run
    state.connections += await connect(host, port, OPEN_CONNECTIONS, request, size, state.done)
    state.idle += state.connections
    run.mark_both_ends(state.connections, mark)
    state.timer = _timer(state.begin, state.gap)
    loop = asyncio.get_running_loop()
    loop.add_reader(state.timer, state.due)
    try:
        await _ended(state.finished, run.end, run.load, lambda: state.total - state.answered)
    finally:
        loop.remove_reader(state.timer)
        os.close(state.timer)
    for connection in state.connections:
        connection.transport.close()
    run.load.latencies.sort()
    return run.load


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Interval(ctypes.Structure):
    _fields_ = (("every", _Timespec), ("first", _Timespec))


def _timer(first: float, every: float) -> int:
    """A timerfd(2) at an absolute monotonic time and then periodically: loops' own timers are a millisecond coarse."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    spec = _Interval(_timespec(every), _timespec(first))
    if descriptor < 0 or libc.timerfd_settime(descriptor, 1, ctypes.byref(spec), None):
        raise OSError(ctypes.get_errno(), "timerfd")
    return int(descriptor)


def _timespec(seconds: float) -> _Timespec:
    whole = int(seconds)
    return _Timespec(whole, int((seconds - whole) * 1e9))
