"""Edits of a request's body that are rare enough to decode its top level."""

from collections.abc import Mapping
from typing import Final

import msgspec

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def with_members(body: bytes, members: Mapping[str, object]) -> bytes:
    """Return `body`, a JSON object, with `members` in the place of its own or behind them; the rest stays as it is."""
    found: dict[str, object] = dict(_MEMBERS.decode(body))
    found.update(members)
    return msgspec.json.encode(found)
