"""Code of the operator's own that says who calls, out of a file beside the configuration: `custom_auth`.

Written as for LiteLLM's proxy: a function of a request and of the key that was sent, which returns who that is, or a
key that counts in its place, or raises. It is asked for each request, and what it said before is not remembered.
https://docs.litellm.ai/docs/proxy/custom_auth
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.described import Described, Descriptions
from tianji.auth.identity import Identity
from tianji.auth.routes import Row
from tianji.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    Header,
    PermissionDenied,
    ProviderUnavailable,
    StoreUnavailable,
    TianjiError,
)
from tianji.hooks.apart import apart
from tianji.hooks.calling import place, wanted
from tianji.hooks.exceptions import ERRORS, LiteLLMError
from tianji.hooks.requests import Request
from tianji.hooks.standins import HTTPException, ProxyException

T = TypeVar("T")
PATIENCE: Final = 10.0  # seconds that code may take
LONGEST: Final = 500  # characters that a client is told of a refusal
_PREFIX: Final = "Authentication Error, "
_PLAIN: Final = (Exception, ValueError, PermissionError)  # exactly these are raised to refuse; others are faults

log = logging.getLogger("tianji.hooks")


class CallerRefused(AuthenticationFailed):
    """What code says to whom it does not let in."""

    def __init__(
        self, message: str, status: int, *, wire_type: str = "auth_error", param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message[:LONGEST], param=param)
        self.status = status
        self._wire_type = wire_type
        self._headers = tuple(
            (name.lower().encode(), value.encode())
            for name, value in (headers or {}).items()
            if f"{name}{value}".isascii() and f"{name}{value}".isprintable()
        )

    @property
    def headers(self) -> tuple[Header, ...]:
        """Those that code gave."""
        return self._headers

    @property
    def wire_type(self) -> str:
        """The `type` that code gave."""
        return self._wire_type


class OwnCallers:
    """Knows callers by what code says of them; a doorman of `tianji.auth.gate`.

    stored: a caller is held to what the database knows of his user and his team, too
    optional: what code refuses, and what it fails at, is judged by keys and tokens
    """

    def __init__(
        self,
        name: str,
        code: Callable[..., Any],
        folder: Path,
        descriptions: Descriptions,
        *,
        stored: bool,
        optional: bool,
        patience: float = PATIENCE,
    ) -> None:
        self._name = name
        self._code = code
        self._folder = folder
        self._descriptions = descriptions
        self._stored = stored
        self._optional = optional
        self._patience = patience

    async def __call__(self, exchange: Exchange, credential: bytes | None, row: Row) -> Identity | bytes | None:
        """Say who sent a request, see Doorman."""
        del row
        try:
            said = await self._ask(exchange, credential)
            if isinstance(said, str) and said:
                return said.encode()
            return await self._identified(said, credential)
        except StoreUnavailable:
            raise
        except TianjiError:
            if self._optional:
                return None
            raise

    async def _ask(self, exchange: Exchange, credential: bytes | None) -> Any:
        loop = asyncio.get_running_loop()

        async def read() -> bytes:
            return await asyncio.shield(exchange.ahead())

        async def body() -> bytes:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(read(), loop))

        given = {"request": Request(exchange, body), "api_key": (credential or b"").decode("utf-8", "replace")}
        return await judgement(
            self._name, self._folder, partial(self._code, **wanted(self._code, given)), self._patience
        )

    async def _identified(self, said: Any, credential: bytes | None) -> Identity:
        """Return whom code speaks of. Raises AuthenticationFailed for what cannot be used."""
        fields = said.model_dump() if hasattr(said, "model_dump") else said
        try:
            if not isinstance(fields, Mapping):
                raise ValueError(f"{type(said).__name__} is no UserAPIKeyAuth")
            found = {name: value for name, value in fields.items() if value is not None}
            described = msgspec.convert(found, Described, strict=False)
            return await self._descriptions.identity(described, credential, stored=self._stored)
        except ValueError as error:  # of msgspec, and of amounts
            log.error("%s says what cannot be used: %s", self._name, error)
            raise _unusable() from error


async def judgement(name: str, folder: Path, code: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Return what code says of a caller: a plain function in a thread of its own, all else in that of hooks.

    Raises what it refuses with, AuthenticationFailed where it fails, and ProviderUnavailable where it takes too long.
    """

    async def ask() -> Any:
        plain = code.func if isinstance(code, partial) else code
        said = code() if iscoroutinefunction(plain) else await asyncio.to_thread(code)
        return await said if isawaitable(said) else said

    try:
        async with asyncio.timeout(patience):
            return await _elsewhere(ask())
    except TimeoutError as error:
        log.error("%s did not say within %g seconds who calls", name, patience)
        raise ProviderUnavailable("whoever says who may call takes too long; try again later") from error
    except TianjiError:
        raise
    except Exception as error:
        found = refusal(error)
        if found is None:
            log.error("%s failed at %s: %s: %s", name, place(error, folder), type(error).__name__, error)
            raise _unusable() from error
        raise found from error


async def _elsewhere(work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wrap_future(apart().begin(work))


def refusal(error: Exception) -> TianjiError | None:
    """Return what a client is refused with, as LiteLLM would; None for an error that is a fault of the code."""
    if isinstance(error, ProxyException):
        return CallerRefused(
            error.message, _status(error.code), wire_type=error.type or "auth_error", param=error.param,
            headers=error.headers,
        )  # fmt: skip
    if isinstance(error, HTTPException):
        said = error.detail.get("error", error.detail) if isinstance(error.detail, Mapping) else error.detail
        return CallerRefused(str(said), _status(error.status_code), headers=error.headers)
    if isinstance(error, ERRORS["BudgetExceededError"]):
        return BudgetExceeded(str(error)[:LONGEST])
    if isinstance(error, LiteLLMError) or type(error) in _PLAIN:
        said = str(error) or "the key was not accepted"
        return CallerRefused(f"{_PREFIX}{said}", 401)
    return None


def _status(code: object) -> int:
    status = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 401
    return status if 400 <= status <= 599 else 401


def _unusable() -> AuthenticationFailed:
    return AuthenticationFailed(f"{_PREFIX}who sends this request could not be judged; the gateway's log says why")


async def require_claims(name: str, folder: Path, code: Callable[..., Any], claims: Mapping[str, Any]) -> None:
    """Raise PermissionDenied (403) where `custom_validate` does not accept the claims of a token."""
    if not await judgement(name, folder, partial(code, dict(claims))):
        raise PermissionDenied(f"{_PREFIX}the claims of the token are not accepted here")
