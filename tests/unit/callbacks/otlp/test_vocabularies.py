"""What each vocabulary calls the facts of a request."""

from typing import Any

import msgspec
import pytest
from tests.unit.callbacks.otlp.events import answered, ended, failed
from tests.unit.callbacks.test_event import payload

from tianji.callbacks.otlp.rows import ROWS
from tianji.callbacks.otlp.vocabularies.genai import latest, usual
from tianji.callbacks.otlp.vocabularies.langfuse import LANGFUSE, langfuse
from tianji.callbacks.otlp.vocabularies.langtrace import langtrace
from tianji.callbacks.otlp.vocabularies.openinference import kind, openinference
from tianji.callbacks.otlp.vocabularies.weave import weave
from tianji.callbacks.sink import Given
from tianji.ledger.entry import Payload

read = msgspec.json.decode
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}]
CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_what_litellm_writes() -> None:
    found = usual(answered(), True)
    assert {name: value for name, value in found.items() if name.startswith(("gen_ai.", "llm.", "litellm."))} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.id": f"{1:032x}-0",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.total_tokens": 15,
        "gen_ai.cost.total_cost": 2.0,
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"hello"}]}]',
        "llm.request.type": "acompletion",
        "llm.is_streaming": False,
        "llm.user": "c",
        "litellm.call_id": f"{1:032x}",
        "litellm.model_group": "gpt",
        "litellm.provider.model": "gpt-4o",
        "litellm.attempt": 0,
        "litellm.cache_hit": False,
        "litellm.request_tags": ("a", "b"),
    }
    assert found["metadata.user_api_key_team_id"] == "t"
    assert read(str(found["metadata.requester_metadata"])) == {"a": "b"}
    assert read(str(found["hidden_params"])) == {"model_id": "d", "api_base": "https://api.openai.com/v1"}
    assert (found["server.address"], found["server.port"]) == ("api.openai.com", 443)


