"""What a guardrail is to judge of a stream now."""

from collections.abc import Iterable

from msgspec import Struct

from tianji.guardrails.content import Content, Direction, Kind, Text, ToolCall
from tianji.guardrails.slots.arguments import leaves_in
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.channels import Channel


class Part(Struct, frozen=True, eq=False):
    """A text of a question: `text` of a channel from `start` on, or a leaf of a call's arguments at `inner`.

    final: nothing follows it
    """

    channel: Channel
    text: str
    start: int = 0
    final: bool = True
    inner: Path | None = None


class Question(Struct, frozen=True, eq=False):
    """What a guardrail is to judge now."""

    content: Content
    parts: tuple[Part, ...]
    calls: tuple[Channel, ...]


def ask(channels: Iterable[Channel], reach: int | None, asked: tuple[Text, ...], whole: bool) -> Question:
    """Return the question about what was said so far; with a `reach`, about what is new and so much before it.

    Calls are asked about when their arguments are whole.
    """
    texts: list[Text] = []
    parts: list[Part] = []
    calls: list[Channel] = []
    for channel in channels:
        if reach is not None and channel.judged:
            continue
        if channel.call:
            if channel.closed:
                calls.append(channel)
        elif channel.length:
            start, text = (0, channel.text()) if reach is None else channel.window(reach)
            texts.append(Text(text, "assistant", message=channel.message))
            parts.append(Part(channel, text, start, channel.closed))
    for channel in calls:
        for leaf in leaves_in(channel.text()):
            fixed = leaf.inner is None
            texts.append(Text(leaf.text, "assistant", Kind.TOOL_ARGUMENTS, channel.message, fixed))
            parts.append(Part(channel, leaf.text, inner=leaf.inner))
    content = Content(Direction.RESPONSE, tuple(texts), calls=tuple(map(made, calls)), asked=asked, whole=whole)
    return Question(content, tuple(parts), tuple(calls))


def made(channel: Channel) -> ToolCall:
    """Return the call whose arguments a channel holds."""
    return ToolCall(channel.name, channel.text(), channel.id, channel.message, channel.kinds)
