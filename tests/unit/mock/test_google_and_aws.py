"""Google's and Bedrock's forms from a raw socket."""

import json

import pytest

from tianji._core.streams.aws_events import AwsEvents
from tianji.protocol.bedrock.event_stream import event_of

from .conftest import Raw

TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
GOOGLE = {"contents": [{"parts": [{"text": "one two"}]}], "generationConfig": {"maxOutputTokens": 6}}
BEDROCK = {"messages": [{"role": "user", "content": [{"text": "one two"}]}], "inferenceConfig": {"maxTokens": 6}}
GEMINI = "/v1beta/models/demo:"
NOVA = "/model/amazon.nova%3A0/"


async def test_google_plain_and_streamed_say_the_same(raw: Raw) -> None:
    plain = (await raw.ask(GOOGLE, path=f"{GEMINI}generateContent")).json
    streamed = await raw.ask(GOOGLE, path=f"{GEMINI}streamGenerateContent?alt=sse")
    events = [json.loads(chunk.removeprefix(b"data: ")) for chunk in streamed.chunks]
    texts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
    assert "".join(texts) == plain["candidates"][0]["content"]["parts"][0]["text"]
    assert events[-1]["candidates"][0]["finishReason"] == plain["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert events[-1]["usageMetadata"] == plain["usageMetadata"]
    assert plain["usageMetadata"]["totalTokenCount"] == 8
    assert plain["modelVersion"] == "demo"


async def test_google_calls_functions_and_counts(raw: Raw) -> None:
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}
    ask = GOOGLE | {"tools": [{"functionDeclarations": [TOOL]}], "toolConfig": calling}
    answer = (await raw.ask(ask, path=f"{GEMINI}generateContent")).json
    call = answer["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert call["name"] == "weather"
    assert isinstance(call["args"]["city"], str)
    assert (await raw.ask(GOOGLE, path=f"{GEMINI}countTokens")).json == {"totalTokens": 2}


async def test_bedrock_plain_and_streamed_say_the_same(raw: Raw) -> None:
    plain = (await raw.ask(BEDROCK, path=f"{NOVA}converse")).json
    streamed = await raw.ask(BEDROCK, path=f"{NOVA}converse-stream")
    events = [(name, json.loads(value)) for name, value in AwsEvents(event_of).feed(b"".join(streamed.chunks))]
    said = [value["delta"]["text"] for name, value in events if name == "contentBlockDelta"]
    assert "".join(said) == plain["output"]["message"]["content"][0]["text"]
    assert [name for name, _ in events][-2:] == ["messageStop", "metadata"]
    assert events[-2][1]["stopReason"] == plain["stopReason"] == "max_tokens"
    assert events[-1][1]["usage"] == plain["usage"] == {"inputTokens": 2, "outputTokens": 6, "totalTokens": 8}


async def test_bedrock_calls_tools(raw: Raw) -> None:
    spec = {"name": "weather", "inputSchema": {"json": TOOL["parameters"]}}
    ask = BEDROCK | {"toolConfig": {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}}
    answer = (await raw.ask(ask, path=f"{NOVA}converse")).json
    assert answer["stopReason"] == "tool_use"
    assert isinstance(answer["output"]["message"]["content"][0]["toolUse"]["input"]["city"], str)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{GEMINI}generateContent", {"error": {"code": 400, "message": "x", "status": "INVALID_ARGUMENT"}}),
        (f"{NOVA}converse", {"message": "x"}),
    ],
)
async def test_errors_have_the_vendors_shape(raw: Raw, path: str, body: dict[str, object]) -> None:
    answer = await raw.ask({}, path=path)
    assert answer.status == 400
    assert answer.json.keys() == body.keys()
