"""Text generation servers, alone and behind SageMaker's endpoints."""

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError, InvalidRequest, UnsupportedParams, UpstreamProtocolError
from tianji.lazy import load
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.oci_signature import Signer
from tianji.providers import build

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ASK = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "q"}]
DETAILS = {"finish_reason": "length", "generated_tokens": 2, "prefill": [{}, {}, {}]}


def outbound(vendor: str, model: str = "m", drop: bool = False, **members: Any) -> Any:
    known = {name: value for name, value in members.items() if name in Request.__struct_fields__}
    extra = {name: value for name, value in members.items() if name not in known}
    request = msgspec.convert({"model": "x", "messages": ASK, **known, "extra": extra or None}, Request)
    target = Target(provider=vendor, model=model, drop_params=drop)
    return load(f"tianji.protocol.vendors.{vendor}").outbound(request, target)


def token(text: str, **last: Any) -> dict[str, Any]:
    return {"token": {"id": 1, "text": text, "special": False}, "generated_text": None, "details": None, **last}


EVENTS = (token("a "), token("b"), token("</s>", generated_text="a b", details=DETAILS))
EVENTS[2]["token"]["special"] = True


class TestTgi:
    def test_what_is_asked(self) -> None:
        found = outbound("tgi", max_tokens=5, temperature=0, top_p=1, stop="x", stream=True, repetition_penalty=1.1)
        assert found.suffix == "/generate_stream"
        assert json.loads(found.body) == {
            "inputs": "be kind\n\nq",
            "parameters": {
                "max_new_tokens": 5,
                "temperature": 0.01,
                "top_p": 0.99,
                "stop": ["x"],
                "details": True,
                "return_full_text": False,
                "repetition_penalty": 1.1,
            },
            "stream": True,
        }

    @pytest.mark.parametrize("listed", [True, False])
    def test_a_whole_answer_says_what_its_stream_says(self, listed: bool) -> None:
        said = {"generated_text": "a b", "details": DETAILS}
        found = outbound("tgi").answer(json.dumps([said] if listed else said).encode())
        decoder = outbound("tgi").stream()
        chunks = [chunk for event in EVENTS for chunk in decoder.event("", json.dumps(event).encode())]
        assert decoder.done
        streamed = collect([*chunks, *decoder.end()])
        assert streamed is not None
        assert found.choices == streamed.choices
        assert found.usage == streamed.usage
        choice = found.choices[0]
        assert (choice.message.content, choice.finish_reason) == ("a b", "length")
        assert found.usage.prompt_tokens == 3

    def test_what_it_lacks(self) -> None:
        with pytest.raises(UnsupportedParams, match="tools"):
            outbound("tgi", tools=[{"type": "function", "function": {"name": "f"}}])
        image = {"type": "image_url", "image_url": {"url": "data:,"}}
        with pytest.raises(InvalidRequest, match="tgi does not take"):
            outbound("tgi", messages=[{"role": "user", "content": [image]}])

    def test_errors(self) -> None:
        with pytest.raises(StreamFailed):
            outbound("tgi").stream().event("", b'{"error": "overloaded", "error_type": "overloaded"}')
        for nonsense in (b"[]", b"{}", b"7", b"[{}]"):
            with pytest.raises(UpstreamProtocolError):
                outbound("tgi").answer(nonsense)


class TestSageMaker:
    @given(st.data())
    def test_events_are_found_wherever_they_are_cut(self, data: st.DataObject) -> None:
        raw = b"".join(b"data:" + json.dumps(event).encode() + b"\n\n" for event in EVENTS)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
        parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
        decoder = outbound("sagemaker", stream=True).stream()
        chunks = [chunk for part in parts for chunk in decoder.event("PayloadPart", part)]
        found = collect([*chunks, *decoder.end()])
        assert found is not None
        assert found.choices[0].message.content == "a b"

    def test_openais_form_within(self) -> None:
        asked = outbound("sagemaker_chat", "my end", stream=True)
        assert asked.suffix == "/endpoints/my%20end/invocations-response-stream"
        assert json.loads(asked.body)["model"] == "my end"
        decoder = asked.stream()
        event = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
        chunks = list(decoder.event("PayloadPart", b"data: " + json.dumps(event).encode() + b"\n\ndata: [DO"))
        chunks += decoder.event("PayloadPart", b"NE]\n\n")
        assert decoder.done
        assert collect(chunks).choices[0].message.content == "a"  # type: ignore[union-attr]

    def test_exceptions(self) -> None:
        with pytest.raises(StreamFailed) as caught:
            outbound("sagemaker").stream().event("exception:ModelStreamError", b'{"Message": "no"}')
        assert b"ModelStreamError" in caught.value.payload

    def test_where_it_is_asked_and_by_whom(self) -> None:
        environ = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
        found = build({"model": "sagemaker/llama", "model_id": "part"}, environ, drop_params=False)
        assert found.base_url == "https://runtime.sagemaker.eu-west-1.amazonaws.com"
        assert found.headers == ((b"x-amzn-sagemaker-inference-component", b"part"),)
        assert found.sign is not None
        assert (
            b"/eu-west-1/sagemaker/aws4_request"
            in dict(found.sign("/endpoints/llama/invocations", b"{}"))[b"authorization"]
        )
        own = build(
            {"model": "sagemaker_chat/m", "sagemaker_base_url": "https://own.example"}, environ, drop_params=False
        )
        assert own.base_url == "https://own.example"
        assert own.protocol == "tianji.protocol.vendors.sagemaker_chat"


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
CALLED = {"id": "c1", "type": "FUNCTION", "name": "f", "arguments": '{"x":1}'}
IMAGE = {"type": "image_url", "image_url": {"url": "u"}}
SHOWN = {"type": "IMAGE", "imageUrl": {"url": "u"}}
LOGIN = {
    "oci_user": "u", "oci_fingerprint": "f", "oci_tenancy": "t", "oci_key": PEM, "oci_compartment_id": "c",
}  # fmt: skip


