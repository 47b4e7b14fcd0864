"""Limits that give way: rates that hold only while a model is in trouble, budgets that slow down instead of ending.

Both are LiteLLM's, written in the metadata of a key or a team: `rpm_limit_type` and `tpm_limit_type: dynamic`, and
`throttle_on_budget_exceeded` with `litellm_settings.budget_exceeded_throttle_percentage`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tianji._core.routing.health import Health
from tianji.auth.limits import DYNAMIC, Limits

COUNTED_ONLY: Final = 1 << 38  # a rate that so many may have counts what is used, and holds nobody
NO_END: Final = 1 << 62  # the same of a budget, nano-dollars
LOOKED_AGAIN: Final = 1.0  # seconds for which a model is believed to be in trouble or not

Troubled = Callable[[str], bool]


def eased(limit: int | None, kind: str | None, model: str, troubled: Troubled) -> int | None:
    """Return the limit that holds now for one of this kind. One of 0 denies, whatever its kind."""
    return COUNTED_ONLY if limit and kind == DYNAMIC and not troubled(model) else limit


def throttled(limits: Limits, share: float) -> Limits | None:
    """Return what holds for a key whose budget is used up: this share of its rates, at least 1.

    What it spends counts on. None for a key without a rate, which nothing would slow down.
    """
    if limits.rpm_limit is None and limits.tpm_limit is None:
        return None
    requests, tokens = (figure and max(1, int(figure * share)) for figure in (limits.rpm_limit, limits.tpm_limit))
    return msgspec.structs.replace(
        limits, max_budget=NO_END, raised_by=0, rpm_limit=requests, tpm_limit=tokens,
        rpm_limit_type=None, tpm_limit_type=None,
    )  # fmt: skip


class Troubles:
    """Tells which model groups fail: more than `threshold` times in the minute, all their deployments together."""

    def __init__(self, members: Mapping[str, Sequence[Health]], threshold: int, monotonic: Callable[[], float]) -> None:
        self._members = members
        self._threshold = threshold
        self._monotonic = monotonic

    def __call__(self, model: str) -> bool:
        """Whether a model group is in trouble."""
        now = self._monotonic()
        return sum(health.outcomes(now)[1] for health in self._members.get(model, ())) > self._threshold
