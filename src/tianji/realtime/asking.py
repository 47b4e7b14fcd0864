"""What a client asks for when it asks for a conversation: with which model, from which page, in which form."""

from base64 import b64decode
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.calls import Call, CallSeal
from tianji.auth.credentials import BEARER_PROTOCOL, Credentials
from tianji.auth.ephemeral import Ticket, Tickets, is_secret
from tianji.errors import Header, InvalidRequest, ModelRefused, PermissionDenied

VERSION: Final = b"13"  # of the protocol, RFC 6455 section 4.1
PROTOCOL: Final = b"realtime"  # the sub-protocol that is agreed on; the others that browsers offer hold keys and flags
TRANSCRIPTION: Final = "gpt-realtime-whisper"  # OpenAI's model for `intent=transcription`, which need not be named
PASSED: Final = (b"openai-beta", b"openai-safety-identifier")  # headers that go upstream as they came
_BETA_OFFER: Final = b"openai-beta."  # how a browser, which sends no headers of its own, says openai-beta


class VersionRefusedError(InvalidRequest):
    """A version of the protocol that is not spoken here. RFC 6455 section 4.2.2: the answer names the one that is."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """The version that is spoken."""
        return ((b"sec-websocket-version", VERSION),)


class Asking(Struct, frozen=True):
    """A request for a conversation.

    beta: it speaks the API as it was before it became generally available; ticket: of the secret it came with, or None
    passed: headers that go upstream; answered: those that go with the answer; call: which it is to hear, or None
    """

    model: str
    query: dict[str, str]
    beta: bool
    ticket: Ticket | None
    passed: list[Header]
    answered: tuple[Header, ...]
    call: Call | None = None

    @property
    def deployment(self) -> str | None:
        """The one that alone can hold it."""
        if self.call is not None:
            return self.call.deployment
        return None if self.ticket is None else self.ticket.deployment


def read(
    exchange: Exchange, credentials: Credentials, tickets: Tickets, calls: CallSeal, allowed: Collection[str]
) -> Asking:
    """Read a request. Raises PermissionDenied for a page that may not ask, and what else is wrong with it."""
    check_opening(exchange, allowed)
    query = dict(parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True))
    credential = credentials.find(exchange)
    ticket = tickets.open(credential) if credential is not None and is_secret(credential) else None
    call = calls.open(query["call_id"], exchange.identity) if query.get("call_id") else None
    offers = offered(exchange)
    passed = [pair for pair in exchange.headers if pair[0] in PASSED]
    betas = [offer[len(_BETA_OFFER) :] for offer in offers if offer.startswith(_BETA_OFFER)]
    if betas and not any(name == b"openai-beta" for name, _ in passed):
        passed.append((b"openai-beta", betas[0].replace(b"-v1", b"=v1")))
    return Asking(
        model=model_of(query if call is None else {"model": call.model}, ticket),
        query=query,
        beta=exchange.path == "/openai/realtime" or any(b"realtime=v1" in value for _, value in passed),
        ticket=ticket,
        passed=passed,
        answered=((b"sec-websocket-protocol", PROTOCOL),) if PROTOCOL in offers else (),
        call=call,
    )


def offered(exchange: Exchange) -> list[bytes]:
    """Return the sub-protocols that a client offers (RFC 6455 section 11.3.4)."""
    lines = [value for name, value in exchange.headers if name == BEARER_PROTOCOL]
    return [offer.strip() for line in lines for offer in line.split(b",")]


def model_of(query: dict[str, str], ticket: Ticket | None) -> str:
    """Return the model that is asked for; a ticket is for one alone."""
    named = query.get("model") or query.get("deployment")
    if ticket is not None:
        if named not in (None, ticket.model):
            raise ModelRefused(f"this secret is for the model {ticket.model!r} alone", "key_model_access_denied")
        return ticket.model
    if named:
        return named
    if query.get("intent") == "transcription":
        return TRANSCRIPTION
    raise InvalidRequest("name a model in the query: ?model=", param="model")


def check_opening(exchange: Exchange, allowed: Collection[str]) -> None:
    """Raise what refuses a client its socket: InvalidRequest, and PermissionDenied for a page that is not allowed."""
    if not getattr(exchange, "upgrades", False):
        raise InvalidRequest("this path serves WebSockets: connect with a WebSocket client")
    check_handshake(exchange)
    check_origin(exchange.header(b"origin"), exchange.header(b"host") or b"", allowed)


def check_handshake(exchange: Exchange) -> None:
    """Raise InvalidRequest where RFC 6455 section 4.2.1 wants something else; no upstream is called for that."""
    if exchange.header(b"sec-websocket-version") != VERSION:
        raise VersionRefusedError("send `sec-websocket-version: 13`: no other version of the protocol is spoken here")
    try:
        nonce = b64decode(exchange.header(b"sec-websocket-key") or b"", validate=True)
    except ValueError:
        nonce = b""
    if len(nonce) != 16:
        raise InvalidRequest("`sec-websocket-key` has to be 16 bytes in base64")


def check_origin(origin: bytes | None, host: bytes, allowed: Collection[str]) -> None:
    """Raise PermissionDenied for a page that may not begin conversations.

    Browsers let any page open a WebSocket anywhere and say which it was (RFC 6455 section 10.2). The gateway's own
    pages may, those that `allowed` names, or all where it holds `*`; programs send no origin.
    """
    if origin is None or "*" in allowed:
        return
    text = origin.decode("latin-1").lower()
    if text in {one.lower().rstrip("/") for one in allowed}:
        return
    if urlsplit(text).netloc.encode("latin-1") == host.lower() and text != "null":
        return
    raise PermissionDenied("pages of this origin may not connect; general_settings.realtime_allowed_origins names some")
