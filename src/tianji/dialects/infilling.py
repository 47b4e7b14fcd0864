"""OpenAI's old completions over models that write what lies between two texts: `suffix` is the second one."""

from tianji.dialects.completions import Completions


def inbound(body: bytes, model: str, streamed: bool) -> Completions:  # noqa: ARG001 - it stands in the body
    """Read a request."""
    return Completions(body, model, infills=True)
