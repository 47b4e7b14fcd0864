"""Claude as clouds host it: Anthropic's form without the model, on Vertex AI by rawPredict, on Bedrock by InvokeModel.

Source of the forms: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

import base64

import msgspec

from tianji.mock.answers import bedrock
from tianji.mock.answers.messages import MessagesRequest, messages
from tianji.mock.faults import Faults
from tianji.mock.script import Answer


class HostedRequest(MessagesRequest, kw_only=True):
    """A request that says its version and no model."""

    anthropic_version: str
    model: str = ""


def plain(model: str, request: HostedRequest, faults: Faults) -> Answer:
    """Answer in one piece."""
    return messages(msgspec.structs.replace(request, model=model, stream=False), faults)


def streamed(model: str, request: HostedRequest, faults: Faults) -> Answer:
    """Answer token by token, as Anthropic does."""
    return messages(msgspec.structs.replace(request, model=model, stream=True), faults)


def wrapped(model: str, request: HostedRequest, faults: Faults) -> Answer:
    """Answer token by token, with Anthropic's events in Bedrock's."""
    answer = streamed(model, request, faults)
    failure = {":message-type": "exception", ":exception-type": "throttlingException"}
    return msgspec.structs.replace(
        answer,
        events=tuple(_wrap(event) for event in answer.events or ()),
        error_event=bedrock.message(failure, b'{"message":"Mock error in mid-stream"}'),
        stream_type=bedrock.STREAM_TYPE,
    )


def _wrap(event: bytes) -> bytes:
    data = event.partition(b"data: ")[2].strip()
    return bedrock.event("chunk", {"bytes": base64.b64encode(data).decode()})