class TestOci:
    def test_what_is_asked(self) -> None:
        messages = [
            {"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ]
        found = outbound(
            "oci",
            "xai.grok",
            messages=messages,
            max_tokens=5,
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
            reasoning_effort="low",
            stream=True,
            compartmentId="c",
            servingMode={"servingType": "ON_DEMAND", "modelId": "xai.grok"},
        )
        assert found.suffix == "/20231130/actions/chat"
        sent = json.loads(found.body)
        assert (sent["compartmentId"], sent["servingMode"]["modelId"]) == ("c", "xai.grok")
        schema = {"type": "object", "properties": {}}
        assert sent["chatRequest"] == {
            "apiFormat": "GENERIC",
            "messages": [
                {"role": "USER", "content": [{"type": "TEXT", "text": "see"}, SHOWN]},
                {"role": "ASSISTANT", "toolCalls": [CALLED]},
                {"role": "TOOL", "content": [{"type": "TEXT", "text": "r"}], "toolCallId": "c1"},
            ],
            "maxTokens": 5,
            "reasoningEffort": "LOW",
            "tools": [{"type": "FUNCTION", "name": "f", "parameters": schema}],
            "toolChoice": {"type": "FUNCTION", "name": "f"},
            "isStream": True,
            "streamOptions": {"isIncludeUsage": True},
        }
        assert "maxCompletionTokens" in json.loads(outbound("oci", "openai.gpt-5", max_tokens=5).body)["chatRequest"]

    def test_a_whole_answer_says_what_its_stream_says(self) -> None:
        usage = {
            "promptTokens": 3, "completionTokens": 2, "totalTokens": 5, "promptTokensDetails": {"cachedTokens": 1}
        }  # fmt: skip
        call = {"id": "c1", "type": "FUNCTION", "name": "f", "arguments": '{"x":1}'}
        message = {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": "a b"}], "toolCalls": [call]}
        choice = {"index": 0, "message": message, "finishReason": "tool_calls"}
        found = outbound("oci").answer(json.dumps({"chatResponse": {"choices": [choice], "usage": usage}}).encode())
        decoder = outbound("oci").stream()
        events = [
            {"index": 0, "message": {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": "a "}]}, "pad": "aa"},
            {"index": 0, "message": {"content": [{"type": "TEXT", "text": "b"}]}},
            {"index": 0, "message": {"toolCalls": [{**call, "arguments": '{"x"'}]}},
            {"index": 0, "message": {"toolCalls": [{"type": "FUNCTION", "arguments": ":1}"}]}},
            {"finishReason": "tool_calls"},
            {"usage": usage},
        ]
        chunks = [chunk for event in events for chunk in decoder.event("", json.dumps(event).encode())]
        streamed = collect([*chunks, *decoder.end()])
        assert streamed is not None
        assert streamed.choices == found.choices
        assert streamed.usage == found.usage
        assert found.choices[0].finish_reason == "tool_calls"
        assert found.usage.prompt_tokens_details.cached_tokens == 1

    def test_a_signature_can_be_checked(self) -> None:
        headers = dict(Signer("t/u/f", KEY, "h.example").sign("/x?y=1", b"{}", now=0))
        digest = base64.b64encode(hashes_of(b"{}")).decode()
        text = (
            "date: Thu, 01 Jan 1970 00:00:00 GMT\n(request-target): post /x?y=1\nhost: h.example\ncontent-length: 2\n"
            f"content-type: application/json\nx-content-sha256: {digest}"
        )
        said = headers[b"authorization"].decode()
        assert 'keyId="t/u/f",algorithm="rsa-sha256"' in said
        signature = base64.b64decode(said.rpartition('signature="')[2].rstrip('"'))
        KEY.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())

    def test_deployments(self) -> None:
        found = build({"model": "oci/xai.grok", **LOGIN}, {"OCI_REGION": "eu-frankfurt-1"}, drop_params=False)
        assert found.base_url == "https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com"
        override = dict(found.shaping.override)
        assert override["compartmentId"] == b'"c"'
        assert json.loads(override["servingMode"]) == {"servingType": "ON_DEMAND", "modelId": "xai.grok"}
        assert found.sign is not None
        assert "BEGIN" not in repr(found.sign)
        dedicated = build({"model": "oci/m", **LOGIN, "oci_endpoint_id": "e"}, {}, drop_params=False)
        assert b'"endpointId":"e"' in dict(dedicated.shaping.override)["servingMode"]
        assert "oci_user" in (build({"model": "oci/m"}, {}, drop_params=False).key_missing or "")

    @pytest.mark.parametrize(
        ("params", "says"),
        [
            ({"oci_user": "u"}, "go together"),
            ({**LOGIN, "oci_key": "nonsense"}, "no PEM key"),
            ({**LOGIN, "oci_region": "evil.example/"}, "no region"),
            ({"oci_key_file": "/no/such", "oci_user": "u"}, "cannot be read"),
        ],
    )
    def test_what_cannot_be_is_said_before_the_start(self, params: dict[str, Any], says: str) -> None:
        with pytest.raises(ConfigurationError, match=says):
            build({"model": "oci/m", **params}, {}, drop_params=False)


def hashes_of(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()
