"""What a conversation says of the model's last answer: what was asked for it, what it said, and what came after.

Every request brings the whole conversation, so nothing of it has to be remembered. Chat Completions, Messages and
Responses alike: a run of items that the model made is one answer.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tianji.routing.auto.content import EXCERPT, words_of

MOST_CALLS: Final = 20  # of tools, the last ones
MOST_ITEMS: Final = 64  # the last ones, which are looked at for calls
_NULL: Final = Raw(b"null")
_ASSISTANTS: Final = frozenset({"assistant", "model"})


class Turns(Struct, frozen=True):
    """The last answer of a conversation.

    place: how many items stood before it, 0 where the model has not answered yet; length: all items
    users: messages of the user, the new one among them
    first, before, now: what the user said first, before the answer, and after it; empty where he said nothing
    answers: its text and that of the answer before it, the newest first
    calls: the calls of tools up to here, the newest last; failed: a tool says that what it was called for failed
    """

    length: int = 0
    place: int = 0
    users: int = 0
    first: str = ""
    before: str = ""
    now: str = ""
    answers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    failed: bool = False


class _Item(Struct):
    role: str = ""
    type: str = ""
    content: Raw = _NULL
    tool_calls: Raw = _NULL
    name: Raw = _NULL
    arguments: Raw = _NULL
    is_error: Raw = _NULL

    @property
    def by_model(self) -> bool:
        """Whether the model made it: a message, or in Responses a call or a thought."""
        return self.role in _ASSISTANTS or (not self.role and self.type.endswith(("_call", "reasoning")))


class _Part(Struct):
    type: str = ""
    name: Raw = _NULL
    input: Raw = _NULL
    function: Raw = _NULL
    is_error: Raw = _NULL


_items = msgspec.json.Decoder(list[_Item])
_parts = msgspec.json.Decoder(list[_Part])


def read_turns(conversation: bytes | None) -> Turns:
    """Read a conversation, the JSON of `messages` or `input`; what is none, or malformed, has no answer in it."""
    if conversation is None or not conversation.startswith(b"["):
        return Turns()
    try:
        return _read(_items.decode(conversation))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Turns()


def _read(items: list[_Item]) -> Turns:
    users = [at for at, item in enumerate(items) if item.role == "user"]
    runs = _runs(items)
    if not runs:
        return Turns(length=len(items), users=len(users), first=_said(items, users))
    begin, end = runs[0]
    return Turns(
        length=len(items),
        place=begin,
        users=len(users),
        first=_said(items, users),
        before=_said(items, [at for at in reversed(users) if at < begin]),
        now=_said(items, [at for at in reversed(users) if at >= end]),
        answers=tuple(_text(items[first:last]) for first, last in runs),
        calls=tuple(call for item in items[-MOST_ITEMS:] if item.by_model for call in _calls(item))[-MOST_CALLS:],
        failed=any(_failed(item) for item in items[end:]),
    )


def _runs(items: list[_Item]) -> list[tuple[int, int]]:
    """Return where the last two answers begin and end, the newest first."""
    found: list[tuple[int, int]] = []
    at = len(items)
    while at and len(found) < 2:
        while at and not items[at - 1].by_model:
            at -= 1
        end = at
        while at and items[at - 1].by_model:
            at -= 1
        if at < end:
            found.append((at, end))
    return found


def _said(items: list[_Item], places: list[int]) -> str:
    """Return the words of the first of `places` that has any: a message may bring the results of tools alone."""
    return next((text for at in places if (text := _text(items[at : at + 1]))), "")


def _text(items: list[_Item]) -> str:
    words = (words_of(bytes(item.content)) for item in items)
    return " ".join(found.text for found in words if found is not None and found.text)[:EXCERPT]


def _calls(item: _Item) -> list[str]:
    if item.type.endswith("_call"):
        return [_signature(item.name, item.arguments)]
    found = [_signature(part.function, _NULL) for part in _inside(item.tool_calls)]
    return found + [_signature(part.name, part.input) for part in _inside(item.content) if part.type == "tool_use"]


def _signature(name: Raw, arguments: Raw) -> str:
    return (bytes(name) + bytes(arguments)).decode("utf-8", "replace")


def _failed(item: _Item) -> bool:
    return bytes(item.is_error) == b"true" or any(bytes(part.is_error) == b"true" for part in _inside(item.content))


def _inside(content: Raw) -> list[_Part]:
    return _parts.decode(content) if memoryview(content)[:1].tobytes() == b"[" else []
