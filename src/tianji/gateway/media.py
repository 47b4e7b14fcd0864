"""The way of a request for pictures, sound, transcripts or ranks: OpenAI's form or Cohere's on both sides, as bytes.

What such a request costs depends on what is made: so many pictures of that size, characters, seconds, searches.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from tianji._core.media import MediaBytes, MediaEvents
from tianji._core.meter import Measures, Rates
from tianji._core.parcel import Parcel
from tianji._core.router import Plan
from tianji._core.shaping import shape_body
from tianji._core.spans import scan
from tianji._core.stream import AnswerStream
from tianji._core.usage import Usage, read_usage
from tianji.gateway.forms import form_of
from tianji.gateway.measuring import PICTURES, SOUND, Picture, asked_for, milliseconds, picture_of, pictures
from tianji.gateway.passages import Place, Sought, given
from tianji.protocol import ranks

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
    says ranks.
    """

    operation: str
    suffix: str
    place: Place
    prices: Prices
    style: ranks.Style = "cohere"

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "Making":
        """Write the request. Raises UnsupportedParams, and InvalidRequest where it cannot be said to the upstream."""
        body = shape_body(plan, given(sought), model, False).body
        form = sought.exchange.form
        measures = asked_for(self.operation, body, form)
        picture = picture_of(_MEMBERS.decode(body)) if self.operation in PICTURES else None
        rates = None if picture is None else self.prices(msgspec.json.decode(model), picture.quality, picture.size)
        request: Parcel | list[bytes]
        if form is None:
            written = ranks.request(self.style, body) if self.operation == "rerank" else body
            request = self.place.request(head, self.suffix, (), written)
        else:
            kind, parts, length = form_of(form, body)
            request = Parcel([self.place.head(head, self.suffix, [(b"content-type", kind)], length), *parts])
        return Making(self, request, measures, picture, rates)


class Making:
    """One request under way. measures, rates: what is made, and what that costs where it is not as usual."""

    filtered = False
    takes_lists = False

    def __init__(
        self,
        media: Media,
        request: Parcel | list[bytes],
        measures: Measures,
        picture: Picture | None,
        rates: Rates | None,
    ) -> None:
        self.request = request
        self.measures = measures
        self.rates: Rates | None = None
        self._media = media
        self._picture = picture
        self._of_picture = rates

    def stream(self, content_type: bytes) -> AnswerStream | None:
        """Return what reads an answer of this type as it comes; None for JSON, which is read whole."""
        if content_type.startswith(EVENTS):
            return MediaEvents()
        return None if content_type.startswith(JSON) else MediaBytes(content_type)

    def answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return a whole answer as the client is to get it, and what it says of usage. Raises UpstreamProtocolError."""
        operation = self._media.operation
        if operation == "rerank":
            body, units = ranks.answer(self._media.style, body)
            self.measures = Measures(queries=units)
            return body, read_usage(scan(ranks.usage(body)))
        usage = read_usage(scan(body))
        if self._picture is not None:
            found = _read(body, _Pictures())
            self.measures = pictures(len(found.data), self._picture)
            if usage is None or usage.prompt_tokens < 0:
                self.rates = self._of_picture
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
