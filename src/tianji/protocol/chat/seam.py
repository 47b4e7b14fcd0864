"""Where a dialect of clients and a protocol of upstreams meet: both speak the hub's form and know nothing else.

An `Inbound` is made for one request of a client, an `Outbound` for one attempt at an upstream. Neither does input or
output. What they raise for a body that they cannot take is a TianjiError: InvalidRequest or UnsupportedParams for a
client's, UpstreamProtocolError for an upstream's.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from tianji.errors import Header, StreamFailed
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.request import Request

__all__ = ["EventDecoder", "EventEncoder", "Framing", "Inbound", "Outbound", "StreamFailed", "Target"]

Framing = Literal["sse", "aws", "json-lines", "whole"]
"""How an upstream cuts its stream into events: server-sent events, the AWS event stream, or a JSON value a line.

One that has no streams answers as a whole: its decoder is given the pieces as they come, and reads them at the end.
"""


class Target(Struct, frozen=True, kw_only=True):
    """What a protocol has to know of the upstream that it speaks to."""

    provider: str
    model: str  # the upstream's name of it
    drop_params: bool = False  # leave out what the upstream cannot take, instead of an error
    modify_params: bool = False  # change messages that the upstream would refuse
    allowed: frozenset[str] = frozenset()  # members that go as they are: allowed_openai_params
    max_output_tokens: int | None = None  # what the model can write at most, where that is known
    facts: Mapping[str, object] = {}  # what else the catalogue and the operator say of it: `supports_...` and the like


class EventEncoder(Protocol):
    """Writes the stream that a client reads: each method returns bytes to send now, b"" for none.

    One whose `repeats` is true writes a piece of text that follows another as it wrote that. It keeps nothing of it, or
    has `heard(text, events)`, which tells it before anything else what was written so, and in how many events. An
    event may have a `sequence_number` before its text.
    """

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""

    def end(self) -> bytes:
        """End the stream as one that is whole."""

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not: with an error, and nothing that looks like an end.

        `error`: message, type, code and param as OpenAI's errors have them, and status, a number.
        """


class Inbound(Protocol):
    """One request of a client, in the hub's form, and how its answer is said in the client's.

    One whose `plain` is true says answers as any other of its dialect would. One that is remembered has `again`: for
    the size of a prompt, in tokens by estimate, it returns what answers a body that differs in texts alone. Where an
    answer holds something of its request, that is `settled`; what else decides how a stream is told is `flow`; both are
    hashable. Where it is called and dated here, it has `name`, which stands in all ids, and `created`, from its `names`
    and its `clock`; instead of `again` it has `called(name, created)`: that of an answer of such a name and time.
    """

    @property
    def request(self) -> Request:
        """What is asked for."""

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer."""

    def stream(self) -> EventEncoder:
        """Begin a streamed answer."""


class EventDecoder(Protocol):
    """Reads the stream of an upstream, event by event.

    One that has `text_member`, the name of the member in which a piece of text stands, returns lists and need not read
    an event that is like the one before but for that text: its `passed(characters)` is told how much went by before
    the next is read.
    One that has `heard(text)` is told the text, too, and one whose `counts_along` is true the last event that went by,
    by `counted(payload)`.
    Where answers are dated here, or named where they have no name, it has `called(name, created)`, which does so
    otherwise, before the first event.
    """

    @property
    def done(self) -> bool:
        """Whether nothing follows that matters, usage included: the stream ends here and its body is not waited for."""

    @property
    def finished(self) -> bool:
        """Whether the upstream said that its answer is whole; what it is after `end` counts."""

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event: its name, "" where the framing has none, and its data. Raises StreamFailed."""

    def end(self) -> Iterable[Chunk]:
        """Take the end of a stream; what it returns is the rest of an answer that is whole."""


class Outbound(Protocol):
    """One request in the form of an upstream, and how its answer is read.

    One whose `plain` is true reads answers as any other of its protocol would; those that say no time are dated
    by its `clock`, and where `names` is true those without a name got one from here: "chatcmpl-" and 24 digits.
    """

    @property
    def body(self) -> bytes:
        """The body to send."""

    @property
    def suffix(self) -> str:
        """What follows the base address: path and query, which may depend on the model and on streaming."""

    @property
    def headers(self) -> Iterable[Header]:
        """What the request needs beside the headers of its deployment, lower-case names: beta flags and the like."""

    @property
    def framing(self) -> Framing:
        """How its stream is cut into events."""

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""

    def stream(self) -> EventDecoder:
        """Begin to read a streamed answer."""
