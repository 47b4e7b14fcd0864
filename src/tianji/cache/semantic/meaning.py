"""What of a request is compared by meaning: the text of what the user says last.

Everything else, and who asks, has to be the same: the members beside it, and what was said before, instructions among
it. A conversation compared as a whole would be its longest part, which is what those who ask different things share.
What is not text alone (pictures, files, calls of tools) has no meaning here: two requests that differ in nothing but a
picture would be taken for one. Nor has what somebody with a name says, since the name may be what is asked for.
"""

import hashlib
from typing import Any, Final

import msgspec
from msgspec import Struct

_TEXTS: Final = frozenset({"text", "input_text", "output_text"})  # types of a content's parts
_SAID: Final = frozenset({"role", "content", "type", "id", "status"})  # of a message that is words
_BYTES: Final = 3  # of a token: what is more may be cut off by a model
LONGEST: Final = 24_000  # bytes, where nobody says how much the model reads


class Meaning(Struct):
    """A text, and its vector once it is known. `context`: a digest of what was said before, or empty."""

    text: str
    context: str = ""
    vector: list[float] | None = None


class _Body(Struct):
    messages: Any = None
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
        said_by_all = said.input if operation == "responses" else said.messages
        if operation == "completions":
            text, context = said.prompt if isinstance(said.prompt, str) else None, ""
        elif isinstance(said_by_all, str):
            text, context = said_by_all, ""
        elif isinstance(said_by_all, list) and said_by_all:
            text, context = _of_user(said_by_all[-1]), _digest(said_by_all[:-1])
        else:
            return None
        if text is None or not text or text.isspace():
            return None
        short = len(text) <= self.longest and len(text.encode("utf-8", "surrogatepass")) <= self.longest
        return Meaning(text, context) if short else None


def reader(tokens: int | None) -> Reader:
    """Return a reader for a model that reads so many tokens."""
    return Reader(LONGEST if tokens is None else tokens * _BYTES)


def _digest(messages: list[Any]) -> str:
    if not messages:
        return ""
    return hashlib.sha256(msgspec.json.encode(messages, order="deterministic")).hexdigest()


def _of_user(message: Any) -> str | None:
    """Return the words of a user; None for what is anything else."""
    if not isinstance(message, dict) or not message.keys() <= _SAID or message.get("type", "message") != "message":
        return None
    texts = _of_content(message.get("content")) if message.get("role") == "user" else None
    return None if texts is None else " ".join(texts)


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
