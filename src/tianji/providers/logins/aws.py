"""AWS: regions, and whose keys sign.

Keys that stand in the configuration or the environment are used as they are, and roles are taken with them or with an
identity token. Profiles, and what a machine or a login gives, are found by botocore (extra `aws`). Keys that expire are
replaced ahead of time.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

from tianji.clock import SYSTEM
from tianji.errors import ConfigurationError, Header, UpstreamConnectFailed
from tianji.lazy import load
from tianji.protocol.bedrock.signature import Keys, Scope, sealer
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import oidc
from tianji.providers.logins.aws_roles import SESSION, KeySource, Role, keys_for
from tianji.providers.logins.oidc import Identity
from tianji.providers.logins.tokens import Token, TokenSource

REGIONS: Final = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION: Final = "us-west-2"
_SIGNED: Final = (("content-type", "application/json"),)
MISSING: Final = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install tianji[aws] for profiles and what machines give"
)
_CONTAINER_ROLE: Final = "AWS_ROLE_ARN"
_CONTAINER_TOKEN: Final = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105  a variable's name
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_LASTING: Final = 3540.0  # seconds that keys without an end are believed


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

    Raises ConfigurationError for half a pair of keys, for a role or an identity token without the other, and for a
    profile when botocore is missing.
    """
    role, identity = deployment.text("aws_role_name"), deployment.text("aws_web_identity_token")
    if identity:
        if not role:
            raise ConfigurationError(f"{deployment.label()}: aws_web_identity_token needs aws_role_name: set it")
        named = identity.startswith(oidc.PREFIX)
        shown = oidc.find(identity, deployment.environ) if named else Identity(value=identity)
        return _role_keys(deployment, region, role, shown)
    own = _own_keys(deployment, region)
    if role is None:
        return own
    if own is _lent_to_the_container(deployment, region) and role == deployment.variable((_CONTAINER_ROLE,)):
        return own  # it is that role already
    if own is None:
        raise ConfigurationError(
            f"{deployment.label()}: aws_role_name needs keys that may take the role: set aws_access_key_id and "
            "aws_secret_access_key or aws_web_identity_token, or install tianji[aws] for what the machine gives"
        )
    return _role_keys(deployment, region, role, own)


def _own_keys(deployment: Deployment, region: str) -> KeySource | None:
    access, secret = deployment.text("aws_access_key_id"), deployment.text("aws_secret_access_key")
    if bool(access) != bool(secret):
        raise ConfigurationError(f"{deployment.label()}: aws_access_key_id and aws_secret_access_key go together")
    if access and secret:
        return Keys(access, secret, deployment.text("aws_session_token"))
    profile = deployment.text("aws_profile_name")
    if not profile:
        access, secret = deployment.variable(("AWS_ACCESS_KEY_ID",)), deployment.variable(("AWS_SECRET_ACCESS_KEY",))
        if access and secret:
            return Keys(access, secret, deployment.variable(("AWS_SESSION_TOKEN",)))
        lent = _lent_to_the_container(deployment, region)
        if lent is not None:
            return lent
    try:
        load("botocore.session")
    except ImportError:
        if profile:
            raise ConfigurationError(
                f"{deployment.label()}: aws_profile_name needs botocore: pip install 'tianji[aws]'"
            ) from None
        return None
    return chain(profile or "", region)


def _lent_to_the_container(deployment: Deployment, region: str) -> TokenSource[Keys] | None:
    """https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html."""
    role, file = deployment.variable((_CONTAINER_ROLE,)), deployment.variable((_CONTAINER_TOKEN,))
    if not role or not file:
        return None
    session = deployment.variable(("AWS_ROLE_SESSION_NAME",)) or SESSION
    return keys_for(Role(arn=role, region=region, asks=Identity(file=file), session=session))


def _role_keys(deployment: Deployment, region: str, role: str, asks: KeySource | Identity) -> TokenSource[Keys]:
    return keys_for(
        Role(
            arn=role,
            region=region,
            asks=asks,
            session=deployment.text("aws_session_name") or SESSION,
            endpoint=_endpoint(deployment),
            external_id=deployment.text("aws_external_id"),
            tags=_tags(deployment),
        )
    )


def _endpoint(deployment: Deployment) -> str | None:
    given = deployment.text("aws_sts_endpoint")
    return None if given is None else address.split_base(given)[0] + "/"


def _tags(deployment: Deployment) -> tuple[tuple[str, str], ...]:
    given = deployment.params.get("aws_session_tags")
    if isinstance(given, Mapping):
        given = [{"Key": name, "Value": value} for name, value in given.items()]
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or not all(isinstance(tag, Mapping) and tag.get("Key") for tag in given):
        raise ConfigurationError(f"{deployment.label()}: aws_session_tags is a list of tags, each with Key and Value")
    return tuple((str(tag["Key"]), str(tag.get("Value", ""))) for tag in given)


def signer(source: KeySource, host: str, region: str, service: str) -> Callable[[str, bytes], Iterable[Header]]:
    """Return what signs requests to a service's host."""
    keys = repeat(source).__next__ if isinstance(source, Keys) else source.held
    return sealer(keys, Scope(host, region, service), "POST", _SIGNED, SYSTEM)


def domain_of(region: str) -> str:
    """Return the domain that the hosts of a region's services lie in."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def secrets_of(deployment: Deployment) -> tuple[str, ...]:
    """Return what of a deployment's keys must not be shown."""
    names = ("aws_secret_access_key", "aws_session_token", "aws_web_identity_token")
    return tuple(filter(None, map(deployment.text, names)))


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
