"""What of a client's own headers goes upstream: its logins with vendors, and what the operator lets pass.

A client that has an account with a vendor may use it through the gateway: it sends the gateway's key in a header of the
gateway's own, and its login where the vendor's clients put theirs. Claude Code does so with `ANTHROPIC_CUSTOM_HEADERS`
(https://code.claude.com/docs/en/llm-gateway).
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.routing.router import Deployment
from tianji.auth.identity import Identity
from tianji.auth.models import ModelRule, access_groups
from tianji.config.schema import Config
from tianji.errors import Header
from tianji.gateway.translation.passages import merged
from tianji.providers.names import infer
from tianji.routing.resolution import Alias

OAUTH_BETA: Final = b"oauth-2025-04-20"  # without it Anthropic takes tokens of logins for nothing
_KEYS: Final = frozenset({b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key"})
_LENGTH: Final = b"content-length: "  # the last of a planned head
# of the gateway, of one hop, or of a client's library
_STAYS: Final = (
    b"x-stainless", b"x-litellm", b"x-tianji", b"x-api-key", b"x-goog-api-key", b"x-forwarded", b"x-real-ip",
)  # fmt: skip


class Form(Struct, frozen=True):
    """How a vendor's login stands in a request.

    begins: what its values begin with, so that nothing else goes there; home: the host of the vendor's own API
    asked_for: whether it goes upstream only where `forward_llm_provider_auth_headers` says so
    """

    header: bytes
    begins: tuple[bytes, ...]
    provider: str
    home: str
    asked_for: bool = True


_ANTHROPIC: Final = ("anthropic", "api.anthropic.com")
_GOOGLE: Final = ("gemini", "generativelanguage.googleapis.com")
# a token of somebody who logged in can mean nothing but that he wants to be served by it
FORMS: Final = (
    Form(b"authorization", (b"Bearer sk-ant-oat",), *_ANTHROPIC, asked_for=False),
    Form(b"x-api-key", (b"sk-ant-",), *_ANTHROPIC),
    Form(b"x-goog-api-key", (b"AIza", b"AQ."), *_GOOGLE),
)


class Login(Struct, frozen=True):
    """A login of a client, as it goes upstream in place of the deployment's key."""

    provider: str
    home: str
    headers: tuple[Header, ...]

    def __repr__(self) -> str:
        """Say for whom it is, and nothing of it."""
        return f"Login({self.provider})"

    def opens(self, deployment: Deployment) -> bool:
        """Whether a deployment is called with it: one at the vendor itself, or that has no key of its own.

        An operator may have configured another vendor that speaks the same form; it has a key, and it must not get a
        login of this one.
        """
        if deployment.provider != self.provider:
            return False
        return deployment.unready is not None or urlsplit(deployment.api_base).hostname == self.home

    def head(self, planned: bytes) -> bytes:
        """Return a planned request head with this login and without any key of the deployment's."""
        lines = [line for line in planned.split(b"\r\n") if line.partition(b":")[0] not in _KEYS]
        fields, length, _ = b"\r\n".join(lines).rpartition(_LENGTH)
        return merged(fields, self.headers) + length


class Forwarding:
    """What the configuration lets pass. One per snapshot."""

    def __init__(self, config: Config, aliases: Mapping[str, Alias]) -> None:
        general, settings = config.general_settings, config.litellm_settings
        names = settings.model_group_settings.forward_client_headers_to_llm_api
        self._every = general.forward_client_headers_to_llm_api
        self._some = ModelRule(names, "", groups=access_groups(config), infer=infer) if names else None
        self._aliases = aliases
        self._asked_for = general.forward_llm_provider_auth_headers or settings.forward_llm_provider_auth_headers
        self._tells_user = settings.add_user_information_to_llm_headers
        self._organization = general.forward_openai_org_id
        self._key = (general.litellm_key_header_name or "").lower().encode()

    @property
    def reads(self) -> bool:
        """Whether requests have to be looked at that bring no login."""
        return bool(self._every or self._some or self._organization)

    def logins(self, exchange: Exchange) -> tuple[Login, ...]:
        """Return the logins that a request brings and that may be used."""
        return tuple(
            Login(form.provider, form.home, _written(name, value))
            for form in FORMS
            for name, value in exchange.logins or ()
            if name == form.header and value.startswith(form.begins) and (self._asked_for or not form.asked_for)
        )

    def headers(self, exchange: Exchange, model: str) -> Iterator[Header]:
        """Yield the client's headers that go upstream with a request for `model`, and what is told of the caller."""
        if not (self._every or self._names(model)):
            return
        yield from ((name, value) for name, value in exchange.headers if self._travels(name))
        if self._tells_user and isinstance(exchange.identity, Identity):
            yield from _user(exchange.identity)

    def organization(self, exchange: Exchange) -> bytes | None:
        """Return the organization with OpenAI that the client names, where that counts."""
        return exchange.header(b"openai-organization") if self._organization else None

    def _names(self, model: str) -> bool:
        if self._some is None:
            return False
        alias = self._aliases.get(model)
        return self._some.allows(model) or (alias is not None and self._some.allows(alias.target))

    def _travels(self, name: bytes) -> bool:
        if name.startswith(b"anthropic-beta"):
            return True
        return name.startswith(b"x-") and not name.startswith(_STAYS) and name != self._key


def with_organization(planned: bytes, organization: bytes) -> bytes:
    """Return a planned request head that names this organization with OpenAI."""
    fields, length, _ = planned.rpartition(_LENGTH)
    return merged(fields, ((b"openai-organization", organization),)) + length


def _written(name: bytes, value: bytes) -> tuple[Header, ...]:
    if not value.startswith((b"Bearer sk-ant-oat", b"sk-ant-oat")):
        return ((name, value),)
    return (
        (b"authorization", b"Bearer " + value.removeprefix(b"Bearer ")),
        (b"anthropic-beta", OAUTH_BETA),
        (b"anthropic-dangerous-direct-browser-access", b"true"),
    )


def _user(identity: Identity) -> Iterator[Header]:
    """Yield who calls under the names that upstreams of LiteLLM's proxy know."""
    facts = {
        "hash": identity.key,
        "alias": identity.key_alias,
        "user_id": identity.user_id,
        "user_email": identity.user_email,
        "team_id": identity.team_id,
        "team_alias": identity.team_alias,
        "org_id": identity.organization_id,
        "project_id": identity.project_id,
    }
    for name, fact in facts.items():
        if fact and fact.isascii() and fact.isprintable():
            yield f"x-litellm-user_api_key_{name}".encode(), fact.encode()
