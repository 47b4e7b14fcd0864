"""The built-in mock upstream: everything OpenAI's, at an address of one's own, without a key."""

from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import PATHS, Upstream

BASES = ("TIANJI_MOCK_BASE",)


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `mock`. Raises ConfigurationError when no address is known."""
    own = deployment.api_base or deployment.variable(BASES)
    if not own:
        raise ConfigurationError(
            f"{deployment.label()} has no address: set api_base or TIANJI_MOCK_BASE (tianji mock prints it)"
        )
    base, query = address.split_base(own)
    headers = [("authorization", f"Bearer {deployment.api_key}")] if deployment.api_key else []
    return Upstream(
        provider="mock",
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths=dict(PATHS),
        shaping=compile_shaping(deployment, Rules()),
        plain_shaping=plain_shaping(deployment),
        key_missing=None,
        secrets=(deployment.api_key,) if deployment.api_key else (),
    )
