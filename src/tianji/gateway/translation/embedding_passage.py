"""Between a client's embedding request, which is in OpenAI's form, and an upstream with a form of its own."""

from typing import Any

import msgspec
from msgspec import Struct

from tianji._core.requests.passing import Passing
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage
from tianji.gateway.translation.passages import Place, Request, Sought, codec, given
from tianji.protocol.chat.seam import Target
from tianji.protocol.embedding.form import EmbeddingOutbound, EmbeddingRequest, read, written


class Embedding(Struct, frozen=True):
    """`protocol` is the module whose `outbound(request, target)` writes the upstream's form."""

    protocol: str
    provider: str
    place: Place

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "Embedded":
        """Write the request. Raises InvalidRequest and UnsupportedParams."""
        request = read(shape_body(plan, given(sought), model, streamed=False).body)
        target = Target(provider=self.provider, model=msgspec.json.decode(model))
        outbound: Any = codec(self.protocol).outbound(request, target)
        sent = self.place.request(head, outbound.suffix, outbound.headers, outbound.body)
        return Embedded(sent, outbound, request, msgspec.json.decode(sought.model_json))


class Embedded(Passing):
    """One request under way."""

    def __init__(self, request: Request, outbound: EmbeddingOutbound, asked: EmbeddingRequest, model: str) -> None:
        self.request = request
        self.takes_lists = True
        self._outbound = outbound
        self._asked = asked
        self._model = model

    def stream(self, content_type: bytes) -> AnswerStream | None:  # noqa: ARG002  vectors do not stream
        """Return None: such an answer is whole."""
        return None

    def answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return the answer in OpenAI's form; its usage stands in it. Raises UpstreamProtocolError."""
        return written(self._asked, self._outbound.answer(body), self._model), None
