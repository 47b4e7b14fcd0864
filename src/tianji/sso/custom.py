"""Code of the operator's own that says who somebody is, out of files beside the configuration.

`custom_sso` is shown whom the identity provider names and says what he is here; `custom_ui_sso_sign_in_handler` reads
who somebody is out of the headers of a proxy that has signed him in. Both are written as for LiteLLM's proxy:
https://docs.litellm.ai/docs/proxy/custom_sso
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.arrivals import Arrival
from tianji.auth.rules import Rules
from tianji.auth.tokens.claims import at
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed, NotImplementedHere, PermissionDenied, ProviderUnavailable, TianjiError
from tianji.hooks.apart import apart
from tianji.hooks.calling import place
from tianji.hooks.code import Unusable, find
from tianji.hooks.requests import Headers
from tianji.hooks.standins import HTTPException, Node
from tianji.sso.providers import Attributes, Provider, Role

PATIENCE: Final = 20.0  # seconds that the code may take
HANDLER: Final = "custom_ui_sso_sign_in_handler"
PROXY: Final = Provider(  # what a handler says, read as a provider's claims are
    name="custom",
    client_id="",
    client_secret="",
    attributes=Attributes(
        id=("id",), email=("email",), name=("display_name", "first_name"), role=("user_role",), teams=("team_ids",)
    ),
)

log = logging.getLogger("tianji.hooks")


class Said(Struct):
    """What `custom_sso` says of somebody. None: nothing. Models and budget are those of who is new."""

    user_id: str | None = None
    user_email: str | None = None
    user_role: Role | None = None
    models: tuple[str, ...] | None = None
    max_budget: float | None = None
    budget_duration: str | None = None


async def claims_of(exchange: Exchange, general: GeneralSettings, folder: Path) -> dict[str, Any]:
    """Return what the handler says of who sent a request.

    Raises PermissionDenied (403) for a request that did not come from a proxy of the operator's: its headers are
    anybody's. NotImplementedHere (501) where no such proxy is named.
    """
    if not general.trusted_proxy_ranges:
        raise NotImplementedHere(f"{HANDLER} believes headers: name the proxies that send them in trusted_proxy_ranges")
    if not Rules(general).is_proxy(exchange):
        raise PermissionDenied("sign in by way of the proxy before this gateway")
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.headers)
    request = Node(method=exchange.method, path=exchange.path, headers=headers)
    dotted = str(general.custom_ui_sso_sign_in_handler)
    handler = await _found(folder, dotted)
    said = await _asked(dotted, folder, handler.handle_custom_ui_sso_sign_in, request)
    if not isinstance(said, Mapping) or not said.get("id"):
        raise AuthenticationFailed("the proxy before this gateway does not say who you are")
    return dict(said)


async def judged(
    arrival: Arrival, claims: Mapping[str, Any], general: GeneralSettings, folder: Path, more: tuple[str, ...]
) -> Arrival:
    """Return somebody as `custom_sso` has him. `more`: claims that it is shown, too. Raises AuthenticationFailed."""
    dotted = general.custom_sso
    if dotted is None:
        return arrival
    shown = Node(
        id=arrival.user_id,
        email=arrival.email,
        display_name=arrival.name,
        first_name=at(claims, "given_name") or at(claims, "first_name"),
        last_name=at(claims, "family_name") or at(claims, "last_name"),
        picture=at(claims, "picture"),
        provider=arrival.provider,
        team_ids=list(arrival.teams),
        user_role=arrival.role,
        extra_fields={name: at(claims, name) for name in more},
    )
    answer = await _asked(dotted, folder, await _found(folder, dotted), shown)
    try:
        said = msgspec.convert(answer, Said)
    except msgspec.ValidationError as error:
        log.error("%s says what cannot be used: %s", dotted, error)
        raise AuthenticationFailed("what this gateway's own code says of you cannot be used") from error
    return msgspec.structs.replace(
        arrival,
        user_id=said.user_id or arrival.user_id,
        email=said.user_email.lower() if said.user_email else arrival.email,
        role=said.user_role or arrival.role,
        models=said.models or (),
        max_budget=said.max_budget,
        budget_duration=said.budget_duration,
    )


async def _found(folder: Path, dotted: str) -> Any:
    try:
        return await asyncio.to_thread(find, folder, dotted)
    except Unusable as error:
        log.error("nobody can sign in: %s: %s", dotted, error.message)
        raise ProviderUnavailable(
            "this gateway's own code for signing in cannot be loaded; its log says why"
        ) from error


async def _asked(dotted: str, folder: Path, code: Callable[[Any], Any], shown: object) -> Any:
    """Return what code says. Raises AuthenticationFailed for what it refuses or fails at."""

    async def ask() -> Any:
        said = code(shown)
        return await said if isawaitable(said) else said

    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.wrap_future(apart().begin(ask()))
    except HTTPException as error:
        refusal: type[TianjiError] = PermissionDenied if error.status_code == 403 else AuthenticationFailed
        raise refusal(str(error.detail)[:200]) from error
    except Exception as error:
        log.error("%s failed at %s: %s: %s", dotted, place(error, folder), type(error).__name__, error)
        raise AuthenticationFailed("this gateway's own code for signing in failed; its log says why") from error
