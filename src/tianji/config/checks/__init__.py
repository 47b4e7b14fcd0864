"""Checks: what types alone cannot say about a configuration; each finding names its key and its remedy."""

from tianji.config.checks import (
    alerts,
    auto_router,
    cache,
    callbacks,
    callers,
    fallbacks,
    general,
    guardrails,
    packages,
    pass_through,
    router,
    secrets,
    servers,
    settings,
)
from tianji.config.checks.subject import Subject

__all__ = ["Subject", "check"]


def check(subject: Subject) -> None:
    """Run every check, so that all faults are known at once."""
    router.check(subject)
    fallbacks.check(subject)
    auto_router.check(subject)
    settings.check(subject)
    cache.check(subject)
    callbacks.check(subject)
    general.check(subject)
    callers.check(subject)
    alerts.check(subject)
    pass_through.check(subject)
    guardrails.check(subject)
    secrets.check(subject)
    servers.check(subject)
    packages.check(subject)
