"""Changes to `messages`. Each names the provider whose rule it is in the table that uses it."""

import hashlib
import re

from tianji.protocol.chat.signatures import OPENAI, is_claudes
from tianji.providers.steps.step import Judge, Step, messages, parts
from tianji.providers.upstream import Body

_MESSAGES = frozenset({"messages"})
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_CACHE_CONTROL = ((b'"cache_control"',),)


def text_content(_: Judge) -> Step:
    """Join content lists that hold text alone into one string; a list with anything else stays."""

    def run(body: Body) -> None:
        for message in messages(body):
            _join_text(message)

    return Step(run, _MESSAGES)


def tool_text_content(_: Judge) -> Step:
    """Join the text parts of tool messages only."""

    def run(body: Body) -> None:
        for message in messages(body):
            if message.get("role") == "tool":
                _join_text(message)

    return Step(run, needles=((b'"tool"',),))


def no_cache_control(_: Judge) -> Step:
    """Remove prompt-cache marks, which hosts without them refuse, from messages, parts, calls and tools."""

    def run(body: Body) -> None:
        for message in messages(body):
            message.pop("cache_control", None)
            calls = message.get("tool_calls")
            for piece in (*parts(message), *(calls if isinstance(calls, list) else ())):
                if isinstance(piece, dict):
                    piece.pop("cache_control", None)
        tools = body.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict):
                tool.pop("cache_control", None)
                function = tool.get("function")
                if isinstance(function, dict):
                    function.pop("cache_control", None)

    return Step(run, needles=_CACHE_CONTROL)


def hoist_tool_images(_: Judge) -> Step:
    """Move image parts of tool messages into a user message after the run of tool messages they belong to."""

    def run(body: Body) -> None:
        old = body.get("messages")
        if not isinstance(old, list):
            return
        new: list[object] = []
        images: list[object] = []
        for message in old:
            is_tool = isinstance(message, dict) and message.get("role") == "tool"
            if not is_tool and images:
                new.append({"role": "user", "content": images})
                images = []
            if is_tool:
                images += _take_images(message)
            new.append(message)
        if images:
            new.append({"role": "user", "content": images})
        body["messages"] = new

    return Step(run, needles=((b'"tool"', b'"image_url"'),))


def no_message_names(_: Judge) -> Step:
    """Remove `name` from every message."""

    def run(body: Body) -> None:
        for message in messages(body):
            message.pop("name", None)

    return Step(run, needles=((b'"name"',),))


def names_on_tools_only(_: Judge) -> Step:
    """Remove `name` from every message that is not a tool's."""

    def run(body: Body) -> None:
        for message in messages(body):
            if message.get("role") != "tool":
                message.pop("name", None)

    return Step(run, needles=((b'"name"',),))


def no_null_assistant_fields(_: Judge) -> Step:
    """Remove members that are null from assistant messages, `content` apart."""

    def run(body: Body) -> None:
        for message in messages(body):
            if message.get("role") == "assistant":
                for key in [k for k, v in message.items() if v is None and k != "content"]:
                    del message[key]

    return Step(run, needles=((b'"assistant"', b"null"),))


def no_thinking_blocks(_: Judge) -> Step:
    """Remove `thinking_blocks`, which only one vendor's models read, from messages."""

    def run(body: Body) -> None:
        for message in messages(body):
            message.pop("thinking_blocks", None)

    return Step(run, needles=((b'"thinking_blocks"',),))


def no_reasoning(_: Judge) -> Step:
    """Remove what a model thought from messages, in the forms that OpenAI's chat does not know."""

    def run(body: Body) -> None:
        for message in messages(body):
            message.pop("thinking_blocks", None)
            message.pop("reasoning_content", None)

    return Step(run, needles=((b'"thinking_blocks"',), (b'"reasoning_content"',)))


def own_thoughts(_: Judge) -> Step:
    """Remove thoughts that another vendor's model had from a conversation that Claude goes on with.

    Anthropic refuses a signature that is not its own, and a thought without one. Clients hold such where another model
    answered them before.
    """

    def is_foreign(part: dict[str, object]) -> bool:
        signature = part.get("signature")
        return part.get("type") == "thinking" and not (isinstance(signature, str) and is_claudes(signature))

    def run(body: Body) -> None:
        kept: list[object] = []
        turns = body.get("messages")
        for message in turns if isinstance(turns, list) else ():
            if isinstance(message, dict) and isinstance(content := message.get("content"), list):
                own = [part for part in content if not (isinstance(part, dict) and is_foreign(part))]
                if content and not own:
                    continue
                message["content"] = own
            kept.append(message)
        if isinstance(turns, list):
            body["messages"] = kept

    marks = (f'"signature":{space}"{begins}'.encode() for space in ("", " ") for begins in ('"', OPENAI))
    return Step(run, needles=tuple((mark,) for mark in marks))


