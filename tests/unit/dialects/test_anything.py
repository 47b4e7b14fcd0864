"""Requests of chat whose inner members are of any type: each upstream's form is written, or they are refused."""

import json
import re
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.dialects.pairs import UPSTREAMS, asked

from tianji.errors import TianjiError

WORDS = re.findall(
    r"\S+",
    """type text image_url url format detail file file_id file_data filename document source data media_type title
    citations enabled content context cache_control ttl function name arguments parameters properties items
    anyOf $ref description strict custom input allowed_tools mode tools required auto none enabled budget_tokens
    effort json_schema json_object schema user_location approximate filters allowed_domains search_context_size
    voice thinking signature redacted_thinking thought_signature citations server_tool_blocks
    data:image/png;base64,AQID https://e.example/a.pdf""",
)
WORD = st.sampled_from(WORDS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORD | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=4),
    max_leaves=8,
)
OBJECT = st.dictionaries(WORD, JSON, max_size=4)
KIND = st.sampled_from(["text", "image_url", "file", "document", "input_audio", "video_url", "thinking", "refusal"])
PART = st.fixed_dictionaries(
    {"type": KIND},
    optional={
        "text": st.just("t"), "image_url": OBJECT | WORD, "file": OBJECT, "source": OBJECT, "citations": OBJECT,
        "input_audio": OBJECT, "video_url": OBJECT | WORD, "cache_control": OBJECT, "title": WORD,
    },
)  # fmt: skip
CALL = st.fixed_dictionaries(
    {"id": WORD, "type": st.just("function"), "function": st.fixed_dictionaries({"name": WORD, "arguments": WORD})},
    optional={"provider_specific_fields": OBJECT},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": st.lists(PART, max_size=3) | WORD},
    optional={"tool_calls": st.lists(CALL, max_size=2), "tool_call_id": WORD, "provider_specific_fields": OBJECT},
)
TOOL = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "custom", "mcp", "web_search", "code_interpreter", "googleSearch"])},
    optional={
        "function": st.fixed_dictionaries({"name": WORD, "parameters": OBJECT}),
        "custom": OBJECT,
        "headers": JSON,
    },
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=4)},
    optional={
        "tools": st.lists(TOOL, max_size=3), "tool_choice": OBJECT | WORD, "response_format": OBJECT,
        "thinking": OBJECT,
        "web_search_options": OBJECT, "audio": OBJECT, "metadata": OBJECT, "stop": st.lists(WORD, max_size=2),
        "reasoning_effort": WORD, "guardrailConfig": JSON, "output_config": JSON,
    },
)  # fmt: skip


_BLOCKS = {"server_tool_blocks": [[], {"effort": "low"}, {"type": "x", "source": 7}]}


@example(
    {"messages": [{"role": "user", "content": "q"}], "tools": [{"type": "web_search"}], "tool_choice": {"type": []}},
    False,
)
@example({"messages": [{"role": "assistant", "content": "", "provider_specific_fields": _BLOCKS}]}, True)
@example({"messages": [{"role": "user", "content": "q"}], "web_search_options": {"filters": ["x"]}}, True)
@given(BODY, st.booleans())
def test_any_request_is_written_or_refused(body: dict[str, Any], drops: bool) -> None:
    for upstream in UPSTREAMS:
        try:
            _, outbound = asked("chat", upstream, body, drop_params=drops, modify_params=drops)
        except TianjiError as error:
            assert error.status == 400, error  # noqa: PT017  both outcomes are right
        else:
            json.loads(msgspec.json.encode(msgspec.Raw(outbound.body)))
