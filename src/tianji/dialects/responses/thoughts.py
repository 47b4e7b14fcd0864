"""Reasoning that must come back unchanged, in the one member of a reasoning item that clients hand back unread.

OpenAI's own models put ciphertext there (https://platform.openai.com/docs/guides/reasoning, "Encrypted reasoning
items"); for others it holds the signed blocks of
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, which tell nothing that the answer did not.
"""

import binascii
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from tianji.protocol.chat.request import ThinkingBlock

_MARK: Final = "thoughts_"
_decode: Final = msgspec.json.Decoder(list[ThinkingBlock]).decode


def sealed(blocks: list[ThinkingBlock]) -> str | None:
    """Return what `encrypted_content` holds, None where nothing has to come back."""
    kept = [block for block in blocks if block.signature or block.data]
    return _MARK + b64encode(msgspec.json.encode(kept)).decode() if kept else None


def opened(content: str | None) -> list[ThinkingBlock]:
    """Return the blocks; none of them for what another wrote, which nobody here can read."""
    if content is None or not content.startswith(_MARK):
        return []
    try:
        return _decode(b64decode(content[len(_MARK) :], validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return []
