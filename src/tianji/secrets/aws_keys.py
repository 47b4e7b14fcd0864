"""Whose keys sign requests to AWS's managers: the environment's, a profile's, or those that a role lends."""

import asyncio
import time
from collections.abc import Callable, Mapping

from tianji.config.schema.secrets import KeyManagement
from tianji.config.secrets import Choice, SecretFailure
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.lazy import load
from tianji.protocol.bedrock.signature import Keys
from tianji.providers.logins import oidc
from tianji.providers.logins.aws_roles import SESSION, KeySource, Role, assume
from tianji.providers.logins.oidc import Identity
from tianji.secrets.wire import Wire, base, wire


class LentKeys:
    """The keys of a manager, lent anew when they end."""

    def __init__(self, choice: Choice, region: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the settings. Raises SecretFailure for an identity token without a role, or of no known kind."""
        self._environ, self._settings = choice.environ, choice.settings
        self._region = region
        self._identity = identity_of(choice.environ, choice.settings)
        self._role = choice.settings.aws_role_name or (choice.environ.get("AWS_ROLE_ARN") if self._identity else None)
        if self._identity and not self._role:
            raise SecretFailure("aws_web_identity_token needs aws_role_name")
        given = choice.settings.aws_sts_endpoint
        self._endpoint = base(given, "aws_sts_endpoint") + "/" if given else None
        self._wire: Wire = wire("AWS Security Token Service")
        self._clock = clock
        self._keys: Keys | None = None
        self._ends = float("-inf")

    async def renew(self) -> None:
        """Get keys where there are none that are valid. Raises SecretFailure."""
        asked = self._clock()
        if asked < self._ends:
            return
        asks: KeySource | Identity | None = self._identity
        if asks is None:
            asks = own = await asyncio.to_thread(own_keys, self._environ, self._settings.aws_profile_name)
            if self._role is None:
                self._keys = own  # what botocore finds it renews itself
                return
        role = Role(
            arn=self._role or "",
            region=self._region,
            asks=asks,
            session=self._settings.aws_session_name or self._environ.get("AWS_ROLE_SESSION_NAME") or SESSION,
            endpoint=self._endpoint,
            external_id=self._settings.aws_external_id,
        )
        try:
            token = await assume(role, self._wire.fetch)
        except UpstreamFailure as error:
            raise SecretFailure(error.message) from None
        self._keys, self._ends = token.value, asked + token.lifetime

    def current(self) -> Keys:
        """Return the keys. Raises SecretFailure before `renew`."""
        if self._keys is None:
            raise SecretFailure("AWS has no keys yet")
        return self._keys


def identity_of(environ: Mapping[str, str], settings: KeyManagement) -> Identity | None:
    """Return the identity token that a role is lent for: the settings', or that of the container where no keys are."""
    given = settings.aws_web_identity_token
    if given:
        try:
            return oidc.find(given, environ) if given.startswith(oidc.PREFIX) else Identity(value=given)
        except ConfigurationError as error:
            raise SecretFailure(error.message) from None
    if settings.aws_role_name or settings.aws_profile_name or environ.get("AWS_ACCESS_KEY_ID"):
        return None
    # https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
    file = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    return Identity(file=file) if file and environ.get("AWS_ROLE_ARN") else None


def own_keys(environ: Mapping[str, str], profile: str | None) -> Keys:
    """Return the keys of the environment, else those that botocore finds. Raises SecretFailure."""
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret and not profile:
        return Keys(access, secret, environ.get("AWS_SESSION_TOKEN"))
    try:
        session = load("botocore.session").Session(profile=profile)
        found = session.get_credentials()
        frozen = None if found is None else found.get_frozen_credentials()
    except ImportError:
        raise SecretFailure(
            "AWS has no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pip install botocore for profiles"
        ) from None
    except load("botocore.exceptions").BotoCoreError as error:
        raise SecretFailure(f"AWS credentials cannot be had ({type(error).__name__})") from None
    if frozen is None:
        raise SecretFailure("AWS credentials were found nowhere; set AWS_ACCESS_KEY_ID or a profile")
    return Keys(frozen.access_key, frozen.secret_key, frozen.token)
