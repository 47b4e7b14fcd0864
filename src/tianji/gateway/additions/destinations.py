"""Where deployments of the database may lie.

Who may write into the database is not always who may write the configuration, so their addresses have to be public.
`provider_url_destination_allowed_hosts` names hosts that may lie anywhere, and so may whatever the file itself names.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from tianji._core.upstreams.origin import Origin
from tianji.config.deployments import Accepts
from tianji.config.schema import Config, ModelParams
from tianji.egress.address import AddressPolicy
from tianji.egress.resolver import Address
from tianji.errors import InvalidRequest
from tianji.gateway.compiled.snapshot import Members, acceptable
from tianji.providers import build

POLICY: Final = AddressPolicy()
LOGINS: Final = ("aws_sts_endpoint",)
"""Parameters that say where a login is made, beside the address of the upstream itself."""


def allowed_hosts(config: Config) -> frozenset[str]:
    """Return the hosts that may lie anywhere, in small letters."""
    names = (
        *config.litellm_settings.provider_url_destination_allowed_hosts,
        *config.general_settings.provider_url_destination_allowed_hosts,
    )
    return frozenset(name.lower() for name in names)


def admissible(config: Config, environ: Mapping[str, str]) -> Accepts:
    """Judge a deployment of the database: why it cannot be served, or may not be where it says, or None."""
    served = acceptable(environ)

    def judge(params: ModelParams) -> str | None:
        refusal = served(params)
        if refusal is not None:
            return refusal
        upstream = build({**params.written, "organization": None}, environ, drop_params=True)
        named = (params.written.get(name) for name in LOGINS)
        urls = (upstream.base_url, *(url for url in named if isinstance(url, str)))
        return next(filter(None, (objection(config, url) for url in urls)), None)

    return judge


def objection(config: Config, target: str) -> str | None:
    """Say why an endpoint of the database may not lead to a target; None where it may."""
    if (urlsplit(target).hostname or "") in allowed_hosts(config):
        return None
    try:
        POLICY.accept(target)
    except InvalidRequest as error:
        return f"{error.message}; an operator allows it with provider_url_destination_allowed_hosts"
    return None


def address_of(target: str) -> tuple[str, int]:
    """Return host and port of a target; of one that is no address, one that nothing leads to."""
    try:
        parts = urlsplit(target)
        return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", 0


class Destinations:
    """Judges new connections: those that only the database leads to, by a deployment or an endpoint."""

    def __init__(self) -> None:
        self._judged: frozenset[tuple[str, int]] = frozenset()

    def renew(self, config: Config, members: Members) -> None:
        """Judge by another configuration, with these deployments, from now on."""
        hosts = allowed_hosts(config)
        pairs = [pair for found in members.values() for pair in found]
        places = [
            ((plan.origin.host, plan.origin.port), entry.info.db_model)
            for entry, deployment in pairs
            for plan in deployment.plans.values()
        ]
        places += [
            (address_of(endpoint.address), endpoint.stored)
            for endpoint in config.general_settings.pass_through_endpoints
        ]
        trusted = {place for place, stored in places if not stored}
        self._judged = frozenset(
            place for place, stored in places if stored and place not in trusted and place[0].lower() not in hosts
        )

    def check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        """Return `addresses` if they may be reached. Raises UpstreamConnectFailed, as Connector asks for."""
        return POLICY.check(origin, addresses) if (origin.host, origin.port) in self._judged else addresses
