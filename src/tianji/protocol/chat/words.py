"""What messages say in words alone, for upstreams that read nothing else."""

from collections.abc import Iterable

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Message, Part

_TEXT = frozenset({"text", "input_text", "output_text", "refusal"})
_SILENT = frozenset({"thinking", "redacted_thinking"})


def words_of(content: str | list[Part] | None, provider: str) -> str:
    """Return the text of a message. Raises InvalidRequest for a part that is none, which the provider does not take."""
    if content is None or isinstance(content, str):
        return content or ""
    other = next((part.type for part in content if part.type not in _TEXT | _SILENT), None)
    if other is not None:
        raise InvalidRequest(
            f"A message holds a part of type {other!r}, which {provider} does not take: send text.", param="messages"
        )
    return "".join(part.text or part.refusal or "" for part in content if part.type in _TEXT)


def prompt_of(messages: Iterable[Message], provider: str) -> str:
    """Return a conversation as one text, for models that go on with a text: its messages, each a paragraph."""
    return "\n\n".join(filter(None, (words_of(message.content, provider) for message in messages)))
