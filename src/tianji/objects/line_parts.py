"""The lines of a batch that is over, each with what was asked in it, in parts that are not too large.

A result stands beside the line of the input that has its `custom_id`; an id that stands twice there goes with none.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from tianji._core.streams.usage import Usage
from tianji.callbacks.discretion import shortened
from tianji.callbacks.lines import Line, LineUsage, Part
from tianji.callbacks.said import document
from tianji.ledger.credentials import without_secrets
from tianji.ledger.payloads import UNREADABLE
from tianji.money import to_dollars
from tianji.objects.billing import Bill, rates_of, usage_of
from tianji.objects.messages.results import nearest
from tianji.objects.places import Place


class Origin(Struct, frozen=True):
    """A batch that is over: as its client knows it, when, at what places it was answered, and whom it was for."""

    batch_id: str
    finished_at: int
    places: Sequence[Place]
    metadata: Mapping[str, str | None]


Fetch = Callable[[], Awaitable[bytes]]


class Files(Struct, frozen=True):
    """Where the lines of a batch are had. asked: its requests, None where nobody has them; results: in their order."""

    asked: Fetch | None
    results: Sequence[Fetch]


class _Known(Struct):
    """What a line says that both sides have."""

    custom_id: str | None = None


_known: Final = msgspec.json.Decoder(_Known).decode


def parts(origin: Origin, asked: bytes, results: Iterable[bytes], most: int) -> Iterator[Part]:
    """Yield the lines of all results in order, in parts that end once they hold `most` bytes of both sides."""
    places = _places(asked)
    lines: list[Line] = []
    size = number = 0
    for result in (line for file in results for line in file.splitlines() if line.strip()):
        custom_id = _custom_id(result)
        start, end = places.get(custom_id) or (0, 0)
        lines.append(_line(origin, custom_id, asked[start:end], result))
        size += end - start + len(result)
        if size >= most:
            yield Part(batch_id=origin.batch_id, finished_at=origin.finished_at, part=number, lines=tuple(lines))
            lines, size, number = [], 0, number + 1
    if lines:
        yield Part(batch_id=origin.batch_id, finished_at=origin.finished_at, part=number, lines=tuple(lines))


def _places(asked: bytes) -> Mapping[str | None, tuple[int, int] | None]:
    """Return where each request stands, by its id."""
    found: dict[str | None, tuple[int, int] | None] = {None: None}
    start = 0
    for line in asked.splitlines(keepends=True):
        name = _custom_id(line)
        found[name] = None if name in found else (start, start + len(line))
        start += len(line)
    return found


def _custom_id(line: bytes) -> str | None:
    try:
        return _known(line).custom_id
    except UNREADABLE:
        return None


def _line(origin: Origin, custom_id: str | None, asked: bytes, result: bytes) -> Line:
    usage, model = _used(result)
    place = origin.places[nearest([place.model for place in origin.places], model or "")]
    bill = Bill()
    if usage is not None:
        bill.add(usage, rates_of(place, model), origin.finished_at, model)
    return Line(
        batch_id=origin.batch_id,
        custom_id=custom_id,
        status="failure" if usage is None else "success",
        request=_asked(asked),
        response=Raw(document(result)),
        usage=None if usage is None else LineUsage(bill.prompt, bill.completion, bill.prompt + bill.completion),
        response_cost=to_dollars(bill.nano),
        model=place.model or bill.model,
        custom_llm_provider=place.provider,
        metadata=origin.metadata,
    )


def _used(result: bytes) -> tuple[Usage | None, str | None]:
    """Return what a result says of usage, and which model gave it: of OpenAI's batches, or of Anthropic's."""
    try:
        said = msgspec.json.decode(result)
        answered = said["result"]["message"] if "result" in said else said["response"]["body"]
    except (*UNREADABLE, KeyError, TypeError):
        return None, None
    return usage_of(answered)


def _asked(line: bytes) -> Raw | None:
    """Return a request without credentials in it, and with the size of each file in its place."""
    try:
        found: Any = msgspec.json.decode(line) if line else None
    except UNREADABLE:
        return None
    return Raw(msgspec.json.encode(shortened(without_secrets(found)))) if isinstance(found, dict) else None
