"""Callback names, and dotted paths to code beside the configuration."""

import importlib.util
import re
from collections.abc import Iterator
from typing import Final

from tianji.config.audit import keeps_audit_log
from tianji.config.checks.subject import Subject, Where
from tianji.config.decode import nearest
from tianji.lazy import load

NAMES: Final = frozenset(
    [
        "anthropic_cache_control_hook",
        "bitbucket",
        "cloudzero",
        "compression_interception",
        "dotprompt",
        "dynamic_rate_limiter",
        "dynamic_rate_limiter_v3",
        "focus",
        "gitlab",
        "humanloop",
        "litellm_agent",
        "mavvrik",
        "pagerduty",
        "prometheus",
        "resend_email",
        "sendgrid_email",
        "smtp_email",
        "ternary",
        "vantage",
        "vector_store_pre_call_hook",
        "presidio",
        "llamaguard_moderations",
        "hide_secrets",
        "openai_moderations",
        "google_text_moderation",
        "llmguard_moderations",
        "blocked_user_check",
        "banned_keywords",
        "lakera_prompt_injection",
        "aporia_prompt_injection",
        "detect_prompt_injection",
        "batch_redis_requests",
        "azure_content_safety",
        "websearch_interception",
        "code_interpreter_interception",
        "slack",
    ]
)
BUCKETS: Final = ("s3://", "gcs://")
_HOOKS: Final = [
    "custom_auth",
    "custom_key_generate",
    "custom_key_update",
    "custom_key_policy",
    "custom_sso",
    "custom_ui_sso_sign_in_handler",
    "custom_team_metadata_validate",
]
_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def check(subject: Subject) -> None:
    """Check that every callback is known and that every dotted path leads to a file or an installed module."""
    callbacks = subject.config.litellm_settings.callbacks
    here = ("litellm_settings", "callbacks")
    if isinstance(callbacks, str):
        if "." in callbacks:
            _code(subject, here, callbacks)
        else:
            subject.error(here, "must be a list, not text", f"write `callbacks: [{callbacks}]`")
        callbacks = ()
    told = load("tianji.callbacks.vendors").known()
    known = NAMES | told | _own(subject)
    for index, name in enumerate(callbacks):
        path = (*here, index)
        if not isinstance(name, str):
            subject.error(path, "must be the name of a callback", "write one word")
        elif "." in name:
            _code(subject, path, name)
        elif name not in known:
            subject.error(path, f"{name!r} is not a known callback", nearest(name, known))
    _audit(subject)
    vendors = load("tianji.callbacks.vendors")
    _named(subject, "batch_line_item_callbacks", vendors.LINED, "takes no lines of batches")
    for hook, dotted in _paths(subject):
        _code(subject, hook, dotted)


def _own(subject: Subject) -> set[str]:
    """Return the names that `callback_settings` gives to destinations of its own."""
    return {name for name, params in subject.config.callback_settings.items() if params.get("callback_type")}


def _audit(subject: Subject) -> None:
    """Check that whoever is to be told of the audit log can be, and that there is one."""
    settings = subject.config.litellm_settings
    vendors = load("tianji.callbacks.vendors")
    known = vendors.AUDITED | vendors.NAMED.keys() | _own(subject)
    _named(subject, "audit_log_callbacks", known, "takes no entries of the audit log")
    if settings.audit_log_callbacks and not keeps_audit_log(subject.config, subject.environ):
        subject.warning(
            ("litellm_settings", "audit_log_callbacks"),
            "nobody is told anything, since the audit log is not kept",
            "set litellm_settings.store_audit_logs to true",
        )


def _named(subject: Subject, key: str, known: frozenset[str] | set[str], lack: str) -> None:
    """Check that a list of `litellm_settings` names code, or destinations by one of their names."""
    aliases = load("tianji.callbacks.vendors").ALIASES
    names = known | {name for name, meant in aliases.items() if meant in known}
    for index, name in enumerate(getattr(subject.config.litellm_settings, key)):
        path = ("litellm_settings", key, index)
        if "." in name:
            _code(subject, path, name)
        elif name not in names:
            subject.warning(path, f"{name!r} {lack}", nearest(name, names))


def _paths(subject: Subject) -> Iterator[tuple[Where, str]]:
    general, settings = subject.config.general_settings, subject.config.litellm_settings
    for hook in _HOOKS:
        value = getattr(general, hook)
        if value is not None:
            yield ("general_settings", hook), value
    if general.litellm_jwtauth.custom_validate is not None:
        yield ("general_settings", "litellm_jwtauth", "custom_validate"), general.litellm_jwtauth.custom_validate
    for index, row in enumerate(settings.custom_provider_map):
        value = row.get("custom_handler")
        if isinstance(value, str):
            yield ("litellm_settings", "custom_provider_map", index, "custom_handler"), value


def _code(subject: Subject, path: Where, dotted: str) -> None:
    """Look for the module without importing anything: beside the configuration first, then among what is installed."""
    if dotted.startswith(BUCKETS):
        return
    if not _DOTTED.fullmatch(dotted):
        subject.error(path, "is not a dotted path to code", "write `module.name`")
        return
    *module, _ = dotted.split(".")
    beside = subject.directory.joinpath(*module)
    if beside.with_suffix(".py").is_file() or (beside / "__init__.py").is_file():
        return
    if importlib.util.find_spec(module[0]) is None:
        file = "/".join(module) + ".py"
        subject.error(path, f"the module {'.'.join(module)} does not exist", f"put {file} beside the configuration")
