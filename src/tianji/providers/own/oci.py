"""Oracle's Generative AI: requests are signed with a user's key.

https://docs.oracle.com/iaas/Content/generative-ai/home.htm
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import EMBEDDINGS, Upstream

if TYPE_CHECKING:
    from tianji.protocol.oci_signature import Signer

PROTOCOL: Final = "tianji.protocol.vendors.oci"
COHERE: Final = "tianji.protocol.vendors.oci_cohere"
DEFAULT_REGION: Final = "us-ashburn-1"
HINTS: Final = frozenset(
    {"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store", "metadata"}
)
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z0-9]+){1,3}")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `oci`. Raises ConfigurationError for half of a login, or a key that is none."""
    embeds = ".embed" in deployment.model
    protocol = COHERE if deployment.model.startswith("cohere.") else PROTOCOL
    region = _said(deployment, "region") or DEFAULT_REGION
    if not _REGION.fullmatch(region):
        raise ConfigurationError(f"{deployment.label()}: oci_region {region!r} is no region, such as {DEFAULT_REGION}")
    base, query = address.split_base(
        deployment.api_base or f"https://inference.generativeai.{region}.oci.oraclecloud.com"
    )
    base = base.removesuffix("/20231130/actions/chat").removesuffix("/20231130")
    signer = _signer(deployment, urlsplit(base).netloc)
    compartment = _said(deployment, "compartment_id")
    form, lacks = load(PROTOCOL), load(protocol).UNSUPPORTED - {"parallel_tool_calls"}
    envelope = {form.COMPARTMENT: compartment, form.SERVING: _serving(deployment)} if compartment else {}
    placed = _with_body(deployment, envelope)
    missing = "set oci_user, oci_fingerprint, oci_tenancy, oci_key or oci_key_file, and oci_compartment_id"
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers(deployment.extra_headers.items()),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(
            placed,
            Rules(
                unsupported=lacks,
                removed=HINTS,
                conditions=(USED_TOOL_CHOICE,),
            ),
        ),
        key_missing=None if signer and compartment else missing,
        secrets=tuple(filter(None, (deployment.text("oci_key"),))),
        protocol=None if embeds else protocol,
        embeddings=EMBEDDINGS if embeds else None,
        sign=None if signer is None else signer.sign,
    )


def _with_body(deployment: Deployment, members: dict[str, Any]) -> Deployment:
    return msgspec.structs.replace(deployment, extra_body={**deployment.extra_body, **members})


def _serving(deployment: Deployment) -> dict[str, str]:
    """https://docs.oracle.com/iaas/api/#/en/generative-ai-inference/20231130/datatypes/ServingMode."""
    endpoint = _said(deployment, "endpoint_id")
    if endpoint or (deployment.text("oci_serving_mode") or "").upper() == "DEDICATED":
        return {"servingType": "DEDICATED", "endpointId": endpoint or deployment.model}
    return {"servingType": "ON_DEMAND", "modelId": deployment.model}


def _signer(deployment: Deployment, host: str) -> "Signer | None":
    parts = [_said(deployment, name) for name in ("tenancy", "user", "fingerprint")]
    key = _said(deployment, "key") or _in_file(deployment)
    if not key and not any(parts):
        return None
    if not key or not all(parts):
        raise ConfigurationError(
            f"{deployment.label()}: oci_user, oci_fingerprint, oci_tenancy and oci_key (or oci_key_file) go together"
        )
    key_id = "/".join(filter(None, parts))
    signer: Signer = load("tianji.protocol.oci_signature").Signer(key_id, _private_key(deployment, key), host)
    return signer


def _in_file(deployment: Deployment) -> str | None:
    file = _said(deployment, "key_file")
    if file is None:
        return None
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"{deployment.label()}: oci_key_file cannot be read ({error})") from error


def _private_key(deployment: Deployment, pem: str) -> Any:
    serialization = load("cryptography.hazmat.primitives.serialization")
    rsa = load("cryptography.hazmat.primitives.asymmetric.rsa")
    try:
        key = serialization.load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError, load("cryptography.exceptions").UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{deployment.label()}: oci_key is no PEM key; take it over as it was made") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(f"{deployment.label()}: oci_key is not an RSA key")
    return key


def _said(deployment: Deployment, name: str) -> str | None:
    return deployment.text(f"oci_{name}") or deployment.variable((f"OCI_{name.upper()}",))
