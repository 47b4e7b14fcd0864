"""What files written for LiteLLM import: its names, and fastapi's HTTPException and Request, without either package.

A process that imported LiteLLM would take seconds to start and hundreds of megabytes; what a guardrail or a hook uses
of it is a base class, a few types to annotate and to ask for, and a logger.
"""

import contextlib
import hashlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from tianji.hooks.exceptions import ERRORS
from tianji.hooks.logger import CustomBatchLogger, CustomLogger, CustomPromptManagement
from tianji.hooks.requests import Request

_PACKAGES: Final = frozenset({"litellm", "fastapi", "fastapi_sso", "starlette"})


class Node(dict[str, Any]):
    """A JSON object whose members are attributes, too; those that it lacks are None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Return itself, as models of pydantic would."""
        return dict(self)

    def model_dump_json(self, **_: Any) -> str:
        """Return it as JSON, likewise."""
        return json.dumps(self)


class ModelResponse(Node):
    """An answer."""


class Choices(Node):
    """A choice of an answer."""


class Message(Node):
    """What a choice says."""


class ModelResponseStream(Node):
    """A piece of an answer that is streamed."""


class StreamingChoices(Node):
    """A choice of a piece."""


class Delta(Node):
    """What a choice of a piece adds."""


class UserAPIKeyAuth(Node):
    """Whose request it is."""


class GenerateKeyRequest(Node):
    """Which key is asked for. Older code calls `json` and `dict`, which both give the members."""

    json = dict = Node.model_dump


class LitellmUserRoles(StrEnum):
    """What users may be."""

    PROXY_ADMIN = "proxy_admin"
    PROXY_ADMIN_VIEW_ONLY = "proxy_admin_viewer"
    ORG_ADMIN = "org_admin"
    INTERNAL_USER = "internal_user"
    INTERNAL_USER_VIEW_ONLY = "internal_user_viewer"
    TEAM = "team"
    CUSTOMER = "customer"


class ProxyErrorTypes(StrEnum):
    """What refusals are of."""

    BUDGET_EXCEEDED = budget_exceeded = "budget_exceeded"
    KEY_MODEL_ACCESS_DENIED = key_model_access_denied = "key_model_access_denied"
    TEAM_MODEL_ACCESS_DENIED = team_model_access_denied = "team_model_access_denied"
    EXPIRED_KEY = expired_key = "expired_key"
    AUTH_ERROR = auth_error = "auth_error"
    INTERNAL_SERVER_ERROR = internal_server_error = "internal_server_error"
    BAD_REQUEST_ERROR = bad_request_error = "bad_request_error"
    NOT_FOUND_ERROR = not_found_error = "not_found_error"
    VALIDATION_ERROR = validation_error = "bad_request_error"
    NO_DB_CONNECTION = no_db_connection = "no_db_connection"
    TOKEN_NOT_FOUND_IN_DB = token_not_found_in_db = "token_not_found_in_db"  # noqa: S105 - not a password


class HTTPException(Exception):  # noqa: N818 - the name that files import
    """A refusal with a status."""

    def __init__(self, status_code: int = 400, detail: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(detail))
        self.status_code = status_code
        self.detail = detail
        self.headers = headers


