"""Clients of forms that the gateway hands on as they are: Cohere's, and Amazon's for Bedrock and other services."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import cohere
import cohere.errors
import pytest
from tests.clients.conftest import COMMAND
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
NOVA = "amazon.nova-lite-v1:0"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
TURNS = [{"role": "user", "content": [{"text": "one two three"}]}]
SPEC: Any = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}


class TestCohere:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock) -> cohere.ClientV2:
        return cohere.ClientV2(api_key=MASTER_KEY, base_url=f"{gateway.url}/cohere")

    def test_plain_and_streamed(self, client: cohere.ClientV2) -> None:
        plain = client.chat(model=COMMAND, messages=ASK, max_tokens=6)
        events = list(client.chat_stream(model=COMMAND, messages=ASK, max_tokens=6))
        text = "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
        assert text == plain.message.content[0].text
        assert plain.usage.tokens.output_tokens == 6

    def test_a_loop_of_tools(self, client: cohere.ClientV2, calls_weather: Mock) -> None:
        first = client.chat(model=COMMAND, messages=ASK, tools=TOOLS).message
        (call,) = first.tool_calls
        turns = [*ASK, first, {"role": "tool", "tool_call_id": call.id, "content": "wet"}]
        assert client.chat(model=COMMAND, messages=turns, tools=TOOLS).message.content
        assert "wet" in calls_weather.last()["body"]

    def test_errors(self, client: cohere.ClientV2, mock: Mock) -> None:
        mock.control({"status": 400})
        with pytest.raises(cohere.errors.BadRequestError):
            client.chat(model=COMMAND, messages=ASK)


def of_amazon(gateway: Gateway, service: str, path: str) -> Any:
    """Return a client of a service of Amazon's that knows the gateway's key."""
    made = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=f"{gateway.url}/{path}",
        aws_access_key_id="AKIDNOBODY",  # it signs with them, and the gateway signs anew
        aws_secret_access_key="unknown",
    )

    def show_key(request: Any, **_: Any) -> None:
        request.headers["x-litellm-api-key"] = f"Bearer {MASTER_KEY}"

    made.meta.events.register(f"before-send.{service}.*", show_key)
    return made


def test_services_that_are_asked_by_an_operations_name(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 200, "body": json.dumps({"Entities": [], "ModelVersion": "1"})}, times=1)
    with contextlib.closing(of_amazon(gateway, "comprehendmedical", "comprehendmedical")) as medical:
        assert medical.detect_phi(Text="nobody was there")["ModelVersion"] == "1"
    mock.control({"status": 200, "body": json.dumps({"TranscriptionJobSummaries": []})}, times=1)
    with contextlib.closing(of_amazon(gateway, "transcribe", "transcribe")) as transcribe:
        assert transcribe.list_transcription_jobs(Status="COMPLETED")["TranscriptionJobSummaries"] == []
    sent = dict(mock.last()["headers"])
    assert sent["x-amz-target"] == "Transcribe.ListTranscriptionJobs"
    assert "Credential=AKIDEXAMPLE/" in sent["authorization"]


class TestBedrock:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock) -> Iterator[Any]:
        with contextlib.closing(of_amazon(gateway, "bedrock-runtime", "bedrock")) as made:
            yield made

    def test_plain_and_streamed(self, client: Any) -> None:
        ask = {"modelId": NOVA, "messages": TURNS, "inferenceConfig": {"maxTokens": 6}}
        plain = client.converse(**ask)
        events = list(client.converse_stream(**ask)["stream"])
        text = "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e)
        assert text == plain["output"]["message"]["content"][0]["text"]
        assert plain["usage"]["outputTokens"] == 6

    def test_invoke(self, client: Any) -> None:
        asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 6, "messages": ASK}
        call = {"modelId": HAIKU, "body": json.dumps(asked), "contentType": "application/json"}
        plain = json.loads(client.invoke_model(**call)["body"].read())
        chunks = client.invoke_model_with_response_stream(**call)["body"]
        events = [json.loads(event["chunk"]["bytes"]) for event in chunks]
        text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
        assert text == plain["content"][0]["text"]
        assert len(text.split()) == plain["usage"]["output_tokens"] == 6

    def test_a_loop_of_tools(self, client: Any, calls_weather: Mock) -> None:
        first = client.converse(modelId=NOVA, messages=TURNS, toolConfig=SPEC)["output"]["message"]
        (used,) = [block["toolUse"] for block in first["content"]]
        result = {"toolResult": {"toolUseId": used["toolUseId"], "content": [{"text": "wet"}]}}
        turns = [*TURNS, first, {"role": "user", "content": [result]}]
        second = client.converse(modelId=NOVA, messages=turns, toolConfig=SPEC)
        assert second["output"]["message"]["content"][0]["text"]
        assert "wet" in calls_weather.last()["body"]

    def test_errors(self, client: Any, mock: Mock) -> None:
        mock.control({"status": 400})
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            client.converse(modelId=NOVA, messages=TURNS)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
