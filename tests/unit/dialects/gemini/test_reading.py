"""What a client of Google's asks, in the hub's form."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.dialects.gemini import inbound
from tianji.dialects.gemini.embedding import embedding_body, read_embedding
from tianji.dialects.gemini.reading import read_count
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError, UpstreamProtocolError
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.outbound import GeminiOutbound

HI = [{"role": "user", "parts": [{"text": "hi"}]}]


def read(streamed: bool = False, **members: Any) -> Request:
    body = {"contents": HI} | members
    return inbound(json.dumps(body).encode(), "gpt", streamed).request


def hub(**members: Any) -> Any:
    return msgspec.to_builtins(read(**members))


def messages(*contents: Any, **members: Any) -> Any:
    return hub(contents=list(contents), **members)["messages"]


def test_a_whole_request() -> None:
    found = hub(
        systemInstruction={"parts": [{"text": "be brief"}, {"text": "be kind"}]},
        generationConfig={
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "maxOutputTokens": 100,
            "stopSequences": ["END"],
            "candidateCount": 2,
            "seed": 7,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "responseLogprobs": True,
            "logprobs": 3,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
            "thinkingConfig": {"thinkingBudget": 2048},
        },
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "d", "parameters": {"type": "OBJECT"}}]},
            {"googleSearch": {}},
            {"codeExecution": {}},
        ],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    )
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert found == {
        "model": "gpt",
        "messages": [{"role": "system", "content": "be brief\nbe kind"}, {"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 100,
        "stop": ["END"],
        "n": 2,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}},
        "reasoning_effort": "medium",
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
            {"type": "codeExecution", "provided": {"type": "codeExecution", "codeExecution": {}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "web_search_options": {},
    }


def test_both_spellings_mean_the_same_and_a_clients_own_names_stay() -> None:
    schema = {"type": "OBJECT", "properties": {"my_name": {"type": "STRING", "min_length": "2"}}}
    call = {"name": "f", "args": {"my_arg": {"an_other": 1}}}
    camel = {
        "contents": [*HI, {"role": "model", "parts": [{"functionCall": call}]}],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "generationConfig": {"maxOutputTokens": 5, "topK": 3},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}],
    }
    snake = {
        "contents": [*HI, {"role": "model", "parts": [{"function_call": call}]}],
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {"max_output_tokens": 5, "top_k": 3},
        "tools": [{"function_declarations": [{"name": "f", "parameters": schema}]}],
    }
    assert hub(**camel) == hub(**snake)
    found = read(**snake)
    assert found.messages[-1].tool_calls
    function = found.messages[-1].tool_calls[0].function
    assert function
    assert json.loads(function.arguments) == {"my_arg": {"an_other": 1}}
    assert found.tools
    assert found.tools[0].function
    assert found.tools[0].function.parameters == {
        "type": "object",
        "properties": {"my_name": {"type": "string", "minLength": 2}},
    }


def test_results_find_their_calls_by_id_or_by_name() -> None:
    found = messages(
        *HI,
        {
            "role": "model",
            "parts": [
                {"text": "so"},
                {"functionCall": {"name": "f", "args": {"n": 1}}, "thoughtSignature": "_-8="},
                {"functionCall": {"name": "f", "args": {"n": 2}}},
                {"functionCall": {"name": "g", "args": {}, "id": "own"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "g", "id": "own", "response": {"r": 3}}},
                {"functionResponse": {"name": "f", "response": {"r": 1}}},
                {"functionResponse": {"name": "f", "response": {"r": 2}}},
                {"text": "and?"},
            ],
        },
    )
    calls = found[1]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_f_0", "call_f_1", "own"]
    assert calls[0]["provider_specific_fields"] == {"thought_signature": "/+8="}
    assert [(m["tool_call_id"], m["content"]) for m in found[2:5]] == [
        ("own", '{"r":3}'),
        ("call_f_0", '{"r":1}'),
        ("call_f_1", '{"r":2}'),
    ]
    assert found[5] == {"role": "user", "content": "and?"}


def test_data_of_every_kind() -> None:
    found = messages(
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "_-8="}},
                {"inline_data": {"mime_type": "audio/x-wav", "data": "AA=="}},
                {"inlineData": {"mimeType": "video/mp4", "data": "AA=="}},
                {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
                {"fileData": {"fileUri": "https://example.com/a.jpg"}},
                {"fileData": {"fileUri": "gs://b/c", "mimeType": "application/pdf"}},
            ],
        },
        generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"},
    )[0]["content"]
    assert found == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,/+8=", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA=="}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "file.pdf"}},
        {
            "type": "image_url",
            "image_url": {"url": "https://example.com/a.jpg", "detail": "low", "format": "image/jpeg"},
        },
        {"type": "file", "file": {"file_id": "gs://b/c", "format": "application/pdf"}},
    ]


def test_a_stream_asks_for_usage() -> None:
    found = read(streamed=True)
    assert found.stream is True
    assert found.stream_options == {"include_usage": True}


@pytest.mark.parametrize(
    ("config", "effort"),
    [
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": -1}, None),
        ({"thinkingBudget": 9000}, "high"),
        ({"thinkingLevel": "LOW"}, "low"),
        ({"includeThoughts": True}, None),
    ],
)
def test_thinking(config: Any, effort: str | None) -> None:
    assert read(generationConfig={"thinkingConfig": config}).reasoning_effort == effort


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "none"}, "none"),
        ({"mode": "ANY"}, "required"),
        ({}, None),
    ],
)
def test_choices(calling: Any, choice: Any) -> None:
    assert read(toolConfig={"functionCallingConfig": calling}).tool_choice == choice


def test_several_allowed_functions() -> None:
    calling = {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}
    choice = read(toolConfig={"functionCallingConfig": calling}).tool_choice
    assert isinstance(choice, dict)
    assert choice["allowed_tools"]["mode"] == "required"
    assert [tool["function"]["name"] for tool in choice["allowed_tools"]["tools"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"contents": []}, "contents is empty"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "role 'system'"),
        ({"contents": [{"parts": 7}]}, r"contents\[0\].parts"),
        ({"cachedContent": "cachedContents/x"}, "lies with Google"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "text/x.enum"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "needs a name"),
    ],
)
def test_what_cannot_be_done_is_said(members: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read(**members)


def test_a_body_that_is_no_json() -> None:
    with pytest.raises(MalformedJSON):
        inbound(b"{", "m", False)


def test_counting_takes_contents_or_a_whole_request() -> None:
    instruction = {"parts": [{"text": "s"}]}
    inner = {"model": "models/x", "contents": HI, "systemInstruction": instruction}
    assert len(read_count(json.dumps({"contents": HI}).encode(), "m").messages) == 1
    assert len(read_count(json.dumps({"generateContentRequest": inner}).encode(), "m").messages) == 2


def test_embeddings_there_and_back() -> None:
    one = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "outputDimensionality": 3}
    assert json.loads(read_embedding(json.dumps(one).encode(), "m", batch=False)) == {
        "model": "m",
        "input": ["a\nb"],
        "encoding_format": "float",
        "dimensions": 3,
    }
    batch = {"requests": [{"content": {"parts": [{"text": text}]}} for text in "ab"]}
    assert json.loads(read_embedding(json.dumps(batch).encode(), "m", batch=True))["input"] == ["a", "b"]
    answer = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}
    assert json.loads(embedding_body(json.dumps(answer).encode(), batch=True)) == {
        "embeddings": [{"values": [1.0]}, {"values": [2.0]}]
    }
    with pytest.raises(UpstreamProtocolError, match="2 embeddings for one text"):
        embedding_body(json.dumps(answer).encode(), batch=False)
    with pytest.raises(UpstreamProtocolError, match="cannot be read"):
        embedding_body(b"[]", batch=False)
    with pytest.raises(InvalidRequest, match="no text"):
        read_embedding(b'{"content": {"parts": []}}', "m", batch=False)
    batch["requests"][0] |= {"outputDimensionality": 5}  # type: ignore[dict-item]
    with pytest.raises(InvalidRequest, match="same outputDimensionality"):
        read_embedding(json.dumps(batch).encode(), "m", batch=True)


def test_what_google_is_asked_through_the_hub_is_what_the_client_asked() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {
                "role": "model",
                "parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "f", "response": {"b": 2}}}]},
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d"}]}],
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 9},
    }
    request = inbound(json.dumps(body).encode(), "gemini-2.5-flash", False).request
    there = GeminiOutbound(request, Target(provider="gemini", model="gemini-2.5-flash")).body
    assert json.loads(there) == body


NAMES = re.findall(
    r"\S+",
    """contents parts text role inlineData mimeType data fileData fileUri functionCall functionResponse name args
    response id tools functionDeclarations parameters generationConfig thinkingConfig thinkingBudget responseSchema
    responseMimeType toolConfig functionCallingConfig mode allowedFunctionNames systemInstruction thoughtSignature
    thought content requests type properties model user application/json ANY""",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(NAMES) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5).map(lambda v: json.dumps(v).encode()) | st.binary())
def test_no_body_crashes_the_dialect(body: bytes) -> None:
    for call in (
        lambda: msgspec.json.encode(inbound(body, "m", True).request),
        lambda: read_count(body, "m"),
        lambda: read_embedding(body, "m", batch=False),
        lambda: read_embedding(body, "m", batch=True),
    ):
        try:
            call()
        except TianjiError as error:
            assert error.status == 400  # noqa: PT017  both outcomes are right
