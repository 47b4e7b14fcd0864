"""Names and ids as Bedrock takes them, and the way back.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html and
.../API_runtime_ToolUseBlock.html
"""

import hashlib
import re

from tianji.protocol.chat import tool_ids

_MOST = 64  # characters of a name or an id
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_FIRST = re.compile(r"[a-zA-Z]")


class Names:
    """The tools' names of one request."""

    def __init__(self) -> None:
        self._there: dict[str, str] = {}
        self._back: dict[str, str] = {}

    def there(self, name: str) -> str:
        """Return the name that is sent; two names never become one."""
        if name in self._there:
            return self._there[name]
        sent = _NOT_IN_NAME.sub("_", name)
        if not _FIRST.match(sent):
            sent = f"a{sent}"
        sent = _short(sent, name)
        if sent in self._back:
            sent = _marked(sent, name)
        self._there[name] = sent
        self._back[sent] = name
        return sent

    @property
    def kept(self) -> bool:
        """Whether every name was sent as it is."""
        return all(sent == name for name, sent in self._there.items())

    def back(self, sent: str) -> str:
        """Return the client's name of a tool that the model calls."""
        return self._back.get(sent, sent)


def call_id(given: str) -> str:
    """Return the id that is sent for the id of a call: the same one for the call and its result."""
    bare, _ = tool_ids.split(given)
    return _short(_NOT_IN_ID.sub("_", bare) or "call", bare)


def _short(text: str, original: str) -> str:
    return text if len(text) <= _MOST else _marked(text, original)


def _marked(text: str, original: str) -> str:
    mark = hashlib.sha256(original.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{text[: _MOST - 13]}_{mark}"
