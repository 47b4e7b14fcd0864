"""Ids of tool calls, which also carry what must come back with a call and has no place in a client's form.

Gemini signs its calls and refuses a conversation in which a signature is missing
(https://ai.google.dev/gemini-api/docs/thought-signatures); clients of other dialects keep nothing but the id.
"""

import re
from typing import Any, Final

_MARK: Final = "__thought__"
_FIELD: Final = "thought_signature"
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")  # what Anthropic takes in an id
_OUT = str.maketrans("+/=", "-_.")


def packed(call_id: str, fields: dict[str, Any] | None) -> str:
    """Return the id that a client gets: with the signature that stands in a call's `provider_specific_fields`."""
    clean = _UNFIT.sub("_", call_id)
    signature = (fields or {}).get(_FIELD)
    if not isinstance(signature, str) or not signature:
        return clean
    return clean + _MARK + signature.translate(_OUT).rstrip(".")


def unpacked(call_id: str) -> tuple[str, dict[str, Any] | None]:
    """Return the id that the upstream knows, and the `provider_specific_fields` of the call."""
    plain, mark, signature = call_id.partition(_MARK)
    if not mark:
        return call_id, None
    padding = "=" * (-len(signature) % 4)
    return plain, {_FIELD: signature.replace("-", "+").replace("_", "/") + padding}
