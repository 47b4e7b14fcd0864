"""What a client offers who begins a call over WebRTC: its end of the connection, and what the session is to be like.

Two forms: `multipart/form-data` with `sdp` and, where it may, `session`; or `application/sdp` alone, with the model in
the query or in the secret (https://developers.openai.com/api/docs/guides/realtime-webrtc).
"""

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.credentials import Credentials
from tianji.auth.ephemeral import Ticket, Tickets, is_secret
from tianji.errors import Header, InvalidRequest, PayloadTooLarge
from tianji.protocol.multipart import Part, Piece, Reader, boundary_of, written
from tianji.realtime.addresses import OWN_PARAMETERS
from tianji.realtime.asking import PASSED, check_origin, model_of
from tianji.realtime.minting import place_of, read_at, with_model

SDP: Final = b"application/sdp"
MOST: Final = 1024 * 1024  # bytes of a request; an offer has some thousand
_SESSION: Final = "client_secrets"  # whose body has a session in the same form
Session = dict[str, Any]


class Offer(Struct, frozen=True):
    """An offer.

    session: as the client wants it, None where it says nothing of that; ticket: of the secret it came with, or None
    query, passed: parameters and headers that go upstream
    """

    sdp: str
    session: Session | None
    model: str
    ticket: Ticket | None
    query: dict[str, str]
    passed: list[Header]

    def written(self, model: str) -> tuple[bytes, bytes]:
        """Return (content-type, body) for an upstream that calls the model so.

        A secret of the upstream's says itself what the session is like, and which model that is with.
        """
        if self.session is None and self.ticket is not None:
            return SDP, self.sdp.encode()
        session = with_model({"session": self.session or {}}, _SESSION, model)["session"]
        pieces: list[Piece[bytes]] = [
            Piece("sdp", self.sdp, content_type=SDP),
            Piece("session", msgspec.json.encode(session).decode(), content_type=b"application/json"),
        ]
        kind, body, _ = written(pieces)
        return kind, b"".join(body)


def read(exchange: Exchange, credentials: Credentials, tickets: Tickets, allowed: Collection[str]) -> Offer:
    """Read a request. Raises PermissionDenied for a page that may not ask, and what else is wrong with it."""
    check_origin(exchange.header(b"origin"), exchange.header(b"host") or b"", allowed)
    if exchange.size > MOST:
        raise PayloadTooLarge(f"an offer has at most {MOST} bytes")
    sdp, session = _parts(exchange)
    if not sdp.strip():
        raise InvalidRequest("the offer is empty: send what createOffer() gave you", param="sdp")
    credential = credentials.find(exchange)
    ticket = tickets.open(credential) if credential is not None and is_secret(credential) else None
    query = dict(parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True))
    named = read_at({"session": session}, place_of({"session": session}, _SESSION))
    said = {**query, "model": named} if isinstance(named, str) and named else query
    kind = "transcription" if isinstance(session, dict) and session.get("type") == "transcription" else ""
    return Offer(
        sdp=sdp,
        session=session,
        model=model_of({"intent": kind, **said}, ticket),
        ticket=ticket,
        query={name: value for name, value in query.items() if name not in OWN_PARAMETERS},
        passed=[pair for pair in exchange.headers if pair[0] in PASSED],
    )


def _parts(exchange: Exchange) -> tuple[str, Session | None]:
    kind = exchange.header(b"content-type") or b""
    if kind.partition(b";")[0].strip().lower() == SDP:
        return _text(exchange.body), None
    boundary = boundary_of(kind)
    if boundary is None:
        raise InvalidRequest("send the offer as application/sdp, or as `sdp` of multipart/form-data")
    reader = Reader(boundary)
    reader.feed(exchange.body)
    parts = {part.name: _content(exchange, part) for part in reader.close()}
    if "sdp" not in parts:
        raise InvalidRequest("the form has no part `sdp`", param="sdp")
    return parts["sdp"], _session(parts["session"]) if "session" in parts else None


def _content(exchange: Exchange, part: Part) -> str:
    return _text(exchange.read(part.at, part.size)) if part.text is None else part.text


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the offer is not UTF-8", param="sdp") from None


def _session(text: str) -> Session:
    try:
        return msgspec.json.decode(text, type=Session)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidRequest("`session` has to be a JSON object", param="session") from None
