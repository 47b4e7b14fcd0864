"""The fault vocabulary: one struct, read from request headers, from a model's name, or from the control endpoint.

A field that is None says nothing. Where several sources speak, the later one wins, field by field:
process defaults, the model's name, the matching control rule, `x-mock-*` request headers.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from tianji.errors import InvalidRequest

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]

HEADER_PREFIX = b"x-mock-"
MODEL_PREFIX = "mock-"
_PAIR = re.compile(r"([a-z]+(?:-[a-z]+)*)-([0-9]+)")
_JSON_FIELDS = frozenset({"headers", "events", "call"})  # these are JSON where the source is text


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that is called, and with what: an object, or a text for a tool that takes one."""

    name: str
    arguments: dict[str, Any] | str = {}


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one answer differs from a prompt and correct one.

    Times are milliseconds. *Chunk n* counts the events of a stream from 0; a plain body is two chunks, its halves.
    """

    # pace and size
    first_byte_ms: Amount | None = None  # from the whole request to the first byte of the answer's head
    delay_ms: Amount | None = None  # from the head to the first byte of the body
    token_rate: Amount | None = None  # tokens a second; 0 is as fast as possible
    tokens: Count | None = None  # length of the generated text; the request's own limit still caps it
    bytes: Count | None = None  # length of the generated text in bytes, instead of `tokens`
    # what is answered
    call: Call | None = None  # this tool is called, though the request leaves the choice to the model
    status: Annotated[int, msgspec.Meta(ge=200, le=999)] | None = None  # 400 and above bring an error body
    retry_after: str | None = None  # the header, verbatim
    headers: dict[str, str] | None = None  # more response headers
    body: str | None = None  # the payload of a plain answer, verbatim
    events: list[str] | None = None  # the payloads of a streamed answer, one `data:` event each, verbatim
    gzip: bool | None = None  # code a plain body
    # what is wrong in the content
    garbage_at: Count | None = None  # chunk n is bytes that are no JSON
    error_at: Count | None = None  # chunk n of a stream is an error event, and the last
    end_at: Count | None = None  # a stream ends there, correctly framed
    no_done: bool | None = None  # a stream lacks the event that says it is complete
    # what is wrong on the wire
    stall_at: Count | None = None  # nothing from chunk n on, the connection stays open
    stall_ms: Amount | None = None  # the stall ends after this long
    cut_at: Count | None = None  # the connection closes after n bytes of the payload
    reset: bool | None = None  # connections close by RST
    length: Count | None = None  # declare this content-length, whatever follows
    slow_read: Annotated[float, msgspec.Meta(gt=0)] | None = None  # read the request's body at so many bytes a second
    split: Annotated[int, msgspec.Meta(ge=1)] | None = None  # n bytes a write, a millisecond apart
    raw: str | None = None  # these bytes (latin-1) instead of an answer
    close: bool | None = None  # close instead of an answer, after `raw` if that is given
    close_after: bool | None = None  # answer with `connection: close`, and close

    def over(self, base: "Faults") -> "Faults":
        """Return `base` with every field that this one sets."""
        if self == NONE:
            return base
        mine = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(base, **mine)


FIELDS: tuple[str, ...] = tuple(field.name for field in msgspec.structs.fields(Faults))
NONE = Faults()
_SHORT = {name.removesuffix("_at").removesuffix("_ms"): name for name in reversed(FIELDS)} | {
    name: name for name in FIELDS
}


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> Faults:
    """Read `x-mock-NAME: VALUE`; names with `-` for `_`. Raises InvalidRequest for an unknown name or a bad value."""
    found: dict[str, Any] = {}
    for name, value in headers:
        if not name.startswith(HEADER_PREFIX):
            continue
        field = name[len(HEADER_PREFIX) :].decode("latin-1").replace("-", "_")
        if field not in FIELDS:
            known = ", ".join(f.replace("_", "-") for f in FIELDS)
            raise InvalidRequest(f"Unknown header x-mock-{field.replace('_', '-')}; the known ones end in: {known}")
        text = value.decode("latin-1")
        if field == "raw":
            found[field] = _unescape(text)
        elif field in _JSON_FIELDS:
            found[field] = _json(field, text)
        else:
            found[field] = text
    return _convert(found) if found else NONE


def from_model(model: str) -> Faults:
    """Read `mock-NAME-VALUE[-NAME-VALUE...]`, where NAME may leave out `-at` and `-ms`.

    `mock-status-429-retry-after-2` is one. Any other name is a model like another and brings no fault.
    """
    model = model.rpartition("/")[2]
    if not model.startswith(MODEL_PREFIX):
        return NONE
    rest = model[len(MODEL_PREFIX) :]
    found: dict[str, Any] = {}
    while rest:
        pair = _PAIR.match(rest)
        field = _SHORT.get(pair[1].replace("-", "_")) if pair else None
        if pair is None or field is None or rest[pair.end() : pair.end() + 1] not in ("", "-"):
            return NONE
        found[field] = pair[2]
        rest = rest[pair.end() + 1 :]
    return _convert(found) if found else NONE


def _convert(found: dict[str, Any]) -> Faults:
    try:
        return msgspec.convert(found, Faults, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"A mock setting has a bad value: {error}") from error


def _unescape(text: str) -> str:
    r"""Turn `\r`, `\n`, `\0`, `\\` and `\xHH` into what they stand for: a header cannot hold the bytes themselves."""
    plain = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}
    return re.sub(
        r"\\(?:x([0-9a-fA-F]{2})|([rn0\\]))",
        lambda match: chr(int(match[1], 16)) if match[1] else plain[match[2]],
        text,
    )


def _json(field: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"x-mock-{field} must be JSON: {error}") from error


class Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Faults for the requests that match. What is left out matches everything; `times` None is until reset."""

    faults: Faults
    path: str | None = None  # the path, or its end
    model: str | None = None
    authorization: str | None = None  # the whole header, or the key after `Bearer `, or the value of x-api-key
    times: Count | None = None

    def matches(self, path: str, model: str, authorization: str) -> bool:
        """Whether a request is meant."""
        return (
            (self.path is None or path.endswith(self.path))
            and (self.model is None or self.model == model)
            and (self.authorization is None or self.authorization in (authorization, authorization[7:]))
        )


class Rules:
    """The control rules in force, in order; the first that matches applies and is used up by one."""

    def __init__(self) -> None:
        self.active: list[Rule] = []

    def add(self, rules: list[Rule]) -> None:
        """Append rules."""
        self.active += [msgspec.structs.replace(rule) for rule in rules if rule.times != 0]

    def clear(self) -> None:
        """Forget all rules."""
        self.active.clear()

    def peek(self, path: str, authorization: str) -> Faults:
        """Return the faults that hold before the model is known."""
        for rule in self.active:
            if rule.model is None and rule.matches(path, "", authorization):
                return rule.faults
        return NONE

    def take(self, path: str, model: str, authorization: str) -> Faults:
        """Return the faults for one request, and count it."""
        for rule in self.active:
            if rule.matches(path, model, authorization):
                if rule.times is not None:
                    rule.times -= 1
                    if not rule.times:
                        self.active.remove(rule)
                return rule.faults
        return NONE
