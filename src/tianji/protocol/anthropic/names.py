"""Names of tools: Anthropic takes letters, digits, - and _, 128 at most; the client gets its own back."""

import re
from typing import Final

_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")
_AT_MOST: Final = 128


class ToolNames:
    """The names of one request."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}
        self.customs: set[str] = set()
        """Names, as they were sent, of tools that take a text and not an object."""

    @property
    def kept(self) -> bool:
        """Whether answers name all tools as the client does."""
        return not self._own and not self.customs

    def sent(self, name: str) -> str:
        """Return the name that Anthropic gets."""
        sent = _UNFIT.sub("_", name)[:_AT_MOST]
        if sent != name:
            self._own[sent] = name
        return sent

    def own(self, sent: str) -> str:
        """Return the name that the client knows."""
        return self._own.get(sent, sent)
