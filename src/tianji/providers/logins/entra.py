"""Microsoft Entra: who a deployment logs in as, in the order of LiteLLM's configuration files.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow for secrets and identity tokens,
https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc for users, and
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token for machines.
"""

from typing import Final
from urllib.parse import quote, urlencode

from msgspec import Struct

from tianji.clock import SYSTEM
from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import oidc
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import FORM, Exchange, Login, client_credentials, read_object, read_token, seconds
from tianji.providers.logins.tokens import Token

SERVICE: Final = "Microsoft Entra"
SCOPE: Final = "https://cognitiveservices.azure.com/.default"
AUTHORITY: Final = "https://login.microsoftonline.com"
PARAMS: Final = ("tenant_id", "client_id", "client_secret", "azure_username", "azure_password")
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MACHINE: Final = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"


class Assertion(Struct, frozen=True, kw_only=True):
    """An application that shows an identity token of somebody else whom Entra trusts."""

    url: str
    client_id: str
    scope: str
    identity: oidc.Identity
    service: str = SERVICE
    trust: str | None = None

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "scope": self.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": await self.identity.token(fetch),
        }
        return read_token(self.service, await fetch("POST", self.url, FORM, urlencode(form).encode()))


class Machine(Struct, frozen=True, kw_only=True):
    """The identity that Azure gives a machine or an application."""

    url: str
    headers: tuple[tuple[str, str], ...]
    service: str = SERVICE
    trust: str | None = None

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token; some machines say when it ends instead of how long it lasts."""
        answer = await fetch("GET", self.url, dict(self.headers), b"")
        token = read_token(self.service, answer)
        found = read_object(self.service, answer)
        ends = seconds(found.get("expires_on"))
        if "expires_in" in found or ends is None:
            return token
        return Token(token.value, max(ends - SYSTEM.now(), 1.0))

    def __repr__(self) -> str:
        """Say what it is, and nothing secret."""
        return "Machine()"


def written(deployment: Deployment) -> Login | None:
    """Return the login that the deployment's own params say, filled up from the environment; None where it has none.

    Raises ConfigurationError for one that lacks something.
    """
    token = deployment.text("azure_ad_token")
    if token is not None:
        return _of_token(deployment, token) if token.startswith(oidc.PREFIX) else None
    if not any(deployment.text(name) for name in PARAMS):
        return None
    found = _login(deployment)
    if found is None:
        raise ConfigurationError(
            f"{deployment.label()}: tenant_id, client_id and client_secret go together, and azure_username and "
            "azure_password beside the first two; set what is missing (or AZURE_TENANT_ID and so on)"
        )
    return found


def inherited(deployment: Deployment) -> Login | None:
    """Return the login that the environment says, or the machine's own where the deployment allows that."""
    token = deployment.variable(("AZURE_AD_TOKEN",))
    if token is not None:
        return _of_token(deployment, token) if token.startswith(oidc.PREFIX) else None
    found = _login(deployment)
    if found is None and deployment.params.get("enable_azure_ad_token_refresh") in (True, "true", "True"):
        return _machine(deployment)
    return found


def secrets_of(deployment: Deployment) -> tuple[str, ...]:
    """Return what of a deployment's login must not be shown."""
    return tuple(filter(None, map(deployment.text, ("client_secret", "azure_password", "azure_ad_token"))))


def _login(deployment: Deployment) -> Login | None:
    tenant, client = _said(deployment, "tenant_id"), _said(deployment, "client_id")
    if not tenant or not client:
        return None
    scope = _scope(deployment)
    secret = _said(deployment, "client_secret")
    if secret:
        return client_credentials(SERVICE, _url(deployment, tenant), client, secret, scope)
    user = deployment.text("azure_username") or deployment.variable(("AZURE_USERNAME",))
    password = deployment.text("azure_password") or deployment.variable(("AZURE_PASSWORD",))
    if user and password:
        form = (
            ("grant_type", "password"),
            ("client_id", client),
            ("scope", scope),
            ("username", user),
            ("password", password),
        )
        return Exchange(service=SERVICE, url=_url(deployment, tenant), form=form)
    file = deployment.variable(("AZURE_FEDERATED_TOKEN_FILE",))
    if file:  # https://azure.github.io/azure-workload-identity
        return _assertion(deployment, tenant, client, oidc.Identity(file=file))
    return None


def _of_token(deployment: Deployment, reference: str) -> Login:
    tenant, client = _said(deployment, "tenant_id"), _said(deployment, "client_id")
    if not tenant or not client:
        raise ConfigurationError(
            f"{deployment.label()}: an identity token is exchanged for an application: set tenant_id and client_id, or "
            "AZURE_TENANT_ID and AZURE_CLIENT_ID"
        )
    return _assertion(deployment, tenant, client, oidc.find(reference, deployment.environ))


def _assertion(deployment: Deployment, tenant: str, client: str, identity: oidc.Identity) -> Assertion:
    return Assertion(url=_url(deployment, tenant), client_id=client, scope=_scope(deployment), identity=identity)


def _machine(deployment: Deployment) -> Machine:
    resource = quote(_scope(deployment).removesuffix("/.default"), safe="")
    client = _said(deployment, "client_id")
    which = f"&resource={resource}" + (f"&client_id={quote(client, safe='')}" if client else "")
    endpoint, header = deployment.environ.get("IDENTITY_ENDPOINT"), deployment.environ.get("IDENTITY_HEADER")
    if endpoint and header:  # https://learn.microsoft.com/azure/app-service/overview-managed-identity
        return Machine(url=f"{endpoint}?api-version=2019-08-01{which}", headers=(("x-identity-header", header),))
    return Machine(url=_MACHINE + which, headers=(("metadata", "true"),))


def _url(deployment: Deployment, tenant: str) -> str:
    host = address.split_base(deployment.variable(("AZURE_AUTHORITY_HOST",)) or AUTHORITY)[0]
    return f"{host}/{quote(tenant, safe='')}/oauth2/v2.0/token"


def _scope(deployment: Deployment) -> str:
    return deployment.text("azure_scope") or deployment.variable(("AZURE_SCOPE",)) or SCOPE


def _said(deployment: Deployment, name: str) -> str | None:
    return deployment.text(name) or deployment.variable((f"AZURE_{name.upper()}",))
