"""How much of a provider's limits is used, as Anthropic's answers say it.

https://docs.anthropic.com/en/api/rate-limits#response-headers. Subscriptions have limits of several hours, of which
answers say what share is used, and whether one was met.
"""

from collections.abc import Iterable
from typing import Final

from tianji.protocol.headers import Header

WHOLE: Final = 1000
UNSAID: Final = -1
_BEGIN: Final = b"anthropic-ratelimit-"
_UNIFIED: Final = b"unified-"
_UTILIZATION: Final = b"-utilization"
_STATUS: Final = b"unified-status"
_MET: Final = frozenset({b"rate_limited", b"rejected"})
_TOKENS: Final = (b"input-tokens", b"output-tokens")


def used(headers: Iterable[Header]) -> int:
    """Return thousandths of that limit which has the least left, from 0 to WHOLE; UNSAID where none is told."""
    said = {name[len(_BEGIN) :]: value for name, value in headers if name.startswith(_BEGIN)}
    if not said:
        return UNSAID
    found = [WHOLE] if said.get(_STATUS) in _MET else []
    for name, value in said.items():
        if name.startswith(_UNIFIED) and name.endswith(_UTILIZATION):
            found.append(_share(_number(value), 1))
    for kind in _TOKENS:
        limit, left = _number(said.get(kind + b"-limit")), _number(said.get(kind + b"-remaining"))
        if limit is not None and left is not None:
            found.append(_share(limit - left, limit))
    return max(found, default=UNSAID)


def _share(part: float | None, whole: float) -> int:
    if part is None or whole <= 0:
        return UNSAID
    return max(0, min(WHOLE, round(WHOLE * part / whole)))


def _number(text: bytes | None) -> float | None:
    try:
        found = float(text) if text and len(text) < 32 else None
    except ValueError:
        return None
    return found if found is not None and 0 <= found < 1e15 else None
