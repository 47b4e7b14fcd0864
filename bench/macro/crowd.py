"""Many streams at once, each at the pace of a person's reading: does each event come in its turn and in time?

A stream stalls when an event comes later than ten paces after the one before. An event is out of order when it is not
the next of the words that the mock says in answer to this request; the words all differ.
"""

import asyncio
from collections.abc import Callable

import msgspec

from bench.macro.cells import Crowd
from bench.macro.client import Answer, Broken, now

RAMP = 1.5  # seconds in which the streams begin, one after the other
LATE = 10  # paces
OPENING = b':""'  # the first event, which has no text
AT_ONCE = 64  # connections in the making


def words_of(payload: bytes) -> list[bytes]:
    """The texts of a stream's events, as they stand behind a name in its JSON."""
    words = []
    for line in payload.split(b"\n"):
        if line.startswith(b"data: {"):
            choices = msgspec.json.decode(line[6:])["choices"]
            if choices and (text := choices[0]["delta"].get("content")):
                words.append(b":" + msgspec.json.encode(text))
    return words


class Tally:
    """What all streams together saw in the time that counts."""

    def __init__(self, words: list[bytes], pace: int) -> None:
        self.words = words
        self.late = LATE / pace
        self.counting = False
        self.crowd = Crowd(pace=pace)

    def silence(self, seconds: float) -> None:
        """Take the time between an event and the one before, or the end."""
        crowd = self.crowd
        if seconds * 1000 > crowd.longest_gap:
            crowd.longest_gap = seconds * 1000
        if seconds > self.late:
            crowd.stalls += 1

    def fail(self, problem: str) -> None:
        self.crowd.failures += 1
        self.crowd.problem = self.crowd.problem or problem


class Reader(Answer):
    """Reads one stream after the other, and follows its words."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.at = 0  # of the next word
        self.last = 0.0  # when the last event came, or the request went out
        self._rest = b""

    def begin(self, moment: float) -> None:
        self.reset()
        self.at = 0
        self.last = moment
        self._rest = b""

    def _take(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        *events, self._rest = data.split(b"\n\n")
        tally = self.tally
        words = tally.words
        for spaced in events:
            event = spaced.replace(b'": "', b'":"')  # as some gateways write JSON
            at = self.at
            if at == len(words):
                continue  # what ends the stream
            if words[at] in event:
                self.at = at + 1
                moment = now()
                if tally.counting:
                    tally.crowd.events += 1
                    tally.silence(moment - self.last)
                self.last = moment
            elif at or OPENING not in event:
                tally.crowd.disordered += 1


class Stream(asyncio.Protocol):
    """One connection that asks for a stream, and for another when it has ended."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self.reader = Reader(tally)
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # as asked for

    def ask(self) -> None:
        if not self.over:
            self.reader.begin(now())
            self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        reader = self.reader
        try:
            if not reader.feed(data):
                return
            if reader.status != 200 or reader.at != len(self._tally.words):
                raise Broken(f"status {reader.status}, {reader.at} of {len(self._tally.words)} words")
        except (Broken, ValueError) as error:
            self._end(str(error))
        else:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection was lost: {exc or 'closed'}")

    def _end(self, problem: str) -> None:
        if not self.over:
            self.over = True
            self._tally.fail(problem)
            self.transport.close()

    def close(self) -> None:
        """Leave, whatever is under way."""
        if not self.over:
            self.over = True
            self.transport.abort()


async def crowd(
    address: tuple[str, int],
    request: bytes,
    words: list[bytes],
    shape: tuple[int, int, float],
    mark: Callable[[], None],
) -> Crowd:
    """Keep streams open. `shape`: how many, events a second of each, seconds that count; `mark` is called around them.

    Raises OSError when the target does not take the connections.
    """
    count, pace, seconds = shape
    loop = asyncio.get_running_loop()
    tally = Tally(words, pace)
    streams: list[Stream] = []
    try:
        for first in range(0, count, AT_ONCE):
            making = [
                loop.create_connection(lambda: Stream(request, tally), *address)
                for _ in range(min(AT_ONCE, count - first))
            ]
            streams += [protocol for _, protocol in await asyncio.gather(*making)]
        for number, stream in enumerate(streams):
            loop.call_later(number * RAMP / count, stream.ask)
        await asyncio.sleep(RAMP + 2 / pace)
        mark()
        tally.counting, begun = True, now()
        await asyncio.sleep(seconds)
        tally.counting = False
        end = now()
        mark()
        tally.crowd.seconds = end - begun
        alive = [stream for stream in streams if not stream.over]
        tally.crowd.streams = len(alive)
        for stream in alive:
            tally.silence(end - stream.reader.last)
    finally:
        for stream in streams:
            stream.close()
    await asyncio.sleep(0.1)  # the loop closes their sockets
    return tally.crowd
