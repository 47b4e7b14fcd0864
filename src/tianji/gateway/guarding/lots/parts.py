"""A form (multipart/form-data) that leads through, as guardrails see it: texts of its fields, and files of requests.

What they change is put where it stood; the boundary and every other byte stay. Files of other kinds are not looked at.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.upstreams.spool import Extent, Spool
from tianji.gateway.guarding.lots import batched
from tianji.gateway.guarding.lots.batched import Judge
from tianji.gateway.translation.request_lines import READ, TURN, Content
from tianji.guardrails.failures import GuardrailUnavailable
from tianji.guardrails.slots.plain import FIELDS, PARTS
from tianji.protocol.multipart import Part, Reader, boundary_of

BATCH: Final = "batch"
"""What `purpose` says of a file that holds requests."""
_texts: Final = msgspec.json.Decoder(dict[str, dict[str, str]])


class Parts(Struct):
    """One form. body: what its fields say, as JSON."""

    exchange: Exchange
    boundary: bytes
    parts: list[Part]
    changed: dict[int, Content]

    @property
    def body(self) -> bytes:
        """Return the texts of its fields, by their numbers."""
        texts = {str(at): part.text for at, part in enumerate(self.parts) if part.text and part.name not in FIELDS}
        return msgspec.json.encode({PARTS: texts})

    def replace(self, body: bytes) -> None:
        """Take what guardrails have left of the texts. Raises GuardrailUnavailable for what would end its part."""
        for name, text in _texts.decode(body)[PARTS].items():
            if text != self.parts[int(name)].text:
                if self.boundary in text.encode():
                    raise GuardrailUnavailable("a form")
                self.changed[int(name)] = text.encode()

    async def judge_files(self, judge: Judge) -> None:
        """Have each request in a file of requests judged. Raises what one is refused with."""
        if not any(part.name == "purpose" and part.text == BATCH for part in self.parts):
            return
        for at, part in enumerate(self.parts):
            if part.text is None:
                content = self.exchange.extent(part.at, part.size)
                self.changed[at] = await batched.file(content, judge, lambda: self.exchange.gone)

    def write(self) -> None:
        """Put what was changed into the request."""
        if not self.changed:
            return
        spool = Spool()
        for piece in self._pieces():
            spool.write(piece)
        if self.exchange.spool is None:
            self.exchange.body = spool.read(0, spool.size)
        else:
            self.exchange.spool = spool

    def _pieces(self) -> Iterator[bytes]:
        begin = 0
        for at, content in sorted(self.changed.items()):
            part = self.parts[at]
            yield from _read(self.exchange, begin, part.at)
            if isinstance(content, Extent):
                yield from _read(content.spool, content.at, content.at + content.size)
            else:
                yield content
            begin = part.at + part.size
        yield from _read(self.exchange, begin, self.exchange.size)


async def parts_of(exchange: Exchange) -> Parts | None:
    """Read the form that a request brings; None where it brings none. Raises InvalidRequest for a malformed one."""
    boundary = boundary_of(exchange.header(b"content-type"))
    if boundary is None or not exchange.size:
        return None
    reader = Reader(boundary)
    for number, at in enumerate(range(0, exchange.size, READ)):
        reader.feed(exchange.read(at, READ))
        if number % TURN == TURN - 1:
            await asyncio.sleep(0)
    return Parts(exchange, boundary, reader.close(), {})


def _read(source: Exchange | Spool, begin: int, end: int) -> Iterator[bytes]:
    return (source.read(at, min(READ, end - at)) for at in range(begin, end, READ))
