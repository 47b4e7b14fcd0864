"""The guardrail interface that anybody can implement: everything about a content in one document, one word in return.

https://docs.litellm.ai/docs/adding_provider/generic_guardrail_api. Vendors that speak it under another address are
presets of it, or use `document` and `verdict`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tianji import __version__
from tianji.guardrails.content import Content, ToolCall
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Preset, Sight, Type, asking, post
from tianji.guardrails.verdict import Block, Rewrite, Unavailable, Verdict, replaced

PATH: Final = "/beta/litellm_basic_guardrail_api"
_CLEAR: Final = frozenset(
    ["host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"]
)
_CLEAR_PREFIXES: Final = ("x-stainless-", "x-litellm-", "x-tianji-")


class GenericParams(Params, frozen=True, kw_only=True):
    """`headers`: sent with every call; `extra_headers`: those of the client that are sent on, `x-my-*`: all such."""

    environment: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_base": ("GENERIC_GUARDRAIL_API_BASE",)}
    secrets: ClassVar = frozenset({"api_key", "headers"})

    api_base: str
    api_key: str = ""
    headers: Mapping[str, str] = {}
    extra_headers: tuple[str, ...] = ()
    additional_provider_specific_params: Mapping[str, Any] = {}


class _Function(Struct):
    name: str
    arguments: str


class _Called(Struct):
    function: _Function
    id: str = ""


class _Part(Struct):
    text: str = ""
    type: str = "text"


class _Message(Struct):
    content: str | list[_Part] | None = None


class Answer(Struct):
    """What such a server says. Lists that it leaves out stay as they were."""

    action: Literal["NONE", "BLOCKED", "GUARDRAIL_INTERVENED"]
    blocked_reason: str | None = None
    texts: list[str] | None = None
    images: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_calls: list[_Called] | None = None
    structured_messages: list[_Message] | None = None


def inputs(content: Content) -> dict[str, Any]:
    """Return what is to be judged, without what surrounds it."""
    return {
        "texts": [text.text for text in content.texts],
        "images": content.images,
        "tools": content.tools,
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in content.calls
        ],
        "structured_messages": _structured(content),
    }


def _structured(content: Content) -> list[dict[str, Any]]:
    messages: dict[int, dict[str, Any]] = {}
    for text in content.texts:
        message = messages.setdefault(text.message, {"role": text.role, "content": []})
        message["content"].append({"type": "text", "text": text.text})
    for message in messages.values():
        if len(message["content"]) == 1:
            message["content"] = message["content"][0]["text"]
    return list(messages.values())


def owner(occasion: Occasion) -> dict[str, str]:
    """Return whose request it is."""
    return {
        "user_api_key_hash": occasion.key_hash,
        "user_api_key_alias": occasion.key_alias,
        "user_api_key_user_id": occasion.user_id,
        "user_api_key_user_email": occasion.user_email,
        "user_api_key_team_id": occasion.team_id,
        "user_api_key_team_alias": occasion.team_alias,
        "user_api_key_end_user_id": occasion.end_user,
        "user_api_key_org_id": occasion.organization_id,
    }


def document(
    content: Content, occasion: Occasion, further: Mapping[str, Any], shown: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the document that such a server gets. Of most headers of the client it learns only that they are there."""
    shown = [name.lower() for name in shown]
    clear = _CLEAR.union(shown)
    beginnings = (*_CLEAR_PREFIXES, *(name[:-1] for name in shown if name.endswith("*")))
    return {
        "input_type": content.direction,
        "litellm_call_id": occasion.call_id,
        "litellm_trace_id": occasion.trace_id,
        **inputs(content),
        "model": occasion.model,
        "litellm_version": __version__,
        "additional_provider_specific_params": {**further, **occasion.dynamic},
        "request_data": owner(occasion),
        "request_headers": {
            name: value if name in clear or name.startswith(beginnings) else "[present]"
            for name, value in occasion.headers.items()
        },
    }


def verdict(answer: Answer, content: Content) -> Verdict:
    """Return what the answer means. Raises Unavailable for changes that have no place in the content."""
    if answer.action == "BLOCKED":
        return Block(answer.blocked_reason or "Content violates policy")
    if answer.images is not None and tuple(answer.images) != content.images:
        raise Unavailable("the answer changes images, which cannot be changed")
    found = replaced(content, _new_texts(answer, content))
    texts = found.texts if isinstance(found, Rewrite) else {}
    calls = _changed_calls(answer.tool_calls, content.calls)
    tools = None if answer.tools is None or tuple(answer.tools) == content.tools else tuple(answer.tools)
    return Rewrite(texts, tools, calls) if calls or tools is not None else found


def _new_texts(answer: Answer, content: Content) -> Sequence[str | None]:
    if answer.structured_messages is not None:
        texts: list[str] = []
        for message in answer.structured_messages:
            if isinstance(message.content, str):
                texts.append(message.content)
            else:
                texts += [part.text for part in message.content or () if part.type == "text"]
        if texts != [text.text for text in content.texts]:
            return texts
    return answer.texts if answer.texts is not None else [None] * len(content.texts)


def _changed_calls(new: list[_Called] | None, old: tuple[ToolCall, ...]) -> dict[int, ToolCall | None]:
    if new is None:
        return {}
    if len(new) != len(old):
        raise Unavailable("the answer has another number of tool calls")
    changed = [
        replace(call, name=said.function.name, arguments=said.function.arguments)
        for said, call in zip(new, old, strict=True)
    ]
    return {index: call for index, call in enumerate(changed) if call != old[index]}


def _ask(params: GenericParams, content: Content, occasion: Occasion) -> Asking:
    base = params.api_base.rstrip("/")
    url = base if base.endswith(PATH) else base + PATH
    key = {"x-api-key": params.api_key} if params.api_key else {}
    further = params.additional_provider_specific_params
    body = document(content, occasion, further, params.extra_headers)
    (reply,) = yield [post(url, body, {**key, **params.headers})]
    return verdict(reply.read(Answer), content)


TYPE = Type(
    names=("generic_guardrail_api", "unified_guardrail"),
    params=GenericParams,
    check=asking(_ask),
    masks=PRE_AND_POST,
    sees=Sight.IMAGES,
)
PRESETS = (
    Preset(
        "qostodian_nexus",
        "generic_guardrail_api",
        {"api_base": "http://nexus:8800", "extra_headers": ["x-qostodian-nexus-identifiers-*"]},
        {"api_base": ("QOSTODIAN_NEXUS_API_BASE",)},
    ),
)
