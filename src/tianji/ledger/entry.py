"""One attempt that has ended, as the ledger keeps it.

An entry is an array on disk: a newer version only ever adds members at the end, each with a default, so that it reads
what an older one wrote.
"""

from typing import Final

import msgspec

Item = tuple[str, int, int]
"""Kind, quantity, atto-dollars for one: what `Rates.itemized` gives."""
Factor = tuple[int, int, int]
"""Numerator, denominator, nano-dollars on top: what `Rates.factor` gives."""
SUCCESS: Final = "success"
FAILURE: Final = "failure"


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """What was said, as JSON; kept shortened, only where the operator wants it, and never read by a list."""

    messages: bytes = b""
    response: bytes = b""
    request: bytes = b""


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

    @property
    def total_tokens(self) -> int:
        """Of prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Entry)


def encoded(entry: Entry) -> bytes:
    """Return an entry as it stands in a journal. Text that is no Unicode loses what is none."""
    try:
        return _encode(entry)
    except UnicodeEncodeError:
        return _encode(msgspec.structs.replace(entry, **_mended(entry)))


def decoded(data: bytes) -> Entry:
    """Return what was encoded. Raises msgspec.DecodeError for anything else."""
    return _decoder.decode(data)


def _mended(entry: Entry) -> dict[str, object]:
    texts = {name: getattr(entry, name) for name in entry.__struct_fields__}
    mended: dict[str, object] = {name: _text(value) for name, value in texts.items() if isinstance(value, str)}
    return {**mended, "tags": tuple(map(_text, entry.tags))}


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
