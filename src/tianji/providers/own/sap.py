"""SAP AI Core's orchestration (https://help.sap.com/docs/sap-ai-core): a deployment of it has an address of its own."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins.credentials import Credentials
from tianji.providers.logins.oauth import client_credentials
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import Upstream

PROTOCOL: Final = "tianji.protocol.vendors.sap"
_VARIABLES: Final[Mapping[str, str]] = {
    "url": "AICORE_AUTH_URL",
    "clientid": "AICORE_CLIENT_ID",
    "clientsecret": "AICORE_CLIENT_SECRET",
    "base": "AICORE_BASE_URL",
}


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `sap`. Raises ConfigurationError when it has no address."""
    key = _service_key(deployment)
    own = deployment.api_base or deployment.text("deployment_url") or deployment.variable(("AICORE_DEPLOYMENT_URL",))
    name = deployment.text("deployment_id") or deployment.variable(("AICORE_DEPLOYMENT_ID",))
    if own is None and "base" in key and name:
        own = f"{key['base'].rstrip('/').removesuffix('/v2')}/v2/inference/deployments/{quote(name, safe='')}"
    if own is None:
        raise ConfigurationError(
            f"{deployment.label()} has no address: set deployment_url to that of an orchestration deployment, or "
            "deployment_id beside AICORE_SERVICE_KEY or AICORE_BASE_URL"
        )
    base, query = address.split_base(own)
    group = deployment.text("resource_group") or deployment.variable(("AICORE_RESOURCE_GROUP",)) or "default"
    found = _credentials(deployment, key)
    headers = [*found.headers("authorization"), ("ai-resource-group", group)]
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base.removesuffix("/v2/completion"),
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(deployment, Rules(conditions=(USED_TOOL_CHOICE,))),
        key_missing=found.missing,
        secrets=found.secrets,
        protocol=PROTOCOL,
        sign=found.sign,
        awaits=found.awaits,
    )


def _credentials(deployment: Deployment, key: Mapping[str, str]) -> Credentials:
    if deployment.api_key and not _is_service_key(deployment.api_key):
        return Credentials(token=deployment.api_key, secrets=(deployment.api_key,))
    url, client, secret = (key.get(name) for name in ("url", "clientid", "clientsecret"))
    if not (url and client and secret):
        wanted = "set AICORE_SERVICE_KEY, or AICORE_AUTH_URL, AICORE_CLIENT_ID and AICORE_CLIENT_SECRET"
        return Credentials(missing=wanted)
    host = address.split_base(url)[0].removesuffix("/oauth/token")
    login = client_credentials("SAP", f"{host}/oauth/token", client, secret)
    return Credentials(login=login, secrets=(secret,))


def _service_key(deployment: Deployment) -> Mapping[str, str]:
    """Return what a service key says, by its own names; variables go before it. Raises ConfigurationError."""
    text = deployment.api_key if _is_service_key(deployment.api_key) else deployment.variable(("AICORE_SERVICE_KEY",))
    try:
        said = msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"{deployment.label()}: the service key is no JSON; take it over as SAP shows it"
        ) from error
    services = said.get("serviceurls")
    if isinstance(services, dict):
        said["base"] = services.get("AI_API_URL")
    said |= {name: value for name, variable in _VARIABLES.items() if (value := deployment.environ.get(variable))}
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def _is_service_key(key: str | None) -> bool:
    return key is not None and key.lstrip().startswith("{")
