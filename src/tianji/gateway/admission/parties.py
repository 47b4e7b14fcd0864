"""Whom a request names beside its caller: the customer that it is for, its tags, and the session it belongs to."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.config.schema import Config
from tianji.errors import MalformedJSON
from tianji.gateway.admission.demands import TAG_HEADERS, refuse_tags

HEADERS: Final = (b"x-litellm-customer-id", b"x-litellm-end-user-id", b"x-tianji-customer-id")
PLACES: Final = ((b"litellm_metadata", b"user"), (b"metadata", b"user_id"))
SESSION_HEADERS: Final = tuple(
    b"x-%b-%b" % pair for pair in itertools.product((b"litellm", b"tianji"), (b"session-id", b"trace-id"))
)
SESSION: Final = (b"session_id", b"trace_id")
MOST_TAGS: Final = 16  # that are looked up for one request; more are kept in the ledger and hold nobody

_decode: Final = msgspec.json.Decoder().decode


class Source(Protocol):
    """A request, as far as it names anybody: `Asked`, or one `Beside`."""

    @property
    def exchange(self) -> Exchange:
        """What came, and from whom."""

    @property
    def steer(self) -> Any:
        """What it steers, with `fields`: all its headers. None for one that steers nothing."""


class Headers(Struct, frozen=True):
    """The headers of a request; of those with one name the last."""

    fields: Mapping[bytes, bytes]


class Beside(Struct, frozen=True):
    """A request that the pipeline does not serve. spans: its body, where that is an object that somebody reads."""

    exchange: Exchange
    steer: Headers
    spans: ObjectSpans | None = None


def beside(exchange: Exchange, spans: ObjectSpans | None = None) -> Beside:
    """Return a request beside the pipeline; whether it steers anything nobody has looked, so its headers count."""
    return Beside(exchange, Headers(dict(exchange.headers)), spans)


class Parties:
    """Reads them as the configuration says.

    Headers and `metadata` are looked at only where the request steers something: all that is read here makes it so.
    """

    def __init__(self, config: Config) -> None:
        general = config.general_settings
        mapped = [
            row.get("header_name")
            for row in general.user_header_mappings
            if str(row.get("litellm_user_role")).lower() in ("customer", "end_user")
        ]
        self._tag_headers = tuple(
            (name, name.lower().encode()) for name in config.litellm_settings.extra_spend_tag_headers
        )
        self._lets_tags = not general.reject_clientside_metadata_tags
        self.headers = tuple(
            name.lower().encode() for name in (*mapped, general.user_header_name) if isinstance(name, str)
        )

    def customer(self, asked: Source, body: ObjectSpans) -> str | None:
        """Return the customer: a header's word goes before the body's. None for a request that names none.

        Whose token says for whom he calls can say nothing else.
        """
        caller = asked.exchange.identity
        if isinstance(caller, Identity) and caller.end_user is not None:
            return caller.end_user
        if asked.steer is not None:
            for name in (*HEADERS, *self.headers):
                value = asked.steer.fields.get(name)
                if value:
                    return str(value.decode("utf-8", "replace"))
        found = _scalar(body.get(b"user"))
        if not found and asked.steer is not None:
            found = next((one for outer, inner in PLACES if (one := _scalar(_inner(body, outer, inner)))), None)
        return found or _scalar(body.get(b"safety_identifier"))

    def tags(self, asked: Source, body: ObjectSpans) -> tuple[str, ...]:
        """Return the tags of the request, its key and its team, each once, in that order."""
        found: list[str] = []
        if asked.steer is not None:
            lists = (body.get(b"tags"), _inner(body, b"metadata", b"tags"), _inner(body, b"litellm_metadata", b"tags"))
            for raw in lists:
                found.extend(_texts(raw))
            for name in TAG_HEADERS:
                value = asked.steer.fields.get(name, b"").decode("latin-1")
                found.extend(tag.strip() for tag in value.split(",") if tag.strip())
            for shown, name in self._tag_headers:
                if said := asked.steer.fields.get(name, b"").decode("latin-1"):
                    found.append(f"{shown}: {said}")
        identity = asked.exchange.identity
        if isinstance(identity, Identity):
            found.extend(identity.labels)
        return tuple(dict.fromkeys(found))

    def require_lawful(self, asked: Source, body: ObjectSpans) -> None:
        """Raise InvalidRequest for a request beside the pipeline that has tags of its own where none may have any."""
        if not self._lets_tags:
            members = {name: _value(body.get(name.encode())) for name in ("tags", "metadata", "litellm_metadata")}
            refuse_tags({name: value for name, value in members.items() if value is not None}, asked.steer.fields)

    def session(self, asked: Source, body: ObjectSpans) -> str | None:
        """Return the session that the request belongs to; None for one that names none."""
        if asked.steer is None:
            return None
        for name in SESSION_HEADERS:
            value = asked.steer.fields.get(name)
            if value:
                return str(value.decode("utf-8", "replace"))
        places = ((outer, inner) for outer in (b"metadata", b"litellm_metadata") for inner in SESSION)
        return next((one for outer, inner in places if (one := _scalar(_inner(body, outer, inner)))), None)


def _value(raw: bytes | None) -> object:
    try:
        return None if raw is None else _decode(raw)
    except msgspec.DecodeError:  # as below
        return None


def _scalar(raw: bytes | None) -> str | None:
    try:
        return str(_decode(raw)) if raw is not None and raw[:1] in b'"-0123456789' else None
    except msgspec.DecodeError:  # half a surrogate pair, which names nobody
        return None


def _inner(body: ObjectSpans, outer: bytes, inner: bytes) -> bytes | None:
    try:
        nested = body.nested(outer)
    except MalformedJSON:  # a name stands twice
        return None
    return None if nested is None else nested.get(inner)


def _texts(raw: bytes | None) -> Iterable[str]:
    try:
        value = _decode(raw) if raw is not None else None
    except msgspec.DecodeError:  # as above
        return ()
    if isinstance(value, str):
        return (value,) if value else ()
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else ()
