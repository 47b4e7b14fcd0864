"""Requests to services of Amazon, signed as those to its models are."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tianji.callbacks.sink import Delivery, Given
from tianji.clock import SYSTEM
from tianji.errors import ConfigurationError
from tianji.protocol.bedrock.signature import Keys, Scope, sign_with
from tianji.providers import deployment
from tianji.providers.logins.aws import DEFAULT_REGION, MISSING, REGIONS, domain_of, is_region, keys_of
from tianji.providers.logins.aws_roles import KeySource

_OWN: Final = (
    "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_session_name", "aws_profile_name",
    "aws_role_name", "aws_web_identity_token", "aws_sts_endpoint", "aws_external_id",
)  # fmt: skip


class Account(Struct, frozen=True):
    """Whose keys sign, where. The params of a callback have the names of a deployment's, with a prefix."""

    region: str
    keys: KeySource

    @property
    def domain(self) -> str:
        """What the hosts of the region's services end with."""
        return f"{self.region}.{domain_of(self.region)}"

    def signing(self, service: str) -> Callable[[Delivery], Awaitable[Delivery]]:
        """Return what signs a request to a service, with all of its headers."""

        async def complete(request: Delivery) -> Delivery:
            keys = self.keys if isinstance(self.keys, Keys) else await self.keys.wait()
            parts = urlsplit(request.url)
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            signed = sign_with(
                keys,
                Scope(parts.netloc, self.region, service),
                target,
                request.body,
                now=SYSTEM.now(),
                method=request.method,
                headers=request.headers,
            )
            proof = {name.decode(): value.decode() for name, value in signed}
            return msgspec.structs.replace(request, headers={**request.headers, **proof})

        return complete


def account(given: Given, prefix: str) -> Account:
    """Read it. Raises ConfigurationError where there are no keys, or half of them, or no such region."""
    region = given.text(f"{prefix}region_name", *REGIONS, default=DEFAULT_REGION)
    if not is_region(region):
        raise ConfigurationError(f"callback {given.name}: {region!r} is no region, such as us-east-1")
    params = {name: given.params.get(prefix + name) for name in _OWN}
    read = deployment.read(params, given.environ, ("callback", given.name), drop_params=None)
    keys = keys_of(read, region)
    if keys is None:
        raise ConfigurationError(f"callback {given.name}: {MISSING}")
    return Account(region, keys)
