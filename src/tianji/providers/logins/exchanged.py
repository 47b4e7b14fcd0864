"""Providers of the table whose requests show a token that is had for something else."""

import base64
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from tianji.providers.deployment import Deployment
from tianji.providers.logins import chatgpt as plans
from tianji.providers.logins import copilot
from tianji.providers.logins.credentials import Credentials
from tianji.providers.logins.gigachat import GigaChat
from tianji.providers.logins.oauth import Exchange

Finder = Callable[[Deployment, str | None, str], Credentials]
"""Takes a deployment, the key that was found for it, and its address."""
_IBM: Final = "https://iam.cloud.ibm.com/identity/token"
_IBM_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"


def databricks(deployment: Deployment, key: str | None, base: str) -> Credentials:
    """https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m: a service principal's, where there is no key."""
    client = deployment.text("client_id") or deployment.variable(("DATABRICKS_CLIENT_ID",))
    secret = deployment.text("client_secret") or deployment.variable(("DATABRICKS_CLIENT_SECRET",))
    if key or not client or not secret:
        missing = "set DATABRICKS_API_KEY, or api_key, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
        return Credentials(key=key, missing=None if key else missing, secrets=(key,) if key else ())
    parts = urlsplit(base)
    login = Exchange(
        service="Databricks",
        url=f"{parts.scheme}://{parts.netloc}/oidc/v1/token",
        form=(("grant_type", "client_credentials"), ("scope", "all-apis")),
        headers=(("authorization", f"Basic {_basic(client, secret)}"),),
    )
    return Credentials(login=login, secrets=(secret,))


def watsonx(deployment: Deployment, key: str | None, base: str) -> Credentials:  # noqa: ARG001  every finder's
    """https://cloud.ibm.com/apidocs/iam-identity-token-api: a key is exchanged, a token shown, a Zen key named."""
    token = deployment.text("watsonx_token") or deployment.variable(("WATSONX_TOKEN", "WX_TOKEN"))
    zen = deployment.text("zen_api_key") or deployment.variable(("WATSONX_ZENAPIKEY",))
    if key:
        url = deployment.variable(("WATSONX_IAM_URL",)) or _IBM
        login = Exchange(service="IBM Cloud", url=url, form=(("grant_type", _IBM_GRANT), ("apikey", key)))
        return Credentials(login=login, secrets=(key,))
    if zen:
        return Credentials(scheme="ZenApiKey", token=zen, secrets=(zen,))
    if token:
        return Credentials(token=token, secrets=(token,))
    return Credentials(missing="set WATSONX_API_KEY, api_key, WATSONX_TOKEN or WATSONX_ZENAPIKEY")


def gigachat(deployment: Deployment, key: str | None, base: str) -> Credentials:  # noqa: ARG001
    """Exchange a key of authorization for tokens of half an hour."""
    token = deployment.variable(("GIGACHAT_ACCESS_TOKEN",))
    if not key:
        return Credentials(
            token=token,
            missing=None if token else "set GIGACHAT_CREDENTIALS, or api_key in the deployment's params",
            secrets=(token,) if token else (),
        )
    trust = deployment.params.get("ssl_verify")
    login = GigaChat(
        key=key,
        scope=deployment.text("gigachat_scope") or deployment.variable(("GIGACHAT_SCOPE",)) or GigaChat.SCOPE,
        url=deployment.variable(("GIGACHAT_AUTH_URL",)) or GigaChat.URL,
        trust=trust if isinstance(trust, str) else None,
    )
    return Credentials(login=login, secrets=(key,))


def github_copilot(deployment: Deployment, key: str | None, base: str) -> Credentials:  # noqa: ARG001
    """Show the login of a person: a token of GitHub's as the key, or the file where LiteLLM keeps it."""
    login = copilot.login_of(deployment.environ, key)
    return Credentials(login=login, of_body=copilot.of_body, secrets=(key,) if key else ())


def chatgpt(deployment: Deployment, key: str | None, base: str) -> Credentials:  # noqa: ARG001
    """Show the login of a person: an access token as the key, or the file where Codex or LiteLLM keeps it."""
    return plans.credentials_of(deployment.environ, key)


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


LOGINS: Mapping[str, Finder] = {
    "databricks": databricks,
    "watsonx": watsonx,
    "gigachat": gigachat,
    "github_copilot": github_copilot,
    "chatgpt": chatgpt,
}
