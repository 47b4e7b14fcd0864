"""Many clients at the same moment, each with a connection of its own."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.contract.harness import Gateway


def post(path: str, body: Mapping[str, object], key: str) -> bytes:
    """Return the bytes of a request that closes its connection."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


def statuses(gateway: Gateway, requests: Sequence[bytes]) -> Counter[int]:
    """Send each request on a connection of its own, all when all are connected; count the answers by status."""
    return Counter(asyncio.run(_all(gateway.port, requests)))


async def _all(port: int, requests: Sequence[bytes]) -> list[int]:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]
    return list(await asyncio.gather(*map(_one, connections, requests)))


async def _one(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> int:
    reader, writer = connection
    try:
        writer.write(request)
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1])
