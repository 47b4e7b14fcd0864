"""What a request is about: the user's last words, and what came with them.

A decision has to cost little whatever the size of the body. One pass over the conversation finds where its messages
lie; of these only the last one of the user is decoded, and of a long one only its ends. What reads the words letter by
letter gets an excerpt, shorter still.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from tianji.routing.abilities import ABILITY, needed
from tianji.routing.affinity import session_of

Member = Callable[[bytes], bytes | None]
"""Gives the JSON text of a member of the body, None when it has none."""

WHOLE: Final = 65_536  # bytes of JSON text that are decoded; of a longer text the first and the last half of it
PARTS: Final = 512  # blocks of text that are decoded
EXCERPT: Final = 16_384  # characters: about 4,000 tokens
_TEXTS: Final = frozenset({"text", "input_text", "output_text", ""})
_TOOL_RESULT: Final = "tool_result"
_LONGEST_SIGN: Final = len(r"\ud83d\ude00")  # bytes of JSON text that are one character
_LEAST_QUALITY: Final = (b"x-tianji-min-quality-tier", b"x-litellm-min-quality-tier")
_ITEMS: Final = re.compile(rb"\[\s*\{")
_STRINGS: Final = re.compile(rb'\[\s*"')


class _Message(Struct):
    """A message of Chat Completions or Messages, or an item of Responses; some items have no role."""

    role: str = ""
    content: Raw = Raw(b"null")


class _Block(Struct):
    type: str = ""
    text: Raw = Raw(b"null")


class Said(NamedTuple):
    """A text, or the ends of a long one, and how many characters the whole has."""

    text: str
    characters: int


_NONE: Final = Said("", 0)


_messages = msgspec.json.Decoder(list[_Message])
_blocks = msgspec.json.Decoder(list[_Block])
_text = msgspec.json.Decoder(str | None)
_texts = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, object])


class Content:
    """Reads a body of Chat Completions, Completions, Responses or Messages, each part when it is first asked for.

    What is malformed counts as absent: to refuse it is another's business.
    """

    __slots__ = ("_excerpt", "_headers", "_member", "_said", "caller")

    def __init__(
        self, member: Member, headers: Callable[[], Mapping[bytes, bytes]] = dict[bytes, bytes], caller: str = ""
    ) -> None:
        """`member` is the `get` of the body's spans, or of a mapping; `headers` gives the request's.

        caller: what tells those apart who may have the same conversation; it is not told to anybody
        """
        self._member = member
        self._headers = headers
        self.caller = caller
        self._said: Said | None = None
        self._excerpt: str | None = None

    @property
    def text(self) -> str:
        """The last message of the user, its blocks of text joined by a space; empty when there is none.

        A message that only brings results of tools is none of the user's: the one before it counts. Of a text beyond
        WHOLE bytes these are its first and its last half as many, with a line end between them.
        """
        return self._words.text

    @property
    def characters(self) -> int:
        """How many characters the whole message has; an estimate where the text is not whole."""
        return self._words.characters

    @property
    def excerpt(self) -> str:
        """The text, or the first and the last half of EXCERPT characters where it is longer.

        People put what they want before or after what they paste.
        """
        if self._excerpt is None:
            text = self.text
            half = EXCERPT // 2
            self._excerpt = text if len(text) <= EXCERPT else f"{text[:half]}\n{text[-half:]}"
        return self._excerpt

    @property
    def has_tools(self) -> bool:
        """Whether the model is offered tools."""
        return needed(self._member, ABILITY["tools"]) != 0

    @property
    def has_images(self) -> bool:
        """Whether an image stands anywhere in the conversation."""
        conversation = self.conversation
        if conversation is None or b"image" not in conversation:  # a part of every sign, and much sooner looked for
            return False
        return needed({b"messages": conversation}.get, ABILITY["images"]) != 0

    @property
    def conversation(self) -> bytes | None:
        """What Responses calls `input` and the other dialects call `messages`."""
        messages = self._member(b"messages")
        return self._member(b"input") if messages is None else messages

    @property
    def session(self) -> bytes | None:
        """The session that the client names; None where it names none."""
        return session_of({"metadata": self._metadata()}, self._headers())

    @property
    def least_quality(self) -> int | None:
        """The tier of quality that the client asks for at least; what is no whole number asks for nothing."""
        headers = self._headers()
        said = next((headers[name] for name in _LEAST_QUALITY if name in headers), None)
        text = str(self._metadata().get("min_quality_tier")) if said is None else said.decode("latin-1")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def _metadata(self) -> dict[str, object]:
        metadata = self._member(b"metadata")
        try:
            return {} if metadata is None else _object.decode(metadata)
        except msgspec.DecodeError:  # no object
            return {}

    @property
    def _words(self) -> Said:
        if self._said is None:
            try:
                self._said = self._read()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._said = _NONE
        return self._said

    def _read(self) -> Said:
        messages = self._member(b"messages")
        if messages is not None:
            return _last_of_user(messages)
        given = self._member(b"input") or self._member(b"prompt")
        if given is None:
            return _NONE
        if _ITEMS.match(given):
            return _last_of_user(given)
        return _joined(_texts.decode(given)) if _STRINGS.match(given) else _decoded(given)


def _last_of_user(messages: bytes) -> Said:
    for message in reversed(_messages.decode(messages)):
        if message.role == "user":
            words = words_of(bytes(message.content))
            if words is not None:
                return words
    return _NONE


def words_of(content: bytes) -> Said | None:
    """Return the words of a message's content, None when they are a tool's."""
    if content[:1] != b"[":
        return _decoded(content)
    blocks = _blocks.decode(content)
    words = _joined([block.text for block in blocks if block.type in _TEXTS])
    if not words.text and any(block.type == _TOOL_RESULT for block in blocks):
        return None
    return words


def _joined(texts: list[Raw]) -> Said:
    """Join texts by a space, those that are not empty; of more than PARTS the first and the last half as many."""
    read = texts if len(texts) <= PARTS else [*texts[: PARTS // 2], *texts[-PARTS // 2 :]]
    words = [found for found in (_decoded(bytes(text)) for text in read) if found.text]
    if not words:
        return _NONE
    characters = sum(found.characters for found in words) + len(words) - 1
    return Said(" ".join(found.text for found in words), characters * len(texts) // len(read))


def _decoded(json: bytes) -> Said:
    if len(json) <= WHOLE or json[:1] != b'"':
        text = _text.decode(json) or ""
        return Said(text, len(text))
    half = WHOLE // 2
    begin = _first_that_decodes(json[: half - cut] + b'"' for cut in range(_LONGEST_SIGN))
    end = _first_that_decodes(b'"' + json[-half + cut :] for cut in range(_LONGEST_SIGN))
    characters = (len(begin) + len(end)) * len(json) // WHOLE
    return Said(f"{begin}\n{end}", characters)


def _first_that_decodes(cut: Iterable[bytes]) -> str:
    """Decode a string that is cut off anywhere; a cut through a character or an escape is moved until it is none."""
    for json in cut:
        try:
            return _text.decode(json) or ""
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return ""
