"""Mistral's and AI21's models on Vertex AI: their makers' form, which is OpenAI's, behind a method of the model.

https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/mistral
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.variant import members_of

PUBLISHERS: Final[Mapping[str, str]] = {"mistral": "mistralai", "codestral": "mistralai", "jamba": "ai21"}
"""Whose a model is, by how its name begins."""


def outbound(request: Request, target: Target) -> OpenAIOutbound:
    """Write a request; whether it streams is said by its path, too."""
    method = "streamRawPredict" if request.stream else "rawPredict"
    path = f"/publishers/{publisher(target.model)}/models/{quote(target.model, safe='@.')}:{method}"
    return OpenAIOutbound(msgspec.json.encode(members_of(request, target)), path, target)


def publisher(model: str) -> str | None:
    """Return whose a model is; None for one of another form."""
    return next((maker for start, maker in PUBLISHERS.items() if model.startswith(start)), None)
