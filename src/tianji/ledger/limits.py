"""Whose limit a request has failed on, and what it limits, in the words of LiteLLM's payload and labels."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BUDGET: Final = "BudgetExceeded"  # the class of errors of who has nothing left
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requests": "requests",
        "tokens": "tokens",
        "input_tokens": "tokens",
        "output_tokens": "tokens",
        "max_parallel_requests": "concurrent_requests",
    }
)
"""What this gateway's limits are of, and what that is called."""


def category(code: str | None, error: str | None, deployment: str) -> str | None:
    """Return whose limit it was; None for another failure. error: its class; deployment: that failed, else empty."""
    if error == BUDGET:
        return "litellm_rate_limit"
    if code != "429":
        return None
    return "vendor_rate_limit" if deployment else "litellm_rate_limit"


def kind(error: str | None, limited: str | None) -> str | None:
    """Return what is limited; None where nobody says it. limited: as an entry says it."""
    return "budget" if error == BUDGET else _TYPES.get(limited or "")
