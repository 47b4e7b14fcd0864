"""IBM watsonx.ai's chat (https://cloud.ibm.com/apidocs/watsonx-ai#text-chat): OpenAI's, under other names."""

from typing import Final
from urllib.parse import quote

import msgspec

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.variant import Json, members_of

DEPLOYED: Final = "deployment/"
"""How the name of a model begins that is a deployment of one's own."""
_OF_PROJECTS: Final = ("model_id", "project_id", "space_id")


def outbound(request: Request, target: Target) -> OpenAIOutbound:
    """Write a request. Whether it streams is said by its path."""
    members = members_of(request, target)
    streamed = bool(members.pop("stream", None))
    members.pop("stream_options", None)
    members["model_id"] = members.pop("model")
    choice = members.get("tool_choice")
    if isinstance(choice, str):
        members["tool_choice_option"] = members.pop("tool_choice")
    body = msgspec.json.encode(placed(members, target))
    return OpenAIOutbound(body, path(target, "chat", streamed=streamed), target)


def path(target: Target, task: str, *, streamed: bool) -> str:
    """Return where a task is asked for: at a deployment of one's own, or with a model's name in the body."""
    method = f"{task}_stream" if streamed else task
    if target.model.startswith(DEPLOYED):
        return f"/ml/v1/deployments/{quote(target.model.removeprefix(DEPLOYED), safe='')}/text/{method}"
    return f"/ml/v1/text/{method}"


def placed(members: Json, target: Target) -> Json:
    """Return the members without what says model and project, where a deployment stands for both."""
    if not target.model.startswith(DEPLOYED):
        return members
    return {name: value for name, value in members.items() if name not in _OF_PROJECTS}
