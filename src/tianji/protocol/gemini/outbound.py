"""A request in Google's form, and its answer in the hub's: generateContent and streamGenerateContent.

https://ai.google.dev/api/generate-content
"""

from typing import Any

import msgspec

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, Target
from tianji.protocol.chat.support import lacking
from tianji.protocol.gemini.contents import contents_of
from tianji.protocol.gemini.decoder import Decoder
from tianji.protocol.gemini.generation import EXTRAS, generation_config, service_tier
from tianji.protocol.gemini.models import on_vertex, stream_path, whole_path
from tianji.protocol.gemini.tools import write_tools

# Members of the hub's form that Google has nothing for.
UNSUPPORTED = frozenset({"logit_bias", "prediction", "verbosity"})

_TOP = {
    "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
}
_IN_CONFIG = frozenset(EXTRAS) | frozenset(EXTRAS.values())


def outbound(request: Request, target: Target) -> "GeminiOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return GeminiOutbound(request, target)


class GeminiOutbound:
    """One request to Google. Raises InvalidRequest or UnsupportedParams for what cannot be said."""

    framing: Framing = "sse"
    headers: tuple[Header, ...] = ()
    plain = True
    names = True  # answers that have no name

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self.clock = clock
        self._streams = bool(request.stream)
        self.body = msgspec.json.encode(_body(request, target))

    @property
    def suffix(self) -> str:
        """The path behind the API's version, or behind Vertex AI's location."""
        return stream_path(self._target) if self._streams else whole_path(self._target)

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer, which is a stream of one piece."""
        return self.stream().whole(body)

    def stream(self) -> Decoder:
        """Begin to read a streamed answer."""
        return Decoder(self._target, self.clock)


def _body(request: Request, target: Target) -> dict[str, Any]:
    body = lacking(request, target, UNSUPPORTED)
    contents = contents_of(request.messages, target)
    body["contents"] = contents.turns
    if contents.instruction:
        body["systemInstruction"] = {"parts": contents.instruction}
    write_tools(body, request, target)
    config = generation_config(request, target)
    if config:
        body["generationConfig"] = config
    tier = service_tier(request, target)
    if tier is not None:
        body["serviceTier"] = tier
    for name, value in (request.extra or {}).items():
        if name == "labels" and not on_vertex(target):
            continue  # Vertex AI alone has labels, which are for its bill
        if name not in _IN_CONFIG:
            body[_TOP.get(name, name)] = value
    if "cachedContent" in body and target.modify_params:  # these are part of what was cached
        for name in ("systemInstruction", "tools", "toolConfig"):
            body.pop(name, None)
    return body
