"""Google's contents become messages of the hub.

Results of functions stand in the user's turn there and are told by name, or by an id where the client sends one; here
each is a message that names its call.
"""

import base64
import binascii
from typing import Any

import msgspec

from tianji.errors import InvalidRequest
from tianji.protocol.chat import data_urls
from tianji.protocol.chat.request import FunctionCall, Message, ThinkingBlock, ToolCall
from tianji.protocol.chat.request import Part as HubPart
from tianji.protocol.gemini import wire
from tianji.protocol.gemini.thoughts import unwrapped

_SOUNDS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-flac": "flac"}


class Turns:
    """The messages of one conversation. `detail` is how closely images are to be looked at, None for no wish."""

    def __init__(self, detail: str | None) -> None:
        self.messages: list[Message] = []
        self._detail = detail
        self._open: list[tuple[str, str]] = []  # calls without a result: id and name
        self._calls = 0

    def instruct(self, content: wire.Content | str) -> None:
        """Take the system's instruction: all of its texts."""
        texts = [content] if isinstance(content, str) else [part.text for part in content.parts or [] if part.text]
        if any(texts):
            self.messages.append(Message(role="system", content="\n".join(filter(None, texts))))

    def say(self, content: wire.Content | str) -> None:
        """Take one turn. Raises InvalidRequest for a role that is unknown."""
        if isinstance(content, str):
            content = wire.Content([wire.Part(text=content)], "user")
        if content.role == "model":
            self._answer(content.parts or [])
        elif content.role in ("user", "function", None, ""):
            self._ask(content.parts or [])
        else:
            raise InvalidRequest(f"contents has the role {content.role!r}; use user or model.", param="contents")

    def _ask(self, parts: list[wire.Part]) -> None:
        for part in parts:
            if part.function_response is not None:
                self.messages.append(self._result(part.function_response))
        said = [found for part in parts if (found := self._part(part)) is not None]
        if said:
            self.messages.append(Message(role="user", content=_content(said)))

    def _answer(self, parts: list[wire.Part]) -> None:
        message = Message(role="assistant")
        said: list[HubPart] = []
        signatures: list[str] = []
        for part in parts:
            if part.function_call is not None:
                message.tool_calls = [*(message.tool_calls or []), self._call(part.function_call, part)]
            elif part.thought:
                _remember(part, message)
            else:
                if part.thought_signature:
                    signatures.append(_standard(part.thought_signature))
                if (found := self._part(part)) is not None:
                    said.append(found)
        if said:
            message.content = _content(said)
        if signatures:
            message.provider_specific_fields = {"thought_signatures": signatures}
        if said or message.tool_calls or message.reasoning_content or message.thinking_blocks:
            self.messages.append(message)

    def _call(self, call: wire.FunctionCall, part: wire.Part) -> ToolCall:
        call_id = call.id or f"call_{call.name}_{self._calls}"
        self._calls += 1
        self._open.append((call_id, call.name))
        arguments = msgspec.json.encode(call.args or {}).decode()
        fields = {"thought_signature": _standard(part.thought_signature)} if part.thought_signature else None
        return ToolCall(
            id=call_id,
            type="function",
            function=FunctionCall(call.name, arguments),
            provider_specific_fields=fields,
        )

    def _result(self, result: wire.FunctionResponse) -> Message:
        call_id = self._answered(result)
        text = msgspec.json.encode(result.response or {}).decode()
        content: str | list[HubPart] = text
        shown = [part for item in result.parts or [] if (part := self._part(_shown(item))) is not None]
        if shown:
            content = [HubPart(type="text", text=text), *shown]
        return Message(role="tool", tool_call_id=call_id, name=result.name or None, content=content)

    def _answered(self, result: wire.FunctionResponse) -> str:
        """Find the call that a result belongs to: by its id, else the first one of its name that has none."""
        for at, (call_id, name) in enumerate(self._open):
            if call_id == result.id or (not result.id and name == result.name):
                del self._open[at]
                return call_id
        return result.id or f"call_{result.name}"

    def _part(self, part: wire.Part) -> HubPart | None:
        if part.inline_data is not None:
            return self._inline(part.inline_data)
        if part.file_data is not None:
            return self._elsewhere(part.file_data)
        if part.executable_code is not None:
            return HubPart(type="text", text=f"```\n{part.executable_code.get('code', '')}\n```")
        if part.code_execution_result is not None:
            return HubPart(type="text", text=f"```\n{part.code_execution_result.get('output', '')}\n```")
        return HubPart(type="text", text=part.text) if part.text else None

    def _inline(self, data: wire.Blob) -> HubPart:
        kind, raw = data.mime_type or "application/octet-stream", _standard(data.data or "")
        url = f"data:{kind};base64,{raw}"
        family, _, form = kind.partition(";")[0].partition("/")
        if family == "image":
            return HubPart(type="image_url", image_url=self._seen(url))
        if family == "audio":
            return HubPart(type="input_audio", input_audio={"data": raw, "format": _SOUNDS.get(form, form)})
        if family == "video":
            return HubPart(type="video_url", video_url={"url": url})
        return HubPart(type="file", file={"file_data": url, "filename": f"file.{form or 'bin'}"})

    def _elsewhere(self, data: wire.FileData) -> HubPart:
        uri = data.file_uri or ""
        kind = data.mime_type or data_urls.media_type_of(uri) or ""
        if ":" not in uri:  # the id of a file, which no upstream takes for an address
            return HubPart(type="file", file={"file_id": uri} | ({"format": kind} if kind else {}))
        if kind.startswith("image/"):
            return HubPart(type="image_url", image_url=self._seen(uri) | {"format": kind})
        if kind.startswith("video/"):
            return HubPart(type="video_url", video_url={"url": uri, "format": kind})
        known = {"media_type": kind} if kind else {}
        if uri.startswith(("https://", "http://")):
            return HubPart(type="document", source={"type": "url", "url": uri} | known, title=data.display_name)
        return HubPart(type="file", file={"file_id": uri} | ({"format": kind} if kind else {}))

    def _seen(self, url: str) -> dict[str, Any]:
        return {"url": url} | ({"detail": self._detail} if self._detail else {})


def _content(parts: list[HubPart]) -> str | list[HubPart]:
    """Return one text as text, which every upstream takes."""
    return parts[0].text or "" if len(parts) == 1 and parts[0].type == "text" else parts


def _remember(part: wire.Part, message: Message) -> None:
    """Take what was thought, and the signature that another upstream than Google gave it."""
    signature, redacted = unwrapped(part.thought_signature)
    if redacted is not None:
        block = ThinkingBlock(type="redacted_thinking", data=redacted)
    elif part.text and signature is not None:
        block = ThinkingBlock(type="thinking", thinking=part.text, signature=signature)
    else:
        message.reasoning_content = (message.reasoning_content or "") + (part.text or "") or None
        return
    if part.text:
        message.reasoning_content = (message.reasoning_content or "") + part.text
    message.thinking_blocks = [*(message.thinking_blocks or []), block]


def _shown(item: dict[str, Any]) -> wire.Part:
    try:
        return msgspec.convert(item, wire.Part)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"functionResponse.parts cannot be read: {error}", param="contents") from error


def _standard(text: str) -> str:
    """Return base64 in the plain alphabet: Google's clients write the one for URLs too."""
    if "-" not in text and "_" not in text:
        return text
    try:
        return base64.b64encode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).decode()
    except (binascii.Error, ValueError):
        return text
