"""What holds for Google's models wherever they are served."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.models import stream_path, whole_path
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping, native_shaping
from tianji.providers.upstream import MEDIA, PATHS, OwnForm, Shaping

PROTOCOL: Final = "tianji.protocol.gemini.outbound"
# Conversations over a WebSocket, as OpenAI's clients hold them and as Google's do; both lead to the Live API.
SOCKETS: Final[Mapping[str, str]] = {"realtime": "/realtime", "live": "/live"}

PAINTERS: Final = ("imagen", "imagegeneration")
"""How models begin that make pictures and do not talk."""

# OpenAI's parameters that Google has nothing for.
LACKS: Final = frozenset({"logit_bias", "prediction", "verbosity"})
# Hints to OpenAI's own machinery, without which the same answer comes.
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})
# Parameters of a deployment that mean the same in both forms.
SHARED: Final = frozenset({"safety_settings", "safetySettings", "labels", "cachedContent", "cached_content"})


_PROJECT: Final = re.compile(r"/(projects/[^/]+/locations/[^/]+)$")


def publisher(base: str) -> str | None:
    """Return what stands before `models/` in the names of Google's models at Vertex AI; None where no project says."""
    found = _PROJECT.search(base)
    return f"{found[1]}/publishers/google/" if found else None


def media_of(model: str) -> Mapping[str, str]:
    """Return which pictures and sound a model makes, by its name, and the modules that ask for them."""
    if model.startswith(PAINTERS) or "image" in model or "banana" in model:
        return {"image_generation": f"{MEDIA}.google_pictures"}
    return {"audio_speech": f"{MEDIA}.google_speech"} if "tts" in model else {}


def made(media: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of operations that are asked for in another form, which say their paths themselves."""
    return {operation: PATHS[operation] for operation in media}


def shaping_of(deployment: Deployment) -> Shaping:
    """Return the shaping of bodies on their way to Google's form."""
    return compile_shaping(deployment, Rules(unsupported=LACKS, removed=HINTS, conditions=(USED_TOOL_CHOICE,)))


def own_form(deployment: Deployment) -> OwnForm:
    """Return how what clients ask in Google's form goes through."""

    @lru_cache(64)
    def suffix(model: str, streamed: bool) -> str:
        target = Target(provider=deployment.provider, model=model)
        return stream_path(target) if streamed else whole_path(target)

    return OwnForm(suffix=suffix, shaping=native_shaping(deployment, SHARED), names_model=False)
