"""Servers behind SageMaker's endpoints that speak OpenAI's form, in the envelope of AWS."""

import msgspec

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, Target
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.variant import members_of
from tianji.protocol.vendors.sagemaker import Payloads, path


def outbound(request: Request, target: Target) -> "SageMakerChatOutbound":
    """Write a request."""
    return SageMakerChatOutbound(request, target)


class SageMakerChatOutbound(OpenAIOutbound):
    """One request to an endpoint."""

    framing: Framing = "aws"

    def __init__(self, request: Request, target: Target) -> None:
        body = msgspec.json.encode(members_of(request, target))
        super().__init__(body, path(target, streamed=bool(request.stream)), target)

    def stream(self) -> Payloads:  # type: ignore[override]  # another decoder around that of the form
        """Begin to read a streamed answer."""
        return Payloads(super().stream())