class ProxyException(Exception):  # noqa: N818 - the name that files import
    """A refusal as clients of OpenAI know them. `code`: the status."""

    def __init__(
        self,
        message: object = "",
        type: str | None = None,  # noqa: A002 - the name that files write
        param: str | None = None,
        code: int | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> None:
        super().__init__(str(message))
        self.message = str(message)
        self.type = type
        self.param = param
        self.code = code
        self.headers = headers


class GuardrailRaisedException(Exception):  # noqa: N818 - the name that files import
    """A refusal."""

    def __init__(self, guardrail_name: str | None = None, message: str = "", **_: Any) -> None:
        super().__init__(message)
        self.guardrail_name = guardrail_name
        self.message = message


class CustomGuardrail:
    """The base class of guardrails."""

    def __init__(
        self, guardrail_name: str | None = None, event_hook: object = None, default_on: bool = False, **kwargs: Any
    ) -> None:
        self.guardrail_name = guardrail_name
        self.event_hook = event_hook
        self.default_on = default_on
        self.optional_params = kwargs

    def should_run_guardrail(self, data: Any, event_type: Any) -> bool:
        """Say yes: whether it runs was decided before."""
        del data, event_type
        return True

    def get_guardrail_dynamic_request_body_params(self, request_data: Any) -> dict[str, Any]:
        """Return what the request gave for this guardrail."""
        return dict(request_data.get("guardrail_extra_body") or {})


class DualCache:
    """A cache, which lasts as long as the process."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._kept: dict[str, Any] = {}

    async def async_get_cache(self, key: str, **_: Any) -> Any:
        """Return what is kept there."""
        return self._kept.get(key)

    async def async_set_cache(self, key: str, value: Any, **_: Any) -> None:
        """Keep something."""
        self._kept[key] = value


NAMES: Final[Mapping[str, Any]] = {
    **ERRORS,
    "CustomPromptManagement": CustomPromptManagement,
    "CustomGuardrail": CustomGuardrail,
    "CustomLogger": CustomLogger,
    "CustomBatchLogger": CustomBatchLogger,
    "DualCache": DualCache,
    "UserAPIKeyAuth": UserAPIKeyAuth,
    "GenerateKeyRequest": GenerateKeyRequest,
    "UpdateKeyRequest": GenerateKeyRequest,
    "LitellmUserRoles": LitellmUserRoles,
    "ModelResponse": ModelResponse,
    "Choices": Choices,
    "Message": Message,
    "ModelResponseStream": ModelResponseStream,
    "StreamingChoices": StreamingChoices,
    "Delta": Delta,
    "HTTPException": HTTPException,
    "ProxyErrorTypes": ProxyErrorTypes,
    "ProxyException": ProxyException,
    "Request": Request,
    "hash_token": lambda token: hashlib.sha256(token.encode()).hexdigest(),
    "GuardrailRaisedException": GuardrailRaisedException,
    "verbose_proxy_logger": logging.getLogger("custom_guardrail"),
    "verbose_logger": logging.getLogger("custom_guardrail"),
    "log_guardrail_information": lambda function: function,
}


class _Names(ModuleType):
    """A module of LiteLLM: names that mean something, and for all others an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = NAMES.get(name) or type(name, (Node,), {})
        setattr(self, name, found)
        return found


class _Finder(MetaPathFinder, Loader):
    """Has every module of those packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return ModuleSpec(fullname, self, is_package=True) if fullname.partition(".")[0] in _PACKAGES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Names(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is."""


_PARTS: Final[Mapping[str, type[Node]]] = {"choices": Choices, "message": Message}
_STREAMED: Final[Mapping[str, type[Node]]] = {"choices": StreamingChoices, "delta": Delta}


def answer(value: Any) -> Any:
    """Return a JSON value as LiteLLM gives an answer: objects have attributes, and a chat's the types of one."""
    return _node(value, ModelResponse, _PARTS)


def piece(value: Any) -> Any:
    """Return the same of a piece of a stream."""
    return _node(value, ModelResponseStream, _STREAMED)


def _node(value: Any, kind: type[Node], parts: Mapping[str, type[Node]]) -> Any:
    if isinstance(value, list):
        return [_node(inner, kind, parts) for inner in value]
    if isinstance(value, dict):
        return kind({name: _node(inner, parts.get(name, Node), parts) for name, inner in value.items()})
    return value


def install() -> None:
    """Have imports of this process find them, before what may be installed."""
    sys.meta_path.insert(0, _Finder())


@contextlib.contextmanager
def standing_in() -> Iterator[None]:
    """Have imports find them for a while; what was imported of those packages before is there again after it."""
    finder, before = _Finder(), _known()
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _known():
            del sys.modules[name]
        sys.modules.update(before)


def _known() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _PACKAGES}
