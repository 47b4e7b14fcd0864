"""Triton's generate extension: one text in, one text out.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html. Nothing
tells the end of its stream from a break, so a client's stream has the answer in one piece.
"""

from typing import Final

from msgspec import Struct

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, lacking, without_none
from tianji.protocol.chat.whole import TALKS_ONLY, Said, WholeText, alone, limit_of, stops_of
from tianji.protocol.chat.words import prompt_of

UNSUPPORTED: Final = TALKS_ONLY | {"n"}


class _Generated(Struct):
    text_output: str


def outbound(request: Request, target: Target) -> WholeText:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    request = alone(request)
    sent = lacking(request, target, UNSUPPORTED)
    parameters = {
        "max_tokens": limit_of(request),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "stop": stops_of(request),
        **(request.extra or {}),
    }

    def read(body: bytes) -> Said:
        return Said(decoded(body, _Generated, target).text_output)

    text = prompt_of(request.messages, target.provider)
    return WholeText({"text_input": text, "parameters": sent | without_none(parameters)}, "/generate", target, read)
