"""One answer of a model, told in OpenAI's realtime events while it comes.

https://platform.openai.com/docs/api-reference/realtime-server-events: an answer has one message, whose one part is text
or sound with its transcript, and then the calls of tools.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Event = Json


class Answer:
    """One answer. `name`, `item`: its id, and that of its message."""

    def __init__(self, name: str, item: str) -> None:
        self._name = name
        self._item = item
        self._kind: str | None = None  # of the message's part, once there is one
        self._said: list[str] = []
        self._calls: list[Json] = []

    def begin(self) -> Iterator[Event]:
        """Yield how it begins."""
        yield {"type": "response.created", "response": self._response("in_progress", None)}

    def part(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """Take a part of what Google's model says: text or sound."""
        blob = part.get("inlineData")
        data = blob.get("data") if isinstance(blob, Mapping) else None
        if isinstance(data, str) and data:
            yield from self._open("audio")
            yield {"type": "response.output_audio.delta", **self._place(), "delta": data}
        elif isinstance(part.get("text"), str) and part["text"] and not part.get("thought"):
            yield from self._open("text")
            if self._kind == "audio":  # beside sound, text is what is said
                yield from self.transcript(part["text"])
            else:
                self._said.append(part["text"])
                yield {"type": "response.output_text.delta", **self._place(), "delta": part["text"]}

    def transcript(self, text: str) -> Iterator[Event]:
        """Take what is said aloud, as text."""
        yield from self._open("audio")
        if self._kind == "text":
            return  # it was told as text
        self._said.append(text)
        yield {"type": "response.output_audio_transcript.delta", **self._place(), "delta": text}

    def call(self, item: str, call_id: str, name: str, arguments: str) -> Iterator[Event]:
        """Take a call of a tool, which comes whole."""
        yield from self._close("completed")
        index = len(self._calls) + (self._kind is not None)
        begun = _call(item, call_id, name, "", "in_progress")
        done = _call(item, call_id, name, arguments, "completed")
        place = {"response_id": self._name, "output_index": index}
        at = {**place, "item_id": item, "call_id": call_id}
        self._calls.append(done)
        yield {"type": "response.output_item.added", **place, "item": begun}
        yield {"type": "conversation.item.added", "previous_item_id": None, "item": begun}
        yield {"type": "response.function_call_arguments.delta", **at, "delta": arguments}
        yield {"type": "response.function_call_arguments.done", **at, "name": name, "arguments": arguments}
        yield {"type": "response.output_item.done", **place, "item": done}
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": done}

    def end(self, status: str, usage: Json | None) -> Iterator[Event]:
        """Yield how it ends. `status`: completed, or cancelled."""
        if not self._calls:
            yield from self._close(status)
        yield {"type": "response.done", "response": self._response(status, usage)}

    def _open(self, kind: str) -> Iterator[Event]:
        """Begin the message, with the first that is said."""
        if self._kind is not None:
            return
        self._kind = kind
        item = self._message("in_progress", [])
        yield {"type": "response.output_item.added", "response_id": self._name, "output_index": 0, "item": item}
        yield {"type": "conversation.item.added", "previous_item_id": None, "item": item}
        yield {"type": "response.content_part.added", **self._place(), "part": self._part("")}

    def _close(self, status: str) -> Iterator[Event]:
        """End the message, if there is one and no call has ended it."""
        if self._kind is None or self._calls:
            return
        text, at = "".join(self._said), self._place()
        if self._kind == "text":
            yield {"type": "response.output_text.done", **at, "text": text}
        else:
            yield {"type": "response.output_audio.done", **at}
            yield {"type": "response.output_audio_transcript.done", **at, "transcript": text}
        yield {"type": "response.content_part.done", **at, "part": self._part(text)}
        item = self._message(_ended(status), [self._part(text)])
        yield {"type": "response.output_item.done", "response_id": self._name, "output_index": 0, "item": item}
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": item}

    def _place(self) -> Json:
        return {"response_id": self._name, "item_id": self._item, "output_index": 0, "content_index": 0}

    def _part(self, text: str) -> Json:
        if self._kind == "text":
            return {"type": "output_text", "text": text}
        return {"type": "output_audio", "transcript": text}

    def _message(self, status: str, content: list[Json]) -> Json:
        item = {"id": self._item, "object": "realtime.item", "type": "message", "role": "assistant"}
        return {**item, "status": status, "content": content}

    def _response(self, status: str, usage: Json | None) -> Json:
        output = list(self._calls)
        if status != "in_progress" and self._kind is not None:
            output.insert(0, self._message(_ended(status), [self._part("".join(self._said))]))
        why = {"type": "cancelled", "reason": "turn_detected"} if status == "cancelled" else None
        found = {"id": self._name, "object": "realtime.response", "status": status, "status_details": why}
        return {**found, "output": output, "usage": usage}


def _call(item: str, call_id: str, name: str, arguments: str, status: str) -> Json:
    own = {"id": item, "object": "realtime.item", "type": "function_call", "status": status}
    return {**own, "call_id": call_id, "name": name, "arguments": arguments}


def _ended(status: str) -> str:
    return "completed" if status == "completed" else "incomplete"
