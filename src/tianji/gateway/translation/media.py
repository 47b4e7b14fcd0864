"""The way of a request for pictures, sound, transcripts or ranks: OpenAI's form or Cohere's, as bytes or a vendor's.

What such a request costs depends on what is made: so many pictures of that size, characters, seconds, searches.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import Measures, Rates
from tianji._core.requests.passing import Passing
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan
from tianji._core.streams.media import MediaBytes, MediaEvents, MediaWhole
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage, read_usage
from tianji._core.upstreams.parcel import Parcel
from tianji.errors import Header
from tianji.gateway.translation.forms import form_of
from tianji.gateway.translation.measuring import (
    PICTURES,
    SOUND,
    Picture,
    asked_for,
    milliseconds,
    pages_of,
    picture_of,
    pictures,
)
from tianji.gateway.translation.passages import Place, Request, Sought, codec, given
from tianji.protocol import ranks
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import Asked, Outbound

EVENTS: Final = b"text/event-stream"
JSON: Final = b"application/json"
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
Kind = TypeVar("Kind", bound=Struct)
Prices = Callable[[str, str, str], Rates | None]


class _Pictures(Struct):
    data: list[msgspec.Raw] = []


class _Recording(Struct):
    duration: float | str = 0.0


class Media(Struct, frozen=True):
    """Between a client and an upstream of this kind.

    prices: what pictures of one kind cost from a model, where they have a price of their own. style: how the upstream
    says ranks. vendor: the module that writes the upstream's form, where that is not OpenAI's; `drops` what it lacks.
    """

    operation: str
    suffix: str
    place: Place
    prices: Prices
    style: ranks.Style = "cohere"
    vendor: str | None = None
    provider: str = ""
    drops: bool = False

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "Making":
        """Write the request. Raises UnsupportedParams, and InvalidRequest where it cannot be said to the upstream."""
        body = shape_body(plan, given(sought), model, False).body
        form = sought.exchange.form
        measures = asked_for(self.operation, body, form)
        picture = picture_of(_MEMBERS.decode(body)) if self.operation in PICTURES else None
        rates = None if picture is None else self.prices(msgspec.json.decode(model), picture.quality, picture.size)
        making = Making(self, measures, picture, rates)
        if self.vendor is not None:
            target = Target(provider=self.provider, model=msgspec.json.decode(model), drop_params=self.drops)
            members = msgspec.json.decode(body, type=dict[str, Any])
            asked = Asked(self.operation, target, members, () if form is None else form.files)
            making.outbound = codec(self.vendor).outbound(asked)
            making.request = self._said(head, making.outbound)
        elif form is None:
            if self.operation == "rerank":
                making.ask = ranks.read(self.style, body)
                making.takes_lists = self.style in ranks.UNWRAPPED
                body = ranks.request(self.style, body, making.ask)
            making.request = self.place.request(head, self.suffix, (), body)
        else:
            making.request = self._form(head, self.suffix, form_of(form, body), ())
        return making

    def _said(self, head: bytes, outbound: Outbound) -> Parcel | Request:
        kind, parts, length = outbound.content_type, outbound.parts, outbound.length
        if len(parts) == 1 and isinstance(parts[0], bytes):
            headers = (*outbound.headers, (b"content-type", kind))
            return self.place.request(head, outbound.suffix, headers, parts[0])
        return self._form(head, outbound.suffix, (kind, parts, length), outbound.headers)

    def _form(
        self, head: bytes, suffix: str, body: tuple[bytes, list[Any], int], headers: tuple[Header, ...]
    ) -> Parcel:
        """Return a request whose body lies in pieces. A token is shown; nobody signs what is in files."""
        kind, parts, length = body
        shown = () if self.place.sign is None else self.place.sign(self.place.target(suffix), b"")
        return Parcel([self.place.head(head, suffix, [(b"content-type", kind), *headers, *shown], length), *parts])


class Making(Passing):
    """One request under way; `measures` and `rates` say what is made, and what that costs where it is not as usual."""

    def __init__(self, media: Media, measures: Measures, picture: Picture | None, rates: Rates | None) -> None:
        self.request = []
        self.measures = measures
        self.ask: ranks.Ask | None = None
        self.outbound: Outbound | None = None
        self._media = media
        self._picture = picture
        self._of_picture = rates

    def stream(self, content_type: bytes) -> AnswerStream | None:
        """Return what reads an answer of this type as it comes; None for JSON, which is read whole."""
        if content_type.startswith(EVENTS):
            return MediaEvents()
        if self.outbound is not None and self.outbound.sound is not None and content_type.startswith(JSON):
            return MediaWhole(*self.outbound.sound)
        if self.outbound is not None and self.outbound.shown is not None:
            kind, make = self.outbound.shown
            return MediaWhole(kind, lambda body: make(msgspec.json.decode(self.answer(body)[0])))
        return None if content_type.startswith(JSON) else MediaBytes(content_type)

    def answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return a whole answer as the client is to get it, and what it says of usage. Raises UpstreamProtocolError."""
        operation = self._media.operation
        if self.ask is not None:
            body, units = ranks.answer(self._media.style, body, self.ask)
            self.measures = Measures(queries=units)
            return body, read_usage(scan(ranks.usage(body)))
        if self.outbound is not None:
            body = self.outbound.answer(body)
        usage = read_usage(scan(body))
        if self._picture is not None:
            found = _read(body, _Pictures())
            self.measures = pictures(len(found.data), self._picture)
            if usage is None or usage.prompt_tokens < 0:
                self.rates = self._of_picture
        elif operation == "ocr":
            self.measures = pages_of(body) or self.measures
        elif operation in SOUND:
            length = _read(body, _Recording()).duration
            try:
                if float(length) > 0:
                    self.measures = Measures(milliseconds=milliseconds(float(length)))
            except ValueError:
                pass
        return body, usage


def _read(body: bytes, otherwise: Kind) -> Kind:
    """Return what is wanted of an answer; `otherwise` where it is not as it should be."""
    try:
        return msgspec.json.decode(body, type=type(otherwise))
    except msgspec.DecodeError:
        return otherwise
