"""The processes of one guardrail: started when they are needed, a few at most, and killed when they take too long.

A process judges one content at a time. One whose caller gave up, because the time was over or the client gone, is
killed, whatever it was doing; so is one that broke.
"""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from threading import Thread
from typing import Any, Final

from msgspec import Struct

from tianji.guardrails.custom.channel import CALL, Broken, Document, encoded, read

_PASSED: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


Serve = Callable[[Document], Awaitable[Document]]


class Job(Struct, frozen=True):
    """What a process is for.

    told: what it is told first; folder: where it runs; processes: how many there are at most
    """

    told: Mapping[str, Any]
    folder: str
    processes: int


class Child:
    """One process."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    async def ask(self, document: Document, serve: Serve | None = None) -> Document:
        """Say something and return what it answers. `serve`: does what it asks for before that. Raises Broken."""
        self._writer.write(encoded(document))
        while (said := await read(self._reader)).get("action") == CALL and serve is not None:
            self._writer.write(encoded(await serve(said)))
        return said

    def kill(self) -> None:
        """End it; the system is told by `Pool` that nobody asks for it any more."""
        self._process.kill()
        self._writer.close()


class Pool:
    """All processes of one guardrail in this worker."""

    def __init__(self, job: Job, environ: Mapping[str, str]) -> None:
        self._job = job
        self._environ = {name: environ[name] for name in _PASSED if name in environ}
        self._idle: list[Child] = []
        self._serving: set[Child] = set()
        self._processes: set[subprocess.Popen[bytes]] = set()  # all that the system remembers; threads add to it
        self._starts: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._closed = False

    async def ask(self, document: Document, serve: Serve | None = None) -> Document:
        """Return what a process answers. Raises Broken where it ends instead, or none can be started."""
        self._forget()
        child = self._idle.pop() if self._idle else await self._next()
        whole = False
        try:
            answer = await child.ask(document, serve)
            whole = True
        finally:
            if whole:
                self._give(child)
            else:
                self._kill(child)
        return answer

    def close(self) -> None:
        """End all processes."""
        self._closed = True
        for child in list(self._serving):
            self._kill(child)
        for process in list(self._processes):
            self._end(process)

    async def _next(self) -> Child:
        """Wait for the next process that is free."""
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._start_some()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give(waiter.result())
            raise

    def _give(self, child: Child) -> None:
        """Let who waits longest have it."""
        waiter = self._first()
        if waiter is None:
            self._idle.append(child)
        else:
            waiter.set_result(child)

    def _first(self) -> "asyncio.Future[Child] | None":
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _start_some(self) -> None:
        """Start as many processes as are waited for and may be."""
        waiting = sum(not waiter.done() for waiter in self._waiting)
        while waiting > len(self._starts) and len(self._serving) + len(self._starts) < self._job.processes:
            start = asyncio.get_running_loop().create_task(self._start())
            self._starts.add(start)
            start.add_done_callback(self._started)

    def _started(self, start: "asyncio.Task[None]") -> None:
        self._starts.discard(start)
        if not start.cancelled():
            self._start_some()

    async def _start(self) -> None:
        try:
            process, line = await asyncio.to_thread(self._spawned)
            child = Child(process, *await asyncio.open_unix_connection(sock=line))
            await self._prepare(child)
            self._give(child)
        except (Broken, OSError) as error:
            waiter = self._first()
            if waiter is not None:
                waiter.set_exception(error if isinstance(error, Broken) else Broken(f"no process: {error.strerror}"))

    async def _prepare(self, child: Child) -> None:
        """Tell a process what it is for. Raises Broken where that cannot be, and ends it."""
        ready = False
        try:
            answer = await child.ask(dict(self._job.told))
            if answer.get("action") != "ready":
                raise Broken(f"its code cannot be loaded: {answer.get('reason')}")
            if self._closed:
                raise Broken("it was closed")
            ready = True
        finally:
            if ready:
                self._serving.add(child)
            else:
                self._kill(child)

    def _spawned(self) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-m", "tianji.guardrails.custom.child", str(theirs.fileno())]
            try:
                process = subprocess.Popen(  # noqa: S603 - this program itself
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    cwd=self._job.folder,
                    env=self._environ,
                )
            except OSError:
                ours.close()
                raise
        self._processes.add(process)
        if self._closed:
            self._end(process)
        ours.setblocking(False)
        return process, ours

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill it, and have a thread wait until the system has forgotten it, which the loop cannot."""
        process.kill()
        self._processes.discard(process)
        Thread(target=process.wait, name="guardrail-ends", daemon=True).start()

    def _forget(self) -> None:
        for process in list(self._processes):
            if process.poll() is not None:
                self._processes.discard(process)

    def _kill(self, child: Child) -> None:
        self._serving.discard(child)
        child.kill()
        if not self._closed:
            self._start_some()
