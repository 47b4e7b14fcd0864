"""Pangea's AI Guard (https://pangea.cloud/docs/api/ai-guard); its successor is `crowdstrike_aidr`."""

from typing import Any, ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, Verdict, replaced


class Pangea(Params, frozen=True, kw_only=True):
    """`pangea_input_recipe`, `pangea_output_recipe`: which rules of the service apply to requests, and to answers."""

    environment: ClassVar = {"api_key": ("PANGEA_API_KEY",), "api_base": ("PANGEA_API_BASE",)}

    api_key: str
    api_base: str = "https://ai-guard.aws.us.pangea.cloud"
    pangea_input_recipe: str = ""
    pangea_output_recipe: str = ""


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message


class Guarded(Struct):
    """Texts as the service sends them back: those of a request as messages, those of an answer as choices."""

    messages: list[_Message] | None = None
    choices: list[_Choice] | None = None


class _Detector(Struct):
    detected: bool | None = None


class _Result(Struct):
    blocked: bool
    transformed: bool = False
    output: Guarded | None = None
    detectors: dict[str, _Detector] | None = None


class _Answer(Struct):
    result: _Result


def guarded_input(content: Content) -> dict[str, Any]:
    """Return a content as the service takes it."""
    said = [{"role": text.role, "content": text.text} for text in content.texts]
    found: dict[str, Any] = {"messages": said, "tools": content.tools}
    if content.answers:
        found["messages"] = [{"role": text.role, "content": text.text} for text in content.asked]
        found["choices"] = [{"index": index, "message": message} for index, message in enumerate(said)]
    return {name: value for name, value in found.items() if value or name == "messages"}


def changed(content: Content, output: Guarded | None, findings: Findings) -> Verdict:
    """Return what texts that were sent back mean. Raises Unavailable where there are none, or others than were sent."""
    messages = output.messages if output else None
    if content.answers:
        messages = [choice.message for choice in output.choices] if output and output.choices is not None else None
    if messages is None:
        raise Unavailable("the answer lacks the changed texts")
    return replaced(content, [message.content for message in messages], findings)


def _ask(params: Pangea, content: Content, occasion: Occasion) -> Asking:
    recipe = params.pangea_output_recipe if content.answers else params.pangea_input_recipe
    body = {
        "debug": False,
        "input": guarded_input(content),
        "event_type": "output" if content.answers else "input",
        **({"recipe": recipe} if recipe else {}),
    }
    base = params.api_base.replace("{SERVICE_NAME}", "ai-guard")
    (reply,) = yield [post(under(base, "/v1beta/guard"), body, bearer(params.api_key))]
    result = reply.read(_Answer).result
    detected = sorted(name for name, each in (result.detectors or {}).items() if each.detected)
    findings = Findings(categories=tuple(detected))
    if result.blocked:
        return Block("Violated Pangea guardrail policy", {"guardrail_name": occasion.name}, findings)
    return changed(content, result.output, findings) if result.transformed else Allow(findings=findings)


TYPE = Type(names=("pangea",), params=Pangea, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
