"""What a model's name says: its generation, and where its methods are.

https://ai.google.dev/gemini-api/docs/models and
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models/generateContent
"""

import re
from urllib.parse import quote

from tianji.protocol.chat.seam import Target

_GENERATION = re.compile(r"gemini-(\d{1,3})")
VERTEX = frozenset({"vertex_ai", "vertex_ai_beta"})


def generation(model: str) -> int | None:
    """Return 2 for gemini-2.5-pro, and None for a name without a number, such as gemini-flash-latest."""
    found = _GENERATION.search(model)
    return int(found[1]) if found else None


def on_vertex(target: Target) -> bool:
    """Tell whether the target is Vertex AI, which takes some members that the Gemini API does not, and the reverse."""
    return target.provider in VERTEX


def whole_path(target: Target) -> str:
    """Return the path of the method that answers in one piece."""
    return method_path(target, "generateContent")


def stream_path(target: Target) -> str:
    """Return the path of the method that streams, by server-sent events."""
    return method_path(target, "streamGenerateContent") + "?alt=sse"


def method_path(target: Target, method: str) -> str:
    """Return the path of a method of the target's model, behind the API's version or Vertex AI's location.

    A number alone is an endpoint of Vertex AI, which serves a tuned model.
    """
    name = target.model.removeprefix("models/")
    if on_vertex(target):
        place = f"endpoints/{name}" if name.isdigit() else f"publishers/google/models/{quote(name, safe='@.')}"
    elif name.startswith("tunedModels/"):
        place = quote(name, safe="/@.")
    else:
        place = f"models/{quote(name, safe='@.')}"
    return f"/{place}:{method}"
