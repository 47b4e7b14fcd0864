"""Sessions that say nothing: what they hold in the gateway, how fast one ends, and what is left of them."""

import asyncio
import random
import socket
import struct
import time
from pathlib import Path

import click
import picows

from bench.macro.targets import KEY
from bench.memory.readings import read

HOST = "127.0.0.1"
PATH = "/v1/realtime?model="
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Session(picows.WSListener):
    """One side of a session: says nothing, and knows when it is over."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.ended = 0.0  # when it was gone

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self.leave()

    def on_ws_disconnected(self, _transport: picows.WSTransport) -> None:
        self.ended = time.perf_counter()
        self.gone.set()

    def leave(self) -> None:
        self._transport.disconnect(False)

    def end(self, way: str) -> None:
        """Cut it off, with or without a word, or have the other side do that."""
        if way == "part":
            self._transport.send_close(picows.WSCloseCode.OK)
        elif way == "wait":
            self._transport.send(picows.WSMsgType.TEXT, b'{"type":"response.create"}')
        else:
            if way == "reset":
                sock = self._transport.underlying_transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            self.leave()


async def connect(port: int, count: int) -> list[Session]:
    """Open sessions, some at a time."""
    url = f"ws://{HOST}:{port}{PATH}echo"
    opened: list[Session] = []

    async def one() -> None:
        _, session = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
        opened.append(session)

    for begin in range(0, count, 50):
        await asyncio.gather(*(one() for _ in range(min(50, count - begin))))
    return opened


async def crowd(port: int, count: int, workers: list[int]) -> float:
    """Open `count` sessions that say nothing; KiB of the gateway's memory for each."""
    before = sum(read(pid).rss for pid in workers)
    sessions = await connect(port, count)
    await asyncio.sleep(1.0)
    after = sum(read(pid).rss for pid in workers)
    for session in sessions:
        session.leave()
    return (after - before) * 1024 / count


async def cuts(port: int, count: int, workers: list[int]) -> None:
    """Open sessions and cut them off from random sides; say what is left of them in the gateway."""
    dice = random.Random(1)
    ways = ("echo", "cutting", "parting")

    async def one() -> None:
        url = f"ws://{HOST}:{port}{PATH}{dice.choice(ways)}"
        _, session = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
        session.end(dice.choice(("cut", "reset", "part", "wait" if "echo" not in url else "cut")))
        await session.gone.wait()

    def held() -> tuple[int, float]:
        links = [str(link.readlink()) for pid in workers for link in Path(f"/proc/{pid}/fd").iterdir()]
        return sum(link.startswith("socket:") for link in links), sum(read(pid).rss for pid in workers)

    before = held()
    for turn in range(2):
        for _ in range(0, count // 2, 50):
            await asyncio.gather(*(one() for _ in range(50)))
        await asyncio.sleep(1.0)
        now = held()
        click.echo(
            f"  after {(turn + 1) * count // 2:,} opens and cuts: {now[0] - before[0]:+} sockets, "
            f"{now[1] - before[1]:+.1f} MiB"
        )


async def losses(port: int, upstream: int, count: int) -> dict[str, list[float]]:
    """Lose one side of sessions, one after the other, by FIN or RST; `upstream` is the port of the other side.

    Returns how long the other side took to be closed then, in milliseconds, sorted, by which side was lost.
    """
    dice = random.Random(2)
    accepted: asyncio.Queue[Session] = asyncio.Queue()
    taken: dict[str, list[float]] = {"client": [], "upstream": []}

    def accept(_request: picows.WSUpgradeRequest) -> Session:
        session = Session()
        accepted.put_nowait(session)
        return session

    url = f"ws://{HOST}:{port}{PATH}sink"
    async with await picows.ws_create_server(accept, HOST, upstream):
        for _ in range(count):
            _, client = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
            sides = {"client": client, "upstream": await accepted.get()}
            side = dice.choice(tuple(sides))
            lost = sides.pop(side)
            (other,) = sides.values()
            begin = time.perf_counter()
            lost.end(dice.choice(("cut", "reset")))
            await other.gone.wait()
            taken[side].append(1e3 * (other.ended - begin))
    return {side: sorted(times) for side, times in taken.items()}
