"""Claude on Vertex AI: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude."""

from typing import Any, Final
from urllib.parse import quote

from tianji.protocol.anthropic.outbound import Message, MessagesOutbound
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target

VERSION: Final = "vertex-2023-10-16"


class VertexMessages(MessagesOutbound):
    """One request: Anthropic's, with the model in the path, and the version and beta flags in the body."""

    headers = ()

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__(request, target)
        self.suffix = path(target.model, streamed=bool(request.stream))

    def _sent(self, message: Message) -> dict[str, Any]:
        return hosted_body(message.body, message.betas, VERSION)


def path(model: str, *, streamed: bool) -> str:
    """Return the path of a request behind the location."""
    method = "streamRawPredict" if streamed else "rawPredict"
    return f"/publishers/anthropic/models/{quote(model, safe='@.')}:{method}"


def hosted_body(body: dict[str, Any], betas: list[str], version: str) -> dict[str, Any]:
    """Return a body as clouds take it that host Claude: who asks says there what he would say in headers."""
    hosted = {name: value for name, value in body.items() if name != "model"}
    return {"anthropic_version": version, **({"anthropic_beta": betas} if betas else {}), **hosted}


def outbound(request: Request, target: Target) -> VertexMessages:
    """Write a request."""
    return VertexMessages(request, target)
