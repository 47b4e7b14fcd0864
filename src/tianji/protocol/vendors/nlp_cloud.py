"""NLP Cloud's text generation: https://docs.nlpcloud.com/#generation."""

from typing import Annotated, Final
from urllib.parse import quote

from msgspec import Meta, Struct

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, lacking, without_none
from tianji.protocol.chat.whole import TALKS_ONLY, Said, WholeText, alone, limit_of, stops_of
from tianji.protocol.chat.words import prompt_of

UNSUPPORTED: Final = TALKS_ONLY | {"n", "presence_penalty", "frequency_penalty", "seed"}
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class _Generated(Struct):
    generated_text: str
    nb_input_tokens: _Count | None = None
    nb_generated_tokens: _Count | None = None


def outbound(request: Request, target: Target) -> WholeText:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    request = alone(request)
    sent = lacking(request, target, UNSUPPORTED)
    told = {
        "text": prompt_of(request.messages, target.provider),
        "max_length": limit_of(request),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": stops_of(request),
    }

    def read(body: bytes) -> Said:
        found = decoded(body, _Generated, target)
        return Said(found.generated_text, read=found.nb_input_tokens, made=found.nb_generated_tokens)

    suffix = f"/gpu/{quote(target.model, safe='/')}/generation"
    return WholeText(sent | without_none(told) | (request.extra or {}), suffix, target, read)
