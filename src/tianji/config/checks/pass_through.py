"""`general_settings.pass_through_endpoints`: that each leads somewhere, and no two of them are the same."""

import re
from typing import Final
from urllib.parse import urlsplit

from tianji.config.checks.subject import Subject, Where
from tianji.config.schema.general import PassThroughEndpoint

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_PATH: Final = re.compile(r"[A-Za-z0-9/._~!$&'()+,;=:@-]+")
_ENDPOINTS: Final = ("general_settings", "pass_through_endpoints")


def check(subject: Subject) -> None:
    """Check each endpoint by itself, and beside the others."""
    seen: dict[tuple[str, str], int] = {}
    for index, endpoint in enumerate(subject.config.general_settings.pass_through_endpoints):
        entry = (*_ENDPOINTS, index)
        _target(subject, entry, endpoint)
        if not is_path(endpoint.path):
            remedy = "write the path as it is; what lies below it is led, too, unless include_subpath is false"
            subject.error((*entry, "path"), "holds a character that means nothing in a path", remedy)
        if isinstance(subject.written(*entry, "auth"), str):
            remedy = "remove the quotes; only the boolean false makes a path public"
            subject.warning((*entry, "auth"), "is text, so a gateway key is needed", remedy)
        for name in ("cost_per_request", "timeout"):
            if (getattr(endpoint, name) or 0) < 0:
                subject.error((*entry, name), "must not be below 0", "write a number from 0 on, or remove it")
        methods = [method.upper() for method in endpoint.methods]
        if not METHODS.issuperset(methods):
            subject.error((*entry, "methods"), "names a method that is not served", f"use {', '.join(sorted(METHODS))}")
        for method in methods:
            other = seen.setdefault((method, endpoint.path.strip("/")), index)
            if other != index:
                where = subject.place(*_ENDPOINTS, other)
                remedy = f"give one of them another path or other methods; the other stands at {where}"
                subject.error((*entry, "path"), f"is led elsewhere already, for {method}", remedy)


def is_path(text: str) -> bool:
    """Whether a text is a path that means itself (RFC 3986 section 3.3), not encoded."""
    return _PATH.fullmatch(text) is not None


def fault_of(target: str) -> str | None:
    """Say why nothing can be called at a target; None where that is possible."""
    try:
        parts = urlsplit(target)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https", "ws", "wss") or not host:
        return "is no http://, https://, ws:// or wss:// address"
    if "@" in parts.netloc or parts.fragment or "\\" in target or not all("!" <= char <= "~" for char in target):
        return "holds credentials, a fragment, or characters that an address may not"
    return None


def _target(subject: Subject, entry: Where, endpoint: PassThroughEndpoint) -> None:
    if endpoint.target is None:
        subject.warning(entry, "has no target, so there is no route", "add `target: https://...`")
        return
    fault = fault_of(endpoint.target)
    if fault is not None and "://" in endpoint.target:
        remedy = "write https://host/path; credentials belong into headers"
        subject.error((*entry, "target"), fault, remedy)
    elif fault is not None:
        remedy = "write https://host/path; adapters in Python are not served"
        subject.warning((*entry, "target"), f"{fault}, so there is no route", remedy)
