"""Why a message ended, in the hub's words (https://docs.anthropic.com/en/api/handling-stop-reasons)."""

from collections.abc import Mapping
from typing import Final

_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: str | None, *, json_mode: bool) -> str:
    """Return the hub's reason; in `json_mode` the call that holds the answer is no call for the client."""
    found = _REASONS.get(stop_reason or "", "stop")
    return "stop" if json_mode and found == "tool_calls" else found
