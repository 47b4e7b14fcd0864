"""What an id of a model of Bedrock's says.

https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html and .../inference-profiles-support.html
"""

import re
from typing import Literal
from urllib.parse import quote

from tianji.protocol.chat.seam import Target

_REGIONS = r"(?:global|us-gov|us|eu|apac|jp|au|ca|sa)\."
_VENDOR = re.compile(rf"(?:{_REGIONS})?([a-z0-9]+)\.([a-z0-9][^/]*)")
_NATIVE_JSON = re.compile(r"claude-(?:opus|sonnet|haiku)-(?:4-[5-9]|[5-9])")

Family = Literal["claude", "nova", "nova-2", "gpt-oss", "other"]


def family(model: str) -> Family:
    """Return what kind of model an id names; that of an ARN stands behind its last slash, or cannot be told."""
    found = _VENDOR.fullmatch(model.rpartition("/")[2])
    if found is None:
        return "other"
    vendor, name = found[1], found[2]
    if vendor == "anthropic":
        return "claude"
    if vendor == "amazon" and name.startswith("nova-2"):
        return "nova-2"
    if vendor == "amazon" and name.startswith("nova"):
        return "nova"
    return "gpt-oss" if vendor == "openai" else "other"


def base_model(target: Target) -> str:
    """Return the model that a target stands for: an ARN need not say it, so the operator may, as `base_model`."""
    base = target.facts.get("base_model")
    return base.removeprefix("bedrock/") if isinstance(base, str) else target.model


def family_of(target: Target) -> Family:
    """Return what kind of model a target is."""
    return family(base_model(target))


def has_output_format(target: Target) -> bool:
    """Tell whether a model keeps to a JSON schema by itself, without being made to call a tool."""
    return family_of(target) == "claude" and _NATIVE_JSON.search(base_model(target)) is not None


def converse_path(model: str, *, streamed: bool) -> str:
    """Return the path of Converse or ConverseStream; an ARN's slashes and colons are encoded."""
    return f"/model/{quote(model, safe='')}/{'converse-stream' if streamed else 'converse'}"
