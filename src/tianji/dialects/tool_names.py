"""Names of tools that are longer than models may be told, shortened on the way there and restored on the way back."""

import hashlib
from typing import Final

_AT_MOST: Final = 64  # characters; https://platform.openai.com/docs/api-reference/chat/create, and Gemini's limit too
_KEPT: Final = 55


class ToolNames:
    """The names of one request. A name always gets the same short one, so that a cached prompt stays the same."""

    def __init__(self) -> None:
        self._originals: dict[str, str] = {}

    @property
    def kept(self) -> bool:
        """Whether all names are told as they are."""
        return not self._originals

    def short(self, name: str) -> str:
        """Return what the upstream is told."""
        if len(name) <= _AT_MOST:
            return name
        short = f"{name[:_KEPT]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        self._originals[short] = name
        return short

    def original(self, short: str) -> str:
        """Return what the client knows it as."""
        return self._originals.get(short, short)
