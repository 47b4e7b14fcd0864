"""Amazon Polly: https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html. The model names an engine."""

from typing import Final
from urllib.parse import urlsplit

from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import aws
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import MEDIA, PATHS, Upstream

SERVICE: Final = "polly"


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `aws_polly`."""
    region = aws.region_of(deployment, None)
    base, query = address.split_base(deployment.api_base or f"https://polly.{region}.{aws.domain_of(region)}")
    base = base.removesuffix("/v1/speech").removesuffix("/v1")
    source = aws.keys_of(deployment, region)
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers(deployment.extra_headers.items()),
        query=address.encode_query(query, deployment.extra_query),
        paths={"audio_speech": PATHS["audio_speech"]},
        shaping=compile_shaping(deployment, Rules()),
        plain_shaping=plain_shaping(deployment),
        key_missing=None if source else aws.MISSING,
        secrets=aws.secrets_of(deployment),
        media={"audio_speech": f"{MEDIA}.polly"},
        sign=None if source is None else aws.signer(source, urlsplit(base).netloc, region, SERVICE),
        awaits=source.task if isinstance(source, TokenSource) else None,
    )
