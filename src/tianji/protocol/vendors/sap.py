"""SAP AI Core's orchestration (https://api.sap.com/api/ORCHESTRATION_API_v2): OpenAI's form in an envelope."""

from typing import Any, Final

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.variant import Json, VariantOutbound, members_of

SUFFIX: Final = "/v2/completion"
_PROMPT: Final = ("tools", "response_format")  # what stands beside the messages
_MODULES: Final = ("grounding", "masking", "filtering", "translation")  # other modules, as the client wrote them
_VALUES: Final = "placeholder_values"


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request; whatever is not of the prompt is a parameter of the model."""
    members = members_of(request, target)
    prompt: Json = {"template": members.pop("messages")}
    prompt |= {name: members.pop(name) for name in _PROMPT if name in members}
    modules = {name: members.pop(name) for name in _MODULES if name in members}
    streamed = bool(members.pop("stream", None))
    members.pop("stream_options", None)
    model = {"name": members.pop("model"), "version": members.pop("model_version", "latest")}
    values = members.pop(_VALUES, {})
    model["params"] = members
    config: Json = {"modules": {"prompt_templating": {"prompt": prompt, "model": model}, **modules}}
    if streamed:
        config["stream"] = {"enabled": True}
    return VariantOutbound({"config": config, _VALUES: values}, SUFFIX, target, usual)


def usual(members: Json) -> Json:
    """Take the answer of the model out of its envelope; an event may be about other modules alone."""
    found: Any = members.get("final_result", members.get("orchestration_result"))
    if isinstance(found, dict):
        return found
    return {"choices": []} if "intermediate_results" in members else members
