"""The rule of the master key: no start with a missing, short or published one, except on loopback and on purpose."""

from collections.abc import Mapping
from typing import Final

from tianji.config.environment import is_true, lookup
from tianji.config.problems import Problem

OVERRIDE: Final = "DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"
MINIMUM_LENGTH: Final = 16
_MINIMUM_DISTINCT: Final = 5
_PUBLISHED: Final = frozenset(
    # keys that stand in documentation and examples; those below the minimum length are refused anyway
    [
        "sk-1234",
        "sk-12345",
        "sk-123456",
        "sk-12345678",
        "sk-1234567890",
        "sk-1234567890abcdef",
        "sk-1234567890123456",
        "sk-123456789012345",
        "sk-0123456789abcdef",
        "sk-abcdef1234567890",
        "sk-1234567890abcdefghij",
        "sk-litellm-master-key",
        "sk-litellm-master-key-1234",
        "sk-tianji-master-key",
        "sk-master-key-1234",
        "sk-your-master-key",
        "sk-your-master-key-here",
        "sk-your-secret-key-here",
        "sk-your-litellm-master-key",
        "sk-change-me-please",
        "sk-changeme-changeme",
        "sk-replace-with-your-key",
        "sk-my-master-key-1234",
        "your-master-key-here",
        "your-secure-master-key",
        "your-litellm-master-key",
        "change-me-in-production",
        "my-super-secret-key",
        "my-secret-master-key",
    ]
)


def weakness(master_key: str | None) -> str | None:
    """Say what is wrong with a master key, or None when it is good enough. The text never holds the key."""
    key = (master_key or "").strip()
    if not key:
        return "no master key is set"
    if key.lower() in _PUBLISHED:
        return "the master key is one that is published in examples, so anybody can guess it"
    if len(key) < MINIMUM_LENGTH:
        return f"the master key is shorter than {MINIMUM_LENGTH} characters"
    if len(set(key.removeprefix("sk-"))) < _MINIMUM_DISTINCT:
        return f"the master key has fewer than {_MINIMUM_DISTINCT} different characters"
    return None


def check(
    master_key: str | None, environ: Mapping[str, str], *, loopback: bool, permitted: bool = False
) -> Problem | None:
    """Judge the key that the gateway would start with.

    None: start. A warning: start, and say it loudly. An error: do not start. `loopback` says whether every listener
    is reachable from this machine only; `permitted` is `dangerously_permit_weak_or_unset_master_key` of the file.
    The override counts on loopback alone: elsewhere a weak key is an open door.
    """
    fault = weakness(master_key)
    if fault is None:
        return None
    waived = permitted or is_true(lookup(environ, OVERRIDE))
    remedy = (
        "set general_settings.master_key or TIANJI_MASTER_KEY to a secret of your own: "
        "python3 -c 'import secrets; print(\"sk-\" + secrets.token_urlsafe(32))'"
    )
    if waived and loopback:
        message = f"{fault}; started all the same, because the override is set and only this machine can connect"
        return Problem(severity="warning", key="general_settings.master_key", message=message, remedy=remedy)
    if waived:
        fault += "; the override counts only on a loopback address"
        remedy += ", or listen on 127.0.0.1"
    return Problem(severity="error", key="general_settings.master_key", message=fault, remedy=remedy)
