"""What of a request is compared by meaning: its text. Everything else, and who asks, has to be the same.

What is not text alone (pictures, files, calls of tools) has no meaning here: two requests that differ in nothing but a
picture would be taken for one.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

_TEXTS: Final = frozenset({"text", "input_text", "output_text"})  # types of a content's parts
_SAID: Final = frozenset({"role", "content", "name", "type", "id", "status"})  # of a message that is words
_BYTES: Final = 3  # of a token: what is more may be cut off by a model
LONGEST: Final = 24_000  # bytes, where nobody says how much the model reads


class Meaning(Struct):
    """A text, and its vector once it is known."""

    text: str
    vector: list[float] | None = None


class _Body(Struct):
    messages: list[dict[str, Any]] | None = None
    prompt: Any = None
    input: Any = None


class Reader(Struct, frozen=True):
    """Reads meanings. `longest`: bytes of UTF-8; what is longer is not compared: no model would see all of it."""

    longest: int

    def __call__(self, operation: str, body: bytes) -> Meaning | None:
        """Return what a request means; None for one that has something beside text, or nothing."""
        try:
            said = msgspec.json.decode(body, type=_Body)
        except msgspec.DecodeError:
            return None
        if operation == "completions":
            texts = [said.prompt] if isinstance(said.prompt, str) else None
        elif operation == "responses" and isinstance(said.input, str):
            texts = [said.input]
        else:
            texts = _of_messages(said.input if operation == "responses" else said.messages)
        text = "\n".join(texts or ())
        short = len(text) <= self.longest and len(text.encode("utf-8", "surrogatepass")) <= self.longest
        return Meaning(text) if text and not text.isspace() and short else None


def reader(tokens: int | None) -> Reader:
    """Return a reader for a model that reads so many tokens."""
    return Reader(LONGEST if tokens is None else tokens * _BYTES)


def _of_messages(messages: Any) -> list[str] | None:
    if not isinstance(messages, list):
        return None
    found: list[str] = []
    for message in messages:
        if not isinstance(message, dict) or not message.keys() <= _SAID or message.get("type", "message") != "message":
            return None
        texts = _of_content(message.get("content"))
        if texts is None:
            return None
        text = " ".join(texts)
        if not text or text.isspace():
            return None
        found.append(f"{message.get('role')}: {text}")
    return found


def _of_content(content: Any) -> list[str] | None:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return None
    texts = [
        part["text"]
        for part in content
        if isinstance(part, dict) and part.get("type") in _TEXTS and isinstance(part.get("text"), str)
    ]
    return texts if len(texts) == len(content) else None