def test_the_tools_of_a_request() -> None:
    answer = {"choices": [{"message": {"role": "assistant", "tool_calls": CALLS}, "finish_reason": "tool_calls"}]}
    body = {"tools": TOOLS, "messages": [{"role": "user", "content": "hi"}]}
    said = Payload(*(msgspec.json.encode(part) for part in (body["messages"], answer, body)))
    found = usual(answered(payload=said), True)
    assert found["llm.request.functions.0.name"] == "f"
    assert found["llm.request.functions.0.parameters"] == '{"type":"object"}'
    assert found["gen_ai.completion.0.function_call.arguments"] == "{}"
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    (part,) = read(str(found["gen_ai.output.messages"]))[0]["parts"]
    assert part == {"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}
    assert read(str(latest(answered(payload=said), True)["gen_ai.tool.definitions"])) == TOOLS
    spans = openinference(answered(payload=said), True)
    assert spans["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"] == "f"
    assert read(str(spans["llm.tools.0.tool.json_schema"])) == TOOLS[0]


def test_the_conventions_as_they_stand() -> None:
    event = answered(provider="bedrock", stream=True, answered_at=1_772_366_400_051_000, session_id="s")
    found = latest(event, False)
    assert found["gen_ai.provider.name"] == "aws.bedrock"
    assert "gen_ai.system" not in found
    assert found["gen_ai.usage.cache_read.input_tokens"] == 4
    assert found["gen_ai.usage.cache_creation.input_tokens"] == 1
    assert found["gen_ai.response.time_to_first_chunk"] == 0.05
    assert found["gen_ai.conversation.id"] == "s"
    given = Given("otel", {}, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental"})
    vocabulary = ROWS["otel"].vocabulary(given)
    assert vocabulary.title(event) == "chat gpt-4o"
    assert vocabulary.request_title(ended()) == "POST /v1/chat/completions"


def test_what_stands_in_no_prompt_is_told_of_a_failure() -> None:
    found = usual(failed(), False)
    assert (found["error.type"], found["error.code"], found["error.message"]) == ("RateLimited", "429", "slow")


def test_openinference() -> None:
    found = openinference(answered(), True)
    assert found["openinference.span.kind"] == "LLM"
    assert (found["llm.model_name"], found["llm.provider"]) == ("gpt-4o", "openai")
    assert (found["llm.token_count.prompt"], found["llm.token_count.prompt_details.cache_read"]) == (10, 4)
    assert (found["input.value"], found["input.mime_type"]) == ("hi", "text/plain")
    assert (found["output.value"], found["output.mime_type"]) == ("hello", "text/plain")
    assert found["llm.input_messages.0.message.role"] == "user"
    assert found["llm.input_messages.0.message.content"] == "hi"
    assert found["llm.output_messages.0.message.content"] == "hello"
    assert read(str(found["llm.invocation_parameters"])) == {"temperature": 0.5}
    assert (found["session.id"], found["user.id"], found["tag.tags"]) == ("c", "c", ("a", "b"))
    assert (found["litellm.team_id"], found["litellm.key_alias"]) == ("t", "mine")
    assert "session.id" not in openinference(answered(end_user=None), False)
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://x/y"}}]
    mixed = openinference(answered(payload=payload(messages=[{"role": "user", "content": parts}])), True)
    assert mixed["llm.input_messages.0.message.contents.1.message_content.image.image.url"] == "http://x/y"
    embedded = openinference(answered(call_type="aembedding", payload=payload(messages=["a", "b"])), True)
    assert embedded["embedding.embeddings.1.embedding.text"] == "b"
    assert [kind(name) for name in ("acompletion", "arerank", "amoderation")] == ["LLM", "RERANKER", "GUARDRAIL"]


def test_weave() -> None:
    own = {"session_id": "S", "display_name": "a/b"}
    found = weave(answered(payload=payload(metadata=own)), True)
    assert (found["wandb.display_name"], found["wandb.thread_id"], found["wandb.is_turn"]) == ("a__b", "S", True)
    assert found["llm.model_name"] == "gpt-4o"
    assert weave(answered(), False)["wandb.display_name"] == "openai__gpt-4o"


def test_langtrace() -> None:
    found = langtrace(answered(), True)
    assert (found["langtrace.service.name"], found["llm.model"]) == ("openai", "gpt-4o")
    assert (found["llm.temperature"], found["llm.token.counts.total"]) == (0.5, 15)
    assert read(str(found["llm.prompts"])) == [{"role": "user", "content": "hi"}]
    assert read(str(found["llm.completions"])) == [{"role": "assistant", "content": "hello"}]


def test_langfuse() -> None:
    found = langfuse(answered(), True)
    assert found["langfuse.observation.type"] == "generation"
    assert read(str(found["langfuse.observation.usage_details"])) == {
        "input": 5, "output": 5, "total": 15, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1,
    }  # fmt: skip
    assert read(str(found["langfuse.observation.cost_details"])) == {"total": 2.0}
    assert read(str(found["langfuse.observation.input"])) == [{"role": "user", "content": "hi"}]
    assert found["langfuse.observation.output"] == found["langfuse.trace.output"]
    assert (found["langfuse.trace.name"], found["user.id"]) == ("litellm-acompletion", "c")
    wrong = langfuse(failed(), True)
    assert (wrong["langfuse.observation.level"], wrong["langfuse.observation.status_message"]) == ("ERROR", "slow")
    assert LANGFUSE.title(answered()) == "litellm:mine"


def test_what_a_client_says_to_langfuse() -> None:
    own = {
        "trace_id": "0123456789abcdef0123456789ABCDEF", "trace_name": "N", "session_id": "S", "trace_user_id": "U",
        "tags": ["z", "a"], "generation_name": "G", "trace_metadata": {"k": 1}, "mask_input": True, "version": "v",
        "parent_observation_id": "not hex",
    }  # fmt: skip
    event = answered(payload=payload(metadata=own))
    found = langfuse(event, True)
    assert (found["langfuse.trace.name"], found["session.id"], found["user.id"]) == ("N", "S", "U")
    assert found["langfuse.trace.tags"] == ("a", "b", "z")
    assert (found["langfuse.trace.metadata.k"], found["langfuse.version"]) == ("1", "v")
    assert "langfuse.observation.input" not in found
    assert LANGFUSE.title(event) == "G"
    lineage = LANGFUSE.lineage(event)
    assert lineage is not None
    assert lineage[0].hex() == "0123456789abcdef0123456789abcdef"
    assert len(lineage[1]) == 8
    existing = langfuse(answered(payload=payload(metadata={"existing_trace_id": "E"})), True)
    assert not any(name.startswith("langfuse.trace.") for name in existing)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_nothing_that_was_said_is_told_where_that_is_turned_off(name: str) -> None:
    own: dict[str, Any] = {"tools": TOOLS, "messages": [{"role": "user", "content": "canary"}]}
    vocabulary = ROWS[name].vocabulary(Given(name, {}, {}))
    found = vocabulary.attempt(answered(payload=payload(**own)), False)
    assert found
    assert "canary" not in str(found)
    assert "hello" not in str(found)
    assert "'d'" not in str(found)
