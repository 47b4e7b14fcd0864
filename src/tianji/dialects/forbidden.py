"""Body members that a client may not send unless the operator allows it: addresses, credentials, prices, test faults.

Each would let a client choose where a request goes, as whom, or what it is said to have cost.
"""

from collections.abc import Collection, Mapping

import msgspec

from tianji.errors import AuthenticationFailed, InvalidRequest
from tianji.providers.steps.parameters import ADDRESS_FIELDS, CALLBACK_FIELDS, FEDERATION_FIELDS, is_price

# Never allowed, whatever the settings say.
ALWAYS_REJECTED = FEDERATION_FIELDS | {"model_list"}
# Allowed by `allow_client_side_credentials`, or singly by `configurable_clientside_auth_params`.
REJECTED = ADDRESS_FIELDS | CALLBACK_FIELDS | ALWAYS_REJECTED
# Members whose own members are looked at as well.
NESTED_IN = frozenset({"metadata", "litellm_metadata", "tianji_metadata", "extra_body", "litellm_embedding_config"})
# Their values may not refer to what only the gateway can read.
CREDENTIALS = REJECTED | {"api_key"}
TEST_FAULTS = frozenset(
    {
        "mock_testing_fallbacks",
        "mock_testing_context_fallbacks",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_rate_limit_error",
        "mock_timeout",
        "mock_delay",
    }
)
_REFERENCES = ("os.environ/", "oidc/")


def is_rejected(name: str) -> bool:
    """Tell by its name alone whether a member is refused when nothing allows it."""
    return name in REJECTED or is_price(name)


def check_names(names: Collection[str], *, allowed: Collection[str] = (), any_credentials: bool = False) -> None:
    """Check the names of a body's top level.

    `allowed` are the single names of `configurable_clientside_auth_params`, `any_credentials` is
    `allow_client_side_credentials`. Raises AuthenticationFailed naming the first forbidden one.
    """
    for name in names:
        if name in ALWAYS_REJECTED or (is_rejected(name) and not any_credentials and name not in allowed):
            raise AuthenticationFailed(
                f"Authentication Error, Rejected Request: {name} is not allowed in request body. Remove it, or have "
                "the operator allow it with allow_client_side_credentials or configurable_clientside_auth_params."
            )


def check_body(body: Mapping[str, object], *, allowed: Collection[str] = (), any_credentials: bool = False) -> None:
    """Check a decoded body or the part of it that matters: names, nested names, references in credentials.

    Raises AuthenticationFailed as `check_names` does.
    """
    check_names(body, allowed=allowed, any_credentials=any_credentials)
    _check_references(body)
    for name in NESTED_IN:
        inner = _object(body.get(name))
        if inner is not None:
            check_names(inner, allowed=allowed, any_credentials=any_credentials)
            _check_references(inner)


def check_test_faults(names: Collection[str]) -> None:
    """Refuse members that make the gateway fail on purpose; raises InvalidRequest."""
    found = sorted(TEST_FAULTS.intersection(names))
    if found:
        raise InvalidRequest(
            f"{', '.join(found)} is for tests: remove it, or have the operator set "
            "general_settings.dangerously_allow_mock_testing_request_params",
            param=found[0],
        )


def _object(value: object) -> Mapping[str, object] | None:
    """Return an object, also one that was sent as JSON text, as metadata may be."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


def _check_references(body: Mapping[str, object]) -> None:
    for name in CREDENTIALS.intersection(body):
        value = body[name]
        if isinstance(value, str) and value.startswith(_REFERENCES):
            raise AuthenticationFailed(
                f"Authentication Error, Rejected Request: {name} may not refer to the gateway's environment or "
                "identity. Send the value itself."
            )
