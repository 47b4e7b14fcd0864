"""Mistral's fill-in-the-middle (https://docs.mistral.ai/api/endpoint/fim), which Inception has, too.

It asks as OpenAI's old completions do and answers as chat does. https://docs.inceptionlabs.ai has its own page of it.
"""

from typing import Final

import msgspec

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import lacking
from tianji.protocol.chat.words import prompt_of
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.variant import members_of

SUFFIX: Final = "/fim/completions"
_UNSUPPORTED: Final = frozenset(
    {"n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "tools", "response_format"}
)
_NONE_OF_CHAT: Final = frozenset({"messages", "user", "stream_options", *_UNSUPPORTED})


def outbound(request: Request, target: Target) -> OpenAIOutbound:
    """Write a request. Raises UnsupportedParams for what cannot be said."""
    if request.n == 1:
        request = msgspec.structs.replace(request, n=None)
    sent = lacking(request, target, _UNSUPPORTED)
    prompt = prompt_of(request.messages, target.provider)
    members = {name: value for name, value in members_of(request, target).items() if name not in _NONE_OF_CHAT}
    if "seed" in members:
        members["random_seed"] = members.pop("seed")
    return OpenAIOutbound(msgspec.json.encode({**members, **sent, "prompt": prompt}), SUFFIX, target)
