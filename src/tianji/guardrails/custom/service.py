"""What a guardrail's code is told of a content, and the verdict that follows from what it says."""

import math
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from tianji.guardrails.content import Content, Kind, Text, ToolCall
from tianji.guardrails.custom.calling import Calling
from tianji.guardrails.custom.channel import Broken, Document
from tianji.guardrails.custom.pool import Job, Pool
from tianji.guardrails.vendor import Call, Occasion, Params, Reply, Send, Surroundings
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite, Unavailable, Verdict


class Limits(Params, frozen=True, kw_only=True):
    """How much code may take: seconds for one content, MiB of memory and processes of one worker."""

    timeout: float = 30.0
    memory: int = 512
    processes: int = 2


async def unserved(_call: Call) -> Reply:
    """Make no call."""
    raise Unavailable("no calls are made here")


class Custom:
    """A guardrail that is code, in processes of its own."""

    def __init__(self, told: Mapping[str, Any], limits: Limits, surroundings: Surroundings) -> None:
        what = {**told, "memory": limits.memory, "seconds": math.ceil(limits.timeout)}
        job = Job(what, str(surroundings.folder), limits.processes)
        self._pool = Pool(job, surroundings.environ)

    async def __call__(self, content: Content, occasion: Occasion, send: Send = unserved, /) -> Verdict:
        """Ask the code. Raises Unavailable where it fails, or says what nobody understands."""
        exposed = [index for index, text in enumerate(content.texts) if text.kind is not Kind.TOOL_ARGUMENTS]
        try:
            said = await self._pool.ask(_told(content, occasion, exposed), Calling(send))
        except Broken as error:
            raise Unavailable(str(error)) from None
        return _verdict(said, content, occasion, exposed)

    def close(self) -> None:
        """End its processes."""
        self._pool.close()


def _told(content: Content, occasion: Occasion, exposed: list[int]) -> Document:
    """Return everything that the code may know of a content."""
    texts = [content.texts[index] for index in exposed]
    messages, places = _messages(texts)
    for call in content.calls:
        message = next((one for one in messages if one["role"] == "assistant"), None)
        if message is not None:
            message.setdefault("tool_calls", []).append(_call(call))
    return {
        "inputs": {
            "texts": [text.text for text in texts],
            "images": list(content.images),
            "files": list(content.files),
            "tools": [dict(tool) for tool in content.tools],
            "tool_calls": [_call(call) for call in content.calls],
            "structured_messages": messages,
            "model": occasion.model,
        },
        "places": places,
        "input_type": content.direction.value,
        "hook": occasion.hook.value,
        "request_data": {
            "model": occasion.model,
            "user_id": occasion.user_id,
            "team_id": occasion.team_id,
            "end_user_id": occasion.end_user,
            "metadata": dict(occasion.metadata),
            "litellm_call_id": occasion.call_id,
            "guardrail_extra_body": dict(occasion.dynamic),
        },
        "caller": {
            "api_key": occasion.key_hash,
            "key_alias": occasion.key_alias,
            "user_id": occasion.user_id,
            "user_email": occasion.user_email,
            "team_id": occasion.team_id,
            "team_alias": occasion.team_alias,
            "org_id": occasion.organization_id,
            "end_user_id": occasion.end_user,
            "metadata": dict(occasion.key_metadata),
            "team_metadata": dict(occasion.team_metadata),
        },
    }


def _messages(texts: list[Text]) -> tuple[list[Document], list[list[int]]]:
    """Return texts as chat messages, and for each text which message and which part of it it is."""
    messages: list[Document] = []
    places: list[list[int]] = []
    numbers: dict[int, int] = {}
    for text in texts:
        number = numbers.setdefault(text.message, len(messages))
        if number == len(messages):
            messages.append({"role": text.role, "content": text.text})
            places.append([number, 0])
            continue
        message = messages[number]
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        places.append([number, len(message["content"])])
        message["content"].append({"type": "text", "text": text.text})
    return messages, places


def _call(call: ToolCall) -> Document:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _verdict(said: Document, content: Content, occasion: Occasion, exposed: list[int]) -> Verdict:
    reason = str(said.get("reason") or "")
    match said.get("action"):
        case "allow":
            return Allow()
        case "flag":
            return Allow(flagged=reason or "flagged")
        case "answer":
            return Answer(reason)
        case "block":
            return Block(reason, {"guardrail": occasion.name, **_detail(said.get("detail"))})
        case "modify":
            texts = _changed_texts(said.get("texts"), content, exposed)
            calls = _changed_calls(said.get("tool_calls"), content)
            return Rewrite(texts, calls=calls) if texts or calls else Allow()
        case _:
            raise Unavailable(f"its code failed: {reason}")


def _detail(detail: object) -> Mapping[str, Any]:
    """Return what code says about a refusal, as members of the error: those of a mapping, else one of its own."""
    if isinstance(detail, Mapping):
        return {str(name): value for name, value in detail.items() if name != "error"}
    return {} if detail is None else {"detection_info": detail}


def _changed_texts(texts: object, content: Content, exposed: list[int]) -> dict[int, str]:
    if texts is None:
        return {}
    if not isinstance(texts, list) or len(texts) != len(exposed) or not all(isinstance(text, str) for text in texts):
        raise Unavailable(f"its code gave other than {len(exposed)} texts")
    return {at: text for at, text in zip(exposed, texts, strict=True) if text != content.texts[at].text}


def _changed_calls(calls: object, content: Content) -> dict[int, ToolCall]:
    if calls is None:
        return {}
    if not isinstance(calls, list) or len(calls) != len(content.calls):
        raise Unavailable(f"its code gave other than {len(content.calls)} calls")
    changed: dict[int, ToolCall] = {}
    for index, (before, after) in enumerate(zip(content.calls, calls, strict=True)):
        function = after.get("function") if isinstance(after, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
            raise Unavailable("its code gave a call without arguments")
        call = replace(before, name=str(function.get("name") or before.name), arguments=function["arguments"])
        if call != before:
            changed[index] = call
    return changed
