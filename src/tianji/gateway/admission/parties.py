"""Whom a request names beside its caller: customer, tags, session and client program; what is noted of its spend."""

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
from tianji.ledger.names import name

HEADERS: Final = (b"x-litellm-customer-id", b"x-litellm-end-user-id", b"x-tianji-customer-id")
PLACES: Final = ((b"litellm_metadata", b"user"), (b"metadata", b"user_id"))
SESSION_HEADERS: Final = tuple(
    b"x-%b-%b" % pair for pair in itertools.product((b"litellm", b"tianji"), (b"session-id", b"trace-id"))
)
SESSION: Final = (b"session_id", b"trace_id")
SPEND_HEADERS: Final = (b"x-litellm-spend-logs-metadata", b"x-tianji-spend-logs-metadata")
SPEND: Final = "spend_logs_metadata"
LONGEST_SPEND: Final = 8192  # bytes of JSON; what is longer is not kept
AGENT_TAG: Final = "User-Agent: "
MOST_TAGS: Final = 16  # that are looked up for one request; more are kept in the ledger and hold nobody

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


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
            (header, header.lower().encode()) for header in config.litellm_settings.extra_spend_tag_headers
        )
        self._tags_agents = not config.litellm_settings.disable_add_user_agent_to_request_tags
        self._lets_tags = not general.reject_clientside_metadata_tags
        self.headers = tuple(
            header.lower().encode() for header in (*mapped, general.user_header_name) if isinstance(header, str)
        )

    def customer(self, asked: Source, body: ObjectSpans) -> str | None:
        """Return the customer: a header's word goes before the body's. None for a request that names none.

        Whose token says for whom he calls can say nothing else.
        """
        caller = asked.exchange.identity
        if isinstance(caller, Identity) and caller.end_user is not None:
            return caller.end_user
        if asked.steer is not None:
            for header in (*HEADERS, *self.headers):
                value = asked.steer.fields.get(header)
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
            for header in TAG_HEADERS:
                value = asked.steer.fields.get(header, b"").decode("latin-1")
                found.extend(tag.strip() for tag in value.split(",") if tag.strip())
            for shown, header in self._tag_headers:
                if said := asked.steer.fields.get(header, b"").decode("latin-1"):
                    found.append(f"{shown}: {said}")
        identity = asked.exchange.identity
        if isinstance(identity, Identity):
            found.extend(identity.labels)
        return tuple(dict.fromkeys(found))

    def agent(self, said: bytes) -> tuple[str, tuple[str, ...]]:
        """Return what a client program calls itself, and the tags of its requests: for the program, and for all of it.

        said: a User-Agent. The tags are there for the books alone: nothing is routed or limited by them.
        """
        text = said.decode("utf-8", "replace")
        product, slash, _ = text.partition("/")
        tags = (product, text) if slash and product else (text,)
        return name(text), tuple(name(AGENT_TAG + tag) for tag in tags) if self._tags_agents else ()

    def spend(self, asked: Source, body: ObjectSpans | None) -> str | None:
        """Return as JSON what is noted of a request's spend; None for nothing.

        The request's own word goes before its key's, and that before its team's. Of its own a header's goes before its
        body's. What is no object says nothing, as in LiteLLM.
        """
        found: dict[str, Any] = {}
        caller = asked.exchange.identity
        if isinstance(caller, Identity):
            for metadata in (caller.team_metadata, caller.metadata):
                if isinstance(known := metadata.get(SPEND), dict):
                    found |= known
        if asked.steer is not None:
            found |= self._own_spend(asked.steer.fields, body)
        if not found:
            return None
        text = _encode(found)
        return text.decode() if len(text) <= LONGEST_SPEND else None

    def _own_spend(self, fields: Mapping[bytes, bytes], body: ObjectSpans | None) -> dict[str, Any]:
        said = [fields.get(header) for header in SPEND_HEADERS]
        if body is not None:
            said += [_inner(body, place, SPEND.encode()) for place in (b"metadata", b"litellm_metadata")]
        return next((one for one in map(_value, said) if isinstance(one, dict)), {})

    def require_lawful(self, asked: Source, body: ObjectSpans) -> None:
        """Raise InvalidRequest for a request beside the pipeline that has tags of its own where none may have any."""
        if not self._lets_tags:
            members = {key: _value(body.get(key.encode())) for key in ("tags", "metadata", "litellm_metadata")}
            refuse_tags({key: value for key, value in members.items() if value is not None}, asked.steer.fields)

    def session(self, asked: Source, body: ObjectSpans) -> str | None:
        """Return the session that the request belongs to; None for one that names none."""
        if asked.steer is None:
            return None
        for header in SESSION_HEADERS:
            value = asked.steer.fields.get(header)
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
