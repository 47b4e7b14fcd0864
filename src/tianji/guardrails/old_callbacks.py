"""Guardrails that a configuration names among its callbacks, as LiteLLM's older ones are."""

from typing import Final

from tianji.config.schema import Config

INJECTION: Final = "detect_prompt_injection"
BANNED: Final = "banned_keywords"
TYPES: Final = {
    INJECTION: "prompt_injection",
    "lakera_prompt_injection": "lakera",
    "aporia_prompt_injection": "aporia",
    "hide_secrets": "hide-secrets",
    "openai_moderations": "openai_moderation",
    BANNED: "litellm_content_filter",
}


def named_in_callbacks(config: Config) -> tuple[str, ...]:
    """Return the callbacks of a configuration that are guardrails: for all requests."""
    callbacks = config.litellm_settings.callbacks
    return () if isinstance(callbacks, str) else tuple(one for one in callbacks if one in TYPES)
