"""What a row of the corpus is: the bytes, the rule they touch, and how each edge may end the connection.

A row's requests are named, and the gateway repeats a name in its answer (`x-tianji-call-id`) and sends it upstream
(`model`), so that a test sees who was answered and who was called. A request that must never be seen is SMUGGLED.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from itertools import chain
from typing import NamedTuple

from tests.contract.harness import MASTER_KEY


class Outcome(Enum):
    """How a connection may go. Whatever is none of these is a desynchronised connection."""

    SERVED = auto()  # every request was answered, and so is one that follows
    LAST = auto()  # every request was answered, and the server closed
    REFUSED = auto()  # the last request was answered with an error, and the server closed
    DECLINED = auto()  # the last request was answered with an error, and one that follows is answered too
    SILENT = auto()  # the server closed without an answer to the last request


SERVED, LAST, REFUSED, DECLINED, SILENT = (frozenset((outcome,)) for outcome in Outcome)
CUT = REFUSED | SILENT
STOPPED = REFUSED | DECLINED | SILENT  # the least that must be: nobody was called
LENIENT = STOPPED | SERVED | LAST  # read in one sound way, and no other

SMUGGLED = "smuggled"
PATH = "/v1/chat/completions"
LINE = f"POST {PATH} HTTP/1.1\r\n"
OLD_LINE = f"POST {PATH} HTTP/1.0\r\n"
HOST = "host: t\r\n"
KEY = f"authorization: Bearer {MASTER_KEY}\r\n"
CHUNKED = "transfer-encoding: chunked\r\n"
END = "0\r\n\r\n"


class Row(NamedTuple):
    """One connection. `rule` is a section of RFC 9112, or of RFC 9110 where it says so."""

    name: str
    rule: str
    wire: str  # latin-1
    native: frozenset[Outcome] = REFUSED
    granian: frozenset[Outcome] = STOPPED
    statuses: frozenset[int] = frozenset((400,))  # of a refusal; hyper says 400 to all that it cannot read
    requests: tuple[str, ...] = ("outer",)  # their names, in order; only the last may be refused
    ends: bool = False  # the client sends no more, and says so


def rows(
    family: str,
    rule: str,
    wires: Mapping[str, str],
    native: frozenset[Outcome] = REFUSED,
    granian: frozenset[Outcome] = STOPPED,
    statuses: Iterable[int] = (400,),
    *,
    requests: tuple[str, ...] = ("outer",),
    ends: bool = False,
) -> Iterator[Row]:
    """Make a row of each of `wires`; the rest is what they have in common, see Row."""
    for name, wire in wires.items():
        yield Row(f"{family}: {name}", rule, wire, native, granian, frozenset(statuses), requests, ends=ends)


def table(*families: Iterable[Row]) -> tuple[Row, ...]:
    """Join families. A name that is there twice is a mistake."""
    joined = tuple(chain.from_iterable(families))
    names = [row.name for row in joined]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, twice
    return joined


def each(make: Callable[[str], str], values: Mapping[str, str]) -> dict[str, str]:
    """Apply `make` to every value."""
    return {name: make(value) for name, value in values.items()}


def field(name: str, value: object) -> str:
    """Return one header line."""
    return f"{name}: {value}\r\n"


def body(name: str = "outer") -> str:
    """Return the body of a chat request; the mock answers any model at once."""
    return f'{{"model":"mock-{name}","messages":[]}}'


def length(text: str) -> str:
    """Return the content-length line for `text`."""
    return field("content-length", len(text))


def head(lines: str = "", *, name: str = "outer", line: str = LINE, host: str = HOST) -> str:
    """Return a head without its end: request line, host, name, key, and `lines`."""
    return f"{line}{host}x-tianji-call-id: {name}\r\n{KEY}{lines}"


def chat(name: str = "outer", lines: str = "", *, line: str = LINE, host: str = HOST) -> str:
    """Return a whole chat request."""
    text = body(name)
    return f"{head(lines + length(text), name=name, line=line, host=host)}\r\n{text}"


def chunk(text: str) -> str:
    """Return one chunk."""
    return f"{len(text):x}\r\n{text}\r\n"


def chunked(chunks: str) -> str:
    """Return a head that says that chunks follow, and `chunks`."""
    return f"{head(CHUNKED)}\r\n{chunks}"


BODY = body()
LENGTH = length(BODY)
SIZE = f"{len(BODY):x}"
CHUNKS = chunk(BODY) + END
HIDDEN = chat(SMUGGLED)  # whole and valid, where no request begins
