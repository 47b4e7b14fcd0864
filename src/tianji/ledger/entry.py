"""One attempt that has ended, as the ledger keeps it.

An entry is an array on disk: a newer version only ever adds members at the end, each with a default, so that it reads
what an older one wrote.
"""

from typing import Any, Final

import msgspec

from tianji.ledger.names import name

Item = tuple[str, int, int]
"""Kind, quantity, atto-dollars for one: what `Rates.itemized` gives."""
Factor = tuple[int, int, int]
"""Numerator, denominator, nano-dollars on top: what `Rates.factor` gives."""
SUCCESS: Final = "success"
FAILURE: Final = "failure"
LARGE: Final = 16384  # bytes; more than any entry has whose texts are names


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """Who is told of a request beside or instead of whom the configuration names.

    owner: whose own callbacks are told, `key` or `team`; empty: nobody's
    muted: callbacks that are not; bare: nobody is told what was said
    """

    owner: str = ""
    muted: tuple[str, ...] = ()
    bare: bool = False


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """What was said, as JSON; kept shortened, only where the operator wants it, and never read by a list.

    A worker may write request and answer down as they came: without messages, which are the request's, and of a stream
    its events. `tianji.callbacks.said.opened` takes them apart.

    quiet: nobody is to be told of the request, and nothing of it is kept (`no-log`)
    guest: an object with what the request says of callbacks, where it is not written down itself
    """

    messages: bytes = b""
    response: bytes = b""
    request: bytes = b""
    quiet: bool = False
    telling: Telling | None = None
    guest: bytes = b""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a span is in a trace: of an attempt, or of a whole request that has ended.

    trace_id: 16 bytes; span_id, parent_id, caller_id: 8 bytes, empty where there is none; flags: W3C's, 1 for sampled
    caller_id: the client's span, which is also the parent of the request's
    status, method, path: how the request ended, 0 and empty for an attempt
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes = b""
    caller_id: bytes = b""
    flags: int = 1
    status: int = 0
    method: str = ""
    path: str = ""


class Entry(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What one attempt used and cost. Times are microseconds since 1970, costs nano-dollars.

    `request_id` is the unique one: the call's id and the number of the attempt. Tokens include their parts: cached and
    written ones the prompt's, reasoning ones the completion's. A cost comes of `items` and `factors`
    (`tianji.accounting.prices.explain`) under the prices of `catalogue`; where `reported`, the provider said it.
    """

    request_id: str
    call_id: str
    started_at: int
    ended_at: int
    status: str = SUCCESS
    call_type: str = "acompletion"
    answered_at: int | None = None  # the first byte for the client
    attempt: int = 0
    # what served it
    model_group: str = ""  # the name that the client asked for
    model: str = ""  # the provider's
    provider: str = ""
    deployment_id: str = ""
    api_base: str = ""
    # whom it is for
    key: str = ""  # SHA-256 in hex, or the name that stands for it
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    end_user: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    ip: str | None = None
    tags: tuple[str, ...] = ()
    # what it used
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    reasoning_tokens: int = 0
    # what it cost
    cost: int = 0
    items: tuple[Item, ...] = ()
    factors: tuple[Factor, Factor] | None = None
    catalogue: str = ""
    reported: bool = False
    # how it went
    stream: bool = False
    cache_hit: bool = False
    estimated: bool = False
    suspect: bool = False
    error_code: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    payload: Payload | None = None
    place: Place | None = None  # where callbacks are told of traces
    waited: int = 0  # microseconds from the request's arrival until this attempt began: those that earlier ones took
    upstream: int = 0  # microseconds that the upstream took; 0: it was not asked, or its answer has no end
    guardrails: bytes = b""  # JSON: a list of the runs of guardrails, as tianji.guardrails.records says them
    # requests and tokens that the provider says are left, -1: not said; then, where alerts want to know it, how much of
    # a limit is used, in thousandths
    remaining: tuple[int, ...] | None = None
    project_id: str | None = None
    user_agent: str | None = None  # what the client says it is
    spend_logs_metadata: str | None = None  # JSON: an object of what request, key and team note of its spend
    limited: str | None = None  # what the limit is of that it has failed on, where that is this gateway's

    @property
    def paid(self) -> bool:
        """Whether it belongs into the books: it is not merely the end of a request."""
        return self.place is None or not self.place.status

    @property
    def total_tokens(self) -> int:
        """Of prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


PAYLOAD: Final = Entry.__struct_fields__.index("payload")
GUARDRAILS: Final = Entry.__struct_fields__.index("guardrails")
_SPEND: Final = Entry.__struct_fields__.index("spend_logs_metadata")  # JSON stays whole
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Entry)


def encoded(entry: Entry | list[Any]) -> bytes:
    """Return an entry, or the list of its members, as it stands in a journal.

    Text that is no Unicode loses what is none, and names are cut where an entry without payload is large.
    """
    try:
        body = _encode(entry)
    except UnicodeEncodeError:
        return _encode(_mended(entry))
    if len(body) > LARGE and members(entry)[PAYLOAD] is None:
        return _encode(_mended(entry))
    return body


def decoded(data: bytes) -> Entry:
    """Return what was encoded. Raises msgspec.DecodeError for anything else."""
    return _decoder.decode(data)


def members(entry: Entry | list[Any]) -> list[Any]:
    """Return what an entry consists of."""
    return entry if isinstance(entry, list) else list(msgspec.structs.astuple(entry))


def _mended(entry: Entry | list[Any]) -> list[Any]:
    return [value if at == _SPEND else _text(value) for at, value in enumerate(members(entry))]


def _text(value: Any) -> Any:
    """Return a member without anything that cannot be kept; tags are texts in a row."""
    if isinstance(value, str):
        return name(value.encode("utf-8", "replace").decode())
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], str):
        return tuple(map(_text, value))
    return value
