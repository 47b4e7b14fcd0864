"""AWS: regions, and whose keys sign.

Keys that stand in the configuration or the environment are used as they are. Profiles, roles, and what a machine, a
container or a login gives are found by botocore (extra `aws`), whose keys expire and are replaced ahead of time.
"""

import asyncio
import re
from functools import lru_cache
from typing import Any, Final

from tianji.clock import SYSTEM
from tianji.errors import ConfigurationError, UpstreamConnectFailed
from tianji.lazy import load
from tianji.protocol.bedrock.signature import Keys
from tianji.providers.deployment import Deployment
from tianji.providers.tokens import Token, TokenSource

REGIONS: Final = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION: Final = "us-west-2"
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_LASTING: Final = 3540.0  # seconds that keys without an end are believed

KeySource = Keys | TokenSource[Keys]


def is_region(text: str) -> bool:
    """Tell whether a text is written like a region."""
    return _REGION.fullmatch(text) is not None


def region_of(deployment: Deployment, found: str | None) -> str:
    """Return the region: the deployment's, the one `found` in the model's name, or the environment's.

    Raises ConfigurationError for what cannot be one, since it becomes part of a host's name.
    """
    region = deployment.text("aws_region_name") or found or deployment.variable(REGIONS) or DEFAULT_REGION
    if not is_region(region):
        raise ConfigurationError(f"{deployment.label()}: aws_region_name {region!r} is no region, such as us-east-1")
    return region


def keys_of(deployment: Deployment, region: str) -> KeySource | None:
    """Return the keys of a deployment, or where they come from; None when there are none and botocore is missing.

    Raises ConfigurationError for half a pair of keys, and for a role that only botocore can take on when it is missing.
    """
    access, secret = deployment.text("aws_access_key_id"), deployment.text("aws_secret_access_key")
    if bool(access) != bool(secret):
        raise ConfigurationError(f"{deployment.label()}: aws_access_key_id and aws_secret_access_key go together")
    role, profile = deployment.text("aws_role_name"), deployment.text("aws_profile_name")
    if role or deployment.text("aws_web_identity_token"):
        raise ConfigurationError(
            f"{deployment.label()}: aws_role_name is not served yet by this release; name the role in a profile of "
            "AWS's configuration file and set aws_profile_name"
        )
    if access and secret:
        return Keys(access, secret, deployment.text("aws_session_token"))
    if not profile:
        access, secret = deployment.variable(("AWS_ACCESS_KEY_ID",)), deployment.variable(("AWS_SECRET_ACCESS_KEY",))
        if access and secret:
            return Keys(access, secret, deployment.variable(("AWS_SESSION_TOKEN",)))
    try:
        load("botocore.session")
    except ImportError:
        if profile:
            raise ConfigurationError(
                f"{deployment.label()}: aws_profile_name needs botocore: pip install 'tianji[aws]'"
            ) from None
        return None
    return chain(profile or "", region)


@lru_cache(maxsize=64)
def chain(profile: str, region: str) -> TokenSource[Keys]:
    """Return the keys that botocore finds; one source of each profile in a worker, so that a reload keeps the keys."""
    session: list[Any] = []

    def find() -> Token[Keys]:
        if not session:
            session.append(load("botocore.session").Session(profile=profile or None))
            session[0].set_config_variable("region", region)
        found = session[0].get_credentials()
        if found is None:
            raise UpstreamConnectFailed("AWS credentials were found nowhere; set AWS_ACCESS_KEY_ID or a profile")
        frozen = found.get_frozen_credentials()
        ends = getattr(found, "_expiry_time", None)
        lifetime = _LASTING if ends is None else max(ends.timestamp() - SYSTEM.now() - 60, 1.0)
        return Token(Keys(frozen.access_key, frozen.secret_key, frozen.token), min(lifetime, _LASTING))

    async def mint() -> Token[Keys]:
        return await asyncio.to_thread(find)

    return TokenSource(mint)
