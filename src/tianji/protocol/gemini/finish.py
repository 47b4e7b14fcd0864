"""Why an answer ended, in Google's words and in OpenAI's.

https://ai.google.dev/api/generate-content#FinishReason
"""

from collections.abc import Mapping

_FILTERED = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "NO_IMAGE",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "ESCALATION",
    "MODEL_ARMOR",
)
_CUT: Mapping[str, str] = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
}
_PLAIN = frozenset({"STOP", "MAX_TOKENS"})
_TO_GOOGLE: Mapping[str, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


def finish_reason(said: str, *, called: bool) -> str:
    """Return OpenAI's reason; `called`: the answer holds a call of a tool."""
    return _CUT.get(said) or ("tool_calls" if called else "stop")


def worth_keeping(said: str) -> bool:
    """Tell whether Google's own word says more than OpenAI's."""
    return said not in _PLAIN


def google_reason(reason: str | None) -> str:
    """Return Google's reason; a call of a tool is an ordinary stop there."""
    return _TO_GOOGLE.get(reason or "", "STOP")
