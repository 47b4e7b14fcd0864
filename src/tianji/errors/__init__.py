"""Every error that a client or an operator can meet, as one tree.

    TianjiError                      500  internal_server_error
    ├── ConfigurationError           -    the program does not start (exit code 2)
    ├── InvalidRequest               400  invalid_request_error
    │   ├── MalformedJSON            400  invalid_request_error, param request_body
    │   ├── TargetTooLong            414  invalid_request_error
    │   ├── ExpectationFailed        417  invalid_request_error
    │   ├── NotImplementedHere       501  invalid_request_error
    │   ├── VersionNotSupported      505  invalid_request_error
    │   ├── UnsupportedParams        400  invalid_request_error
    │   ├── Unacceptable             400  bad_request_error
    │   └── SchemaViolation          422  `detail`: what is wrong with which field
    ├── AuthenticationFailed         401  auth_error
    │   └── KeyExpired               401  expired_key
    ├── PermissionDenied             403  auth_error
    │   ├── RouteRefused             403  `detail`: the key is confined to other routes
    │   └── ModelRefused             403  key_model_access_denied, team_model_access_denied, ...
    ├── ObjectNotFound               404  not_found_error
    ├── Conflict                     409  bad_request_error
    ├── StoreUnavailable             503  no_db_connection
    ├── CacheUnavailable             503  cache_ping_error
    ├── ProviderUnavailable          503  auth_provider_unavailable, the identity provider's keys cannot be had
    ├── UnknownModel                 404  invalid_request_error, code model_not_found
    ├── NoDeployment                 429  no deployment of the model may serve now; `reason` says why, so may the status
    ├── RateLimited                  429  throttling_error, of the caller; `limit_type` says of what
    ├── BudgetExceeded               422  budget_exceeded, or the status of the configuration
    ├── RouteNotFound                404  not_found_error
    ├── MethodNotAllowed             405  invalid_request_error
    ├── RequestTimeout               408  invalid_request_error
    ├── QueueTimeout                 408  timeout_error, no slot became free in time
    ├── PayloadTooLarge              413  invalid_request_error
    ├── InsufficientStorage          507  server_error, the disk has no room for the body
    ├── HeadersTooLarge              431  invalid_request_error
    ├── Overloaded                   503  overloaded_error, with retry-after
    ├── (tianji.guardrails.failures) 400  invalid_request_error, refused by a guardrail; 500 where one could not judge
    ├── ClientGone                   499  client_disconnect
    └── UpstreamFailure              502  upstream_error: the upstream did not answer, or not by the rules
        ├── UpstreamConnectFailed    500  internal_server_error, no connection: nothing was sent
        ├── UpstreamTimeout          408  invalid_request_error, one of the four timeouts; `phase` says which
        ├── UpstreamProtocolError    502  the answer broke HTTP or the dialect
        ├── UpstreamDisconnected     502  it closed before its answer was complete
        │   └── UpstreamSilent       500  internal_server_error, it closed before an answer began
        ├── StreamFailed              502  it said in the middle of a stream that it failed; `payload` says how
        └── UpstreamRefused          as the upstream said: a well-formed error answer

Statuses and types of what goes wrong upstream are those that clients of LiteLLM's proxy have always got.
Each carries what https://platform.openai.com/docs/guides/error-codes/api-errors has; a message says what to do.
"""

from tianji.errors.callers import (
    AuthenticationFailed,
    BudgetExceeded,
    KeyExpired,
    ModelRefused,
    PermissionDenied,
    RateLimited,
    RouteRefused,
)
from tianji.errors.requests import (
    ExpectationFailed,
    HeadersTooLarge,
    InvalidRequest,
    MalformedJSON,
    MethodNotAllowed,
    NotImplementedHere,
    PayloadTooLarge,
    RequestTimeout,
    RouteNotFound,
    SchemaViolation,
    TargetTooLong,
    Unacceptable,
    UnsupportedParams,
    VersionNotSupported,
)
from tianji.errors.root import Header, TianjiError
from tianji.errors.serving import (
    CacheUnavailable,
    ClientGone,
    ConfigurationError,
    Conflict,
    InsufficientStorage,
    NoDeployment,
    ObjectNotFound,
    Overloaded,
    ProviderUnavailable,
    QueueTimeout,
    StoreUnavailable,
    UnknownModel,
)
from tianji.errors.upstream import (
    StreamFailed,
    UpstreamConnectFailed,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamProtocolError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamTimeout,
)

__all__ = [
    "AuthenticationFailed",
    "BudgetExceeded",
    "CacheUnavailable",
    "ClientGone",
    "ConfigurationError",
    "Conflict",
    "ExpectationFailed",
    "Header",
    "HeadersTooLarge",
    "InsufficientStorage",
    "InvalidRequest",
    "KeyExpired",
    "MalformedJSON",
    "MethodNotAllowed",
    "ModelRefused",
    "NoDeployment",
    "NotImplementedHere",
    "ObjectNotFound",
    "Overloaded",
    "PayloadTooLarge",
    "PermissionDenied",
    "ProviderUnavailable",
    "QueueTimeout",
    "RateLimited",
    "RequestTimeout",
    "RouteNotFound",
    "RouteRefused",
    "SchemaViolation",
    "StoreUnavailable",
    "StreamFailed",
    "TargetTooLong",
    "TianjiError",
    "Unacceptable",
    "UnknownModel",
    "UnsupportedParams",
    "UpstreamConnectFailed",
    "UpstreamDisconnected",
    "UpstreamFailure",
    "UpstreamProtocolError",
    "UpstreamRefused",
    "UpstreamSilent",
    "UpstreamTimeout",
    "VersionNotSupported",
]
