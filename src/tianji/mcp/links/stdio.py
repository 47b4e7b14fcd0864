"""A program on this machine, which reads messages and writes them, one a line.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
"""

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tianji.errors import TianjiError, UpstreamConnectFailed, UpstreamDisconnected, UpstreamProtocolError
from tianji.mcp.links.channel import Channel
from tianji.mcp.links.link import LONGEST

PATIENCE: Final = 2.0  # seconds that a program has to end by itself, and then to heed that it is told to
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SHELL", "TERM", "LOGNAME")
"""What of the environment a program gets beside what its entry names; nothing else, since secrets stand there."""


class Stdio(Channel):
    """See Link. `environ`: what the program gets of it beside the usual."""

    def __init__(self, command: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        super().__init__()
        self._command = command
        self._arguments = arguments
        usual = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._environ = {**usual, **environ}
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None

    async def tell(self, message: dict[str, Any]) -> None:
        """Write a message."""
        async with self._starting:
            process = self._process or await self._start()
        if process.stdin is None:
            raise UpstreamDisconnected("the MCP server reads nothing")
        try:
            process.stdin.write(msgspec.json.encode(message) + b"\n")
            await process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise UpstreamDisconnected("the MCP server has ended") from error

    async def close(self) -> None:
        """End the program: its input ends, then it is told to end, then it is ended."""
        self._post.end()
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for end in (process.terminate, process.kill):
            if await _ended(process):
                break
            with contextlib.suppress(ProcessLookupError):
                end()
        if self._reading is not None:
            await self._reading

    async def _start(self) -> Process:
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._command,
                *self._arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=self._environ,
                limit=LONGEST,
            )
        except OSError as error:
            self._post.end(UpstreamConnectFailed(f"the MCP server cannot be started: {error.strerror}"))
            raise UpstreamConnectFailed(f"the MCP server cannot be started: {error.strerror}") from error
        self._reading = asyncio.get_running_loop().create_task(self._read(self._process))
        return self._process

    async def _read(self, process: Process) -> None:
        failure: TianjiError | None = None
        try:
            while process.stdout is not None and (line := await process.stdout.readline()):
                back = self._post.take(_decoded(line))
                if back is not None:
                    await self.tell(back)
        except ValueError:
            failure = UpstreamProtocolError("the MCP server sent a line that is too long")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        except TianjiError as error:
            failure = error
        finally:
            self._post.end(failure)
            await process.wait()


async def _ended(process: Process) -> bool:
    """Whether a program ends, if it is given a moment."""
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), PATIENCE)
    except TimeoutError:
        return False
    return True


def _decoded(line: bytes) -> Any:
    """Return a message; None for what a program writes that is none, as some do when they start."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
