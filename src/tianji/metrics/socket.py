"""How a worker asks the process that follows the journals for its lines: a socket beside them, one question each.

A question is names of families, a line each, or nothing for all of them; the answer is text. The folder's own name may
be longer than an address of a socket, so it is reached by a descriptor of the folder.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

NAME: Final = "metrics.sock"
PATIENCE: Final = 10.0  # seconds for an answer
LONGEST: Final = 65536  # bytes of a question

Answer = Callable[[frozenset[str]], Awaitable[bytes]]


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{NAME}"
    finally:
        os.close(opened)


async def listen(folder: Path, answer: Answer) -> asyncio.Server:
    """Answer those who ask. Who listened before in this folder is not asked any more. Raises OSError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                asked = (await reader.read(LONGEST)).decode("utf-8", "replace")
                writer.write(await answer(frozenset(asked.split())))
                await writer.drain()
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            writer.close()

    return await asyncio.start_unix_server(serve, sock=await asyncio.to_thread(_bound, folder))


def _bound(folder: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with _address(folder) as address:
            Path(address).unlink(missing_ok=True)
            listening.bind(address)
            Path(address).chmod(0o600)
    except OSError:
        listening.close()
        raise
    return listening


async def ask(folder: Path, names: Sequence[str]) -> bytes:
    """Return the lines of these families, or of all; nothing where nobody follows. Raises OSError, TimeoutError."""
    connected = await asyncio.to_thread(_connected, folder)
    if connected is None:
        return b""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        try:
            writer.write("".join(f"{name}\n" for name in names).encode())
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


def _connected(folder: Path) -> socket.socket | None:
    """Return a connection to whoever listens; None where nobody ever did."""
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        asking.settimeout(PATIENCE)
        with _address(folder) as address:
            asking.connect(address)
    except FileNotFoundError:
        asking.close()
        return None
    except OSError:
        asking.close()
        raise
    asking.setblocking(False)
    return asking
