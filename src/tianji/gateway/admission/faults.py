"""Failures that a client asks for to test its fallbacks, where the operator lets it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tianji.errors import InvalidRequest, TianjiError, UpstreamRefused, UpstreamTimeout

_SAID: Final = "the failure that the request asked for"


def _refused(status: int, wire_type: str, code: str | None = None) -> Callable[[], TianjiError]:
    return lambda: UpstreamRefused(status, _SAID, wire_type, code=code, param=None)


_FAULTS: Final[Mapping[str, Callable[[], TianjiError]]] = MappingProxyType(
    {
        "mock_testing_fallbacks": _refused(500, "internal_server_error"),
        "mock_testing_context_fallbacks": _refused(400, "invalid_request_error", "context_length_exceeded"),
        "mock_testing_content_policy_fallbacks": _refused(400, "invalid_request_error", "content_policy_violation"),
        "mock_testing_rate_limit_error": _refused(429, "throttling_error"),
        "mock_timeout": lambda: UpstreamTimeout(_SAID, "total"),
    }
)


def requested_fault(members: Mapping[str, object]) -> Callable[[], TianjiError] | None:
    """Return what makes the error that `members` of a body ask for, None when they ask for none.

    Raises InvalidRequest for `mock_delay`, which would keep a slot for nothing.
    """
    if members.get("mock_delay") is not None:
        raise InvalidRequest("`mock_delay` is not known here; let the upstream be slow instead", param="mock_delay")
    return next((fault for name, fault in _FAULTS.items() if members.get(name) is True), None)
