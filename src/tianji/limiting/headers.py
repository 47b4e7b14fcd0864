"""What answers say of limits: how much there is, how much is left, when all of it is there again."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from tianji._core.limiter import KIND_NAMES, LimitSet
from tianji.errors import Header
from tianji.limiting.holding import Held
from tianji.limiting.rules import COUNTED, Rules

_REQUESTS: Final = KIND_NAMES.index("requests")
_PARALLEL: Final = KIND_NAMES.index("parallel")
_TOKENS: Final = {counted: KIND_NAMES.index(kind) for counted, kind in COUNTED.items()}
# The names that clients of LiteLLM's proxy know; those of a model's limits end in what they are of.
_PUBLIC: Final[Mapping[str, str]] = {"key": "api_key", "customer": "end_user"}


def public_name(held: Held) -> str:
    """Return what this kind of limit is called in headers and messages."""
    if held.part == "model":
        return f"model_per_{held.kind}"
    return _PUBLIC.get(held.kind, held.kind)


def quota(limits: LimitSet, rules: Rules, now: float) -> tuple[Header, ...]:
    """Return `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, of the limit that has the least left.

    `reset`: when all of it is there again, in whole seconds, as in `62s`. Nothing for what is not limited.
    """
    requests, tokens = limits.tightest(_REQUESTS, now), limits.tightest(_TOKENS[rules.counted], now)
    found: tuple[Header, ...] = ()
    if requests is not None:
        found = (
            (b"x-ratelimit-limit-requests", b"%d" % requests[0]),
            (b"x-ratelimit-remaining-requests", b"%d" % requests[1]),
            (b"x-ratelimit-reset-requests", b"%ds" % math.ceil(requests[2])),
        )
    if tokens is not None:
        found += (
            (b"x-ratelimit-limit-tokens", b"%d" % tokens[0]),
            (b"x-ratelimit-remaining-tokens", b"%d" % tokens[1]),
            (b"x-ratelimit-reset-tokens", b"%ds" % math.ceil(tokens[2])),
        )
    return found


def quota_by_scope(held: Iterable[Held], rules: Rules, now: float) -> tuple[Header, ...]:
    """Return `x-ratelimit-<scope>-{limit,remaining}-<kind>` for every limit, as LiteLLM's proxy does."""
    kinds = ((b"requests", _REQUESTS), (b"tokens", _TOKENS[rules.counted]), (b"max_parallel_requests", _PARALLEL))
    found: list[Header] = []
    for one in held:
        scope = public_name(one).encode()
        for word, kind in kinds:
            if one.limit.ceiling(kind) is not None:
                left, ceiling = _left(one, kind, now)
                found.append((b"x-ratelimit-" + scope + b"-limit-" + word, b"%d" % ceiling))
                found.append((b"x-ratelimit-" + scope + b"-remaining-" + word, b"%d" % left))
    return tuple(found)


def _left(held: Held, kind: int, now: float) -> tuple[int, int]:
    ceiling = held.limit.ceiling(kind) or 0
    return max(0, ceiling - held.limit.used(kind, now)), ceiling
