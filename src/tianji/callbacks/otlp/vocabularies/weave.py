"""Weights & Biases Weave: OpenInference and a few words of its own (https://weave-docs.wandb.ai/guides/tracking/otel).

A call is told alone: Weave shows turns of a conversation, not what a gateway does for one.
"""

from typing import Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.facts import Facts
from tianji.callbacks.otlp.span import Vocabulary
from tianji.callbacks.otlp.vocabularies.openinference import openinference


def weave(event: LogEvent, content: bool) -> Facts:
    """Return the attributes of an attempt."""
    own = event.metadata["requester_metadata"]
    found = openinference(event, content)
    found |= {"wandb.display_name": _displayed(event), "wandb.is_turn": True}
    thread = own.get("session_id")
    if isinstance(thread, str) and thread:
        found["wandb.thread_id"] = thread
    return found


def _displayed(event: LogEvent) -> str:
    own = event.metadata["requester_metadata"].get("display_name")
    named = own if isinstance(own, str) and own else f"{event.custom_llm_provider}/{event.model or event.model_group}"
    return named.replace("/", "__")  # Weave takes a slash for a part of an address


WEAVE: Final = Vocabulary(weave, whole=False)
