"""Under which names of the catalogue a deployment's price may stand, the most telling first."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_CROSS_REGION: Final = re.compile(r"(?:us-gov|us|eu|apac|jp|au|ca|sa|global)\.(?=[a-z0-9]+\.)")
_DATED: Final = re.compile(r"-20\d\d-?(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])$")
_ROUTES: Final = ("converse/", "invoke/", "converse_like/")  # of Bedrock: how it is called, not what
_SIZE: Final = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")
_RESOLUTION: Final = re.compile(r"[0-9]{1,4}[pk]")
_NAMED: Final[Mapping[int, str]] = {1440: "2k", 2160: "4k"}
"""Resolutions that are not called by the pixels of the shorter side."""
SHARP: Final = "1024p"  # beyond which OpenAI's videos cost more
VIDEOS: Final = "video_generation"  # the kind of model
# Providers that list their models under another name.
_LISTED_BY: Final[Mapping[str, frozenset[str]]] = {
    "anthropic_text": frozenset({"anthropic"}),
    "azure_ai": frozenset({"azure"}),
    "bedrock": frozenset({"bedrock_converse"}),
    "cohere_chat": frozenset({"cohere"}),
    "ai21_chat": frozenset({"ai21"}),
    "text-completion-openai": frozenset({"openai"}),
}
_ANYBODY: Final = frozenset({"litellm_proxy"})  # stands before others


def candidates(provider: str, model: str, region: str | None = None) -> Iterator[str]:
    """Yield the names of an upstream model, such as bedrock/us-east-1/x, bedrock/x, x.

    A fine-tuned model goes by the name of what it was made from, as `ft:gpt-4o-mini-2024-07-18`; Bedrock's inference
    profiles by that of the model; a dated version that is not listed by that of its model.
    """
    seen: set[str] = set()
    for variant in _variants(provider, model):
        names = [f"{provider}/{variant}", variant]
        if region:
            names.insert(0, f"{provider}/{region}/{variant}")
        rest = variant
        while "/" in rest:
            rest = rest.partition("/")[2]
            names.append(rest)
        for name in names:
            if name not in seen:
                seen.add(name)
                yield name


def picture_names(provider: str, model: str, quality: str, size: str) -> Iterator[str]:
    """Yield the names of a picture's price, such as azure/hd/1024-x-1792/dall-e-3; `size` is 1024x1792.

    A picture of which nobody says how good it is costs what the best one does, as in LiteLLM.
    """
    model, size = model.removeprefix(f"{provider}/"), size.replace("x", "-x-")
    yield f"{provider}/{quality}/{size}/{model}"
    yield f"{quality}/{size}/{model}"
    yield f"{provider}/{size}/{model}"
    yield f"{size}/{model}"
    yield f"{provider}/high/{size}/{model}"
    yield f"high/{size}/{model}"


def sharper(model: str) -> str:
    """Return the name under which OpenAI's larger videos of a model have a price of their own."""
    return f"{model}-high-res"


def resolution_of(size: str) -> str | None:
    """Return what prices call the resolution of a picture or a video of this size, WIDTHxHEIGHT; None for no size.

    A resolution, such as 1080p, is what it is.
    """
    found = _SIZE.fullmatch(size)
    if found is None:
        return size if _RESOLUTION.fullmatch(size) else None
    shorter = min(int(found[1]), int(found[2]))
    return _NAMED.get(shorter, f"{shorter}p")


def fits(provider: str, name: str, listed_by: object) -> bool:
    """Whether an entry is this provider's: its name says so, or the provider that it is listed by."""
    by = str(listed_by)
    if provider in _ANYBODY or name.startswith(f"{provider}/") or by == provider or by.startswith(f"{provider}-"):
        return True
    return by in _LISTED_BY.get(provider, ())


def _variants(provider: str, model: str) -> Iterator[str]:
    model = model.removeprefix(f"{provider}/")
    if provider == "bedrock":
        for route in _ROUTES:
            model = model.removeprefix(route)
    yield model
    if model.startswith("ft:"):  # ft:<model>:<organisation>:<suffix>:<id>
        model = ":".join(model.split(":")[:2])
        yield model
    if provider == "bedrock":
        model = _CROSS_REGION.sub("", model)
        yield model
    yield _DATED.sub("", model)
