"""Where deployments of the database may lie.

Who may write into the database is not always who may write the configuration, so their addresses have to be public.
`provider_url_destination_allowed_hosts` names hosts that may lie anywhere, and so may whatever the file itself names.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from tianji._core.origin import Origin
from tianji.config.deployments import Accepts
from tianji.config.schema import Config, ModelParams
from tianji.egress.address import AddressPolicy
from tianji.egress.resolver import Address
from tianji.errors import InvalidRequest
from tianji.gateway.snapshot import Members, acceptable
from tianji.providers import build

POLICY: Final = AddressPolicy()


def allowed_hosts(config: Config) -> frozenset[str]:
    """Return the hosts that may lie anywhere, in small letters."""
    names = (
        *config.litellm_settings.provider_url_destination_allowed_hosts,
        *config.general_settings.provider_url_destination_allowed_hosts,
    )
    return frozenset(name.lower() for name in names)


def admissible(config: Config, environ: Mapping[str, str]) -> Accepts:
    """Judge a deployment of the database: why it cannot be served, or may not be where it says, or None."""
    hosts = allowed_hosts(config)
    served = acceptable(environ)

    def judge(params: ModelParams) -> str | None:
        refusal = served(params)
        if refusal is not None:
            return refusal
        url = build({**params.written, "organization": None}, environ, drop_params=True).base_url
        if (urlsplit(url).hostname or "") in hosts:
            return None
        try:
            POLICY.accept(url)
        except InvalidRequest as error:
            return f"{error.message}; an operator allows it with provider_url_destination_allowed_hosts"
        return None

    return judge


class Destinations:
    """Judges new connections: those that only deployments of the database lead to."""

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
        trusted = {place for place, stored in places if not stored}
        self._judged = frozenset(
            place for place, stored in places if stored and place not in trusted and place[0].lower() not in hosts
        )

    def check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        """Return `addresses` if they may be reached. Raises UpstreamConnectFailed, as Connector asks for."""
        return POLICY.check(origin, addresses) if (origin.host, origin.port) in self._judged else addresses
