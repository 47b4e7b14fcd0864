"""`python -m bench callbacks`: events for a destination that hangs, one that fails half its calls, and a healthy one.

Three processes: one writes entries into a journal as a worker does, one tells the destinations as the process of the
ledger does, over HTTP, and one is the destinations. In the middle the teller is killed and begun again.
"""

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from tianji._core.sharing import heap
from tianji._core.sharing.revision import Revisions
from tianji.callbacks.listening import Listening
from tianji.config.loader import load
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.journal import Journal
from tianji.ledger.priority import go_last
from tianji.ledger.process import GC_THRESHOLDS
from tianji.storage.location import parse
from tianji.storage.store import Store

NAMES: Final = ("healthy", "half", "hanging")
STEP: Final = 0.05  # seconds between two looks of the writer
PAGE: Final = 4096
USUAL: Final = Entry(
    request_id="", call_id="c" * 32, started_at=1_772_366_400_000_000, ended_at=1_772_366_400_250_000, provider="x",
    model="gpt-4o-2024-08-06", model_group="gpt-4o", deployment_id="d" * 32, api_base="https://api.openai.com/v1",
    key="k" * 64, user_id="u", team_id="t", prompt_tokens=1000, completion_tokens=200, cost=1_000_000,
)  # fmt: skip


def usual(words: int) -> Entry:
    """Return an entry whose answer has so many words, and its question twice as many; 0: it does not say them."""
    if not words:
        return USUAL
    encode = msgspec.json.encode
    messages = [
        {"role": "system", "content": "Be brief. " * words},
        {"role": "user", "content": "Why is that? " * words},
    ]
    answer = {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "because " * words}}]}
    request = {"model": "gpt-4o", "messages": messages, "temperature": 0.5, "metadata": {"trace_id": "t"}}
    payload = Payload(encode(messages), encode(answer), encode(request))
    return msgspec.structs.replace(USUAL, payload=payload)


def write(folder: Path, events: int, rate: int, words: int) -> None:
    """Write so many entries, `rate` a second."""
    entry = usual(words)
    journal = Journal(folder)
    journal.prepare().result()
    began, done = time.monotonic(), 0
    while done < events:
        due = min(events, int((time.monotonic() - began) * rate))
        for number in range(done, due):
            journal.append(msgspec.structs.replace(entry, request_id=f"{number}-0"))
        done = due
        time.sleep(STEP)
    journal.close()


class Destinations:
    """Answers as each is, and counts whose events came, and how often."""

    def __init__(self, events: int) -> None:
        self.seen = {name: bytearray(events) for name in NAMES}
        self.tries: Counter[str] = Counter()
        self._never = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                name = head.split(b" ", 2)[1].decode().strip("/")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                status = await self._answer(name, await reader.readexactly(size))
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, name: str, body: bytes) -> int:
        self.tries[name] += 1
        if name == "hanging":
            await self._never.wait()
        if name == "half" and self.tries[name] % 2:
            return 503
        seen = self.seen[name]
        for event in json.loads(body):
            number = event["id"].partition("-")[0]
            if number.isdigit() and len(number) < 9:  # else of a gateway that serves requests
                seen[int(number)] = min(255, seen[int(number)] + 1)
        return 200

    def report(self) -> dict[str, dict[str, int]]:
        """Say of each how many events came once, more often and never, and how often it was asked."""
        return {
            name: {
                "once": seen.count(1), "again": len(seen) - seen.count(0) - seen.count(1), "never": seen.count(0),
                "asked": self.tries[name],
            }
            for name, seen in self.seen.items()
        }  # fmt: skip


def destinations(events: int, pipe: Connection) -> None:
    """Be the destinations: say the port, and each time somebody asks, what came."""

    async def run() -> None:
        held = Destinations(events)
        server = await asyncio.start_server(held.serve, "127.0.0.1", 0, limit=1 << 24)
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            await asyncio.to_thread(pipe.recv)
            pipe.send(held.report())

    asyncio.run(run())