def reasoning_to_magistral(judge: Judge) -> Step:
    """Remove what a model thought from messages, which of Mistral's models only Magistral takes back."""
    if judge.model.startswith("magistral"):
        return Step(lambda _: None)
    return no_reasoning(judge)


def video_files(_: Judge) -> Step:
    """Turn file parts that hold a video into vLLM's `video_url` parts."""

    def run(body: Body) -> None:
        for message in messages(body):
            for part in parts(message):
                file = part.get("file")
                data = (file.get("file_data") or file.get("file_id")) if isinstance(file, dict) else None
                if part.get("type") == "file" and isinstance(data, str) and _is_video(data):
                    part.clear()
                    part.update(type="video_url", video_url={"url": data})

    return Step(run, needles=((b'"file"',),))


def no_files(judge: Judge) -> Step:
    """Refuse file parts: the provider has no such input, and leaving them out would change the question."""

    def run(body: Body) -> None:
        for message in messages(body):
            if any(part.get("type") == "file" for part in parts(message)):
                Judge(judge.provider, judge.model, drop_params=False).reject(body, "messages", "file parts")

    return Step(run, needles=((b'"file"',),))


def reasoning_on_tool_turns(judge: Judge) -> Step:
    """Give assistant turns with tool calls a `reasoning_content`: thinking models refuse a history without it."""

    def run(body: Body) -> None:
        if "thinking" in judge.model:
            _fill_reasoning(body, tool_turns_only=True)

    return Step(run, needles=((b'"tool_calls"',),))


def reasoning_on_all_turns(judge: Judge) -> Step:
    """Give every assistant turn a `reasoning_content` while the model is thinking."""

    def run(body: Body) -> None:
        thinking = body.get("thinking")
        on = thinking.get("type") == "enabled" if isinstance(thinking, dict) else "reasoner" in judge.model
        if on:
            _fill_reasoning(body, tool_turns_only=False)

    return Step(run, needles=((b'"assistant"',),))


def no_empty_assistant(_: Judge) -> Step:
    """Drop assistant messages that hold nothing; make empty content beside tool calls null."""

    def run(body: Body) -> None:
        kept: list[object] = []
        old = body.get("messages")
        if not isinstance(old, list):
            return
        for message in old:
            if isinstance(message, dict) and message.get("role") == "assistant" and message.get("content") in ("", []):
                if not message.get("tool_calls"):
                    continue
                message["content"] = None
            kept.append(message)
        body["messages"] = kept

    return Step(run, needles=((b'"assistant"',),))


def nine_letter_tool_ids(_: Judge) -> Step:
    """Map tool call ids of other makers to nine letters or digits, the same for the call and its answer."""

    def run(body: Body) -> None:
        for message in messages(body):
            answer = message.get("tool_call_id")
            if isinstance(answer, str):
                message["tool_call_id"] = _nine(answer)
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict) and isinstance(call.get("id"), str):
                    call["id"] = _nine(call["id"])

    return Step(run, needles=((b'"tool_calls"',), (b'"tool_call_id"',)))


def _join_text(message: dict[str, object]) -> None:
    content = message.get("content")
    if not isinstance(content, list) or not content:
        return
    texts = [part.get("text") for part in parts(message) if part.get("type") == "text"]
    if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
        message["content"] = "".join(str(text) for text in texts)


def _take_images(message: dict[str, object]) -> list[object]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    images = [part for part in content if isinstance(part, dict) and part.get("type") == "image_url"]
    rest = [part for part in content if not (isinstance(part, dict) and part.get("type") == "image_url")]
    if images:
        message["content"] = rest or "The image is in the next message."
    return list(images)


def _is_video(data: str) -> bool:
    return data.startswith("data:video/") or data.partition("?")[0].lower().endswith((".mp4", ".mov", ".webm", ".mkv"))


def _fill_reasoning(body: Body, *, tool_turns_only: bool) -> None:
    for message in messages(body):
        if message.get("role") == "assistant" and (message.get("tool_calls") or not tool_turns_only):
            message["reasoning_content"] = message.get("reasoning_content") or " "


def _nine(old: str) -> str:
    return old if _MISTRAL_ID.fullmatch(old) else hashlib.sha256(old.encode("utf-8", "replace")).hexdigest()[:9]
