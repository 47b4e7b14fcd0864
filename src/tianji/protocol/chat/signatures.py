"""Whose signature a thought has: each upstream refuses what another one signed.

Claude's are base64; what the Responses API seals goes by the id of its item, which is told apart by its beginning.
"""

from typing import Final

OPENAI: Final = "openai:"


def is_claudes(signature: str | None) -> bool:
    """Tell whether a signature may be one of Claude's."""
    return bool(signature) and not (signature or "").startswith(OPENAI)