def tell(folder: Path, config: Path, most: int) -> None:
    """Tell the destinations, until somebody wants it to end; behind all others, as in a gateway."""
    go_last()
    heap.settle()

    async def run() -> None:
        loaded = load(config, {"DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2"})
        listening = Listening(folder, loaded, Store(parse(f"sqlite:///{folder.parent}/t.db"), Revisions()))
        listening._teller._most_kept = most
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        while not ended.is_set():
            await listening.round({})
            await asyncio.sleep(0.5)
        await listening.close()

    asyncio.run(run())


def resident(process: int) -> float:
    """MiB of a process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / (1 << 20)


def used(process: int) -> tuple[float, int]:
    """Seconds of CPU of a process, and how often it found a page that was not there."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[7])


def configuration(port: int) -> dict[str, Any]:
    """Return what names the destinations."""
    settings = {
        name: {"callback_type": "generic_api", "endpoint": f"http://127.0.0.1:{port}/{name}", "headers": {"x": "y"}}
        for name in NAMES
    }
    return {"model_list": [], "litellm_settings": {"callbacks": list(NAMES)}, "callback_settings": settings}


@click.command()
@click.option("--events", default=1_000_000, show_default=True)
@click.option("--rate", default=5000, show_default=True, help="Events a second.")
@click.option("--words", default=50, show_default=True, help="Of an answer; 0: what was said is not told.")
@click.option("--kill/--no-kill", default=True, help="Kill the teller in the middle.")
def callbacks(events: int, rate: int, words: int, *, kill: bool) -> None:
    """Tell three destinations of which two are ill."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="callbacks-") as name:
        folder = Path(name) / "data" / "journals"
        folder.parent.mkdir()
        here, there = spawn.Pipe()
        sinks = spawn.Process(target=destinations, args=(events, there), daemon=True)
        sinks.start()
        config = Path(name) / "config.yaml"
        config.write_text(json.dumps(configuration(here.recv())))
        teller = spawn.Process(target=tell, args=(folder, config, 1 << 40))
        writer = spawn.Process(target=write, args=(folder, events, rate, words), daemon=True)
        teller.start()
        began = time.monotonic()
        writer.start()
        sizes: list[float] = []
        before = busy = (0.0, 0)
        killed = not kill
        while True:
            time.sleep(1)
            sizes.append(resident(teller.pid or 0))
            busy = used(teller.pid or 0)
            here.send(True)
            found = here.recv()
            if not killed and found["healthy"]["never"] < events / 2:
                teller.kill()
                teller.join()
                before = busy
                state = json.loads((folder.parent / "callbacks.json").read_text())
                click.echo(f"killed; written down: {state['standings']['healthy']['told']} told to the healthy one")
                teller = spawn.Process(target=tell, args=(folder, config, 1 << 40))
                teller.start()
                killed = True
            if not found["healthy"]["never"] and not writer.is_alive():
                break
        took = time.monotonic() - began
        teller.terminate()
        teller.join()
        state = json.loads((folder.parent / "callbacks.json").read_text())
        kept = sum(file.stat().st_size for file in folder.iterdir()) / (1 << 20)
    click.echo(f"{events} events in {took:.0f} s, {events / took:.0f} a second; journals {kept:.0f} MiB")
    told = sum(state["standings"][one]["told"] for one in NAMES)
    spent, faults = map(sum, zip(before, busy, strict=True))
    click.echo(f"teller: {spent / told * 1e6:.0f} µs of CPU for an event that arrived, {faults / told:.2f} page faults")
    click.echo(f"teller, MiB resident: {sizes[min(10, len(sizes) - 1)]:.0f} after 10 s, {max(sizes):.0f} at most")
    for one, said in found.items():
        click.echo(f"{one:8} {said} standing {state['standings'][one]}")
    sinks.terminate()
