"""AIM Security. Its socket for streams is not used: answers are judged by the same call, and held back until then."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from msgspec import Struct

from tianji import __version__
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Hook, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, Verdict, replaced

_ROLES = frozenset({"system", "user", "assistant"})


class Aim(Params, frozen=True, kw_only=True):
    """The user's mail address is taken from the client's header `x-aim-user-email`."""

    environment: ClassVar = {"api_key": ("AIM_API_KEY",), "api_base": ("AIM_API_BASE",)}

    api_key: str
    api_base: str = "https://api.aim.security"


class _Action(Struct):
    action_type: Literal["monitor_action", "block_action", "anonymize_action"] | None
    detection_message: str | None = None


class _Message(Struct):
    content: str | None = None


class _Redacted(Struct):
    all_redacted_messages: list[_Message]


class _Analysis(Struct):
    policy_drill_down: dict[str, Any] | None = None


class Analyzed(Struct):
    """What the service says; `required_action` null: nothing."""

    required_action: _Action | None
    redacted_chat: _Redacted | None = None
    analysis_result: _Analysis | None = None


def chat(content: Content) -> dict[str, object]:
    """Return the conversation in the three roles that the service knows."""
    turns = content.turns()
    return {"messages": [{**turn, "role": turn["role"] if turn["role"] in _ROLES else "user"} for turn in turns]}


def hook_of(occasion: Occasion, content: Content) -> str:
    """Return what the service calls the hook."""
    if content.answers:
        return "output"
    return "moderation" if occasion.hook is Hook.DURING_CALL else "pre_call"


def verdict(answer: Analyzed, content: Content) -> Verdict:
    """Return what the answer means. Raises Unavailable where something is to be masked and it does not say how."""
    drill = answer.analysis_result.policy_drill_down if answer.analysis_result else None
    findings = Findings(categories=tuple(sorted(drill or ())))
    action = answer.required_action
    if action is None or action.action_type is None:
        return Allow(findings=findings)
    message = action.detection_message or "Blocked by guardrail"
    if action.action_type == "monitor_action":
        return Allow(message, findings)
    if action.action_type == "block_action":
        return Block(message, findings=findings)
    if answer.redacted_chat is None:
        raise Unavailable("the answer lacks the masked texts")
    return replaced(content, [message.content for message in answer.redacted_chat.all_redacted_messages], findings)


def analyzes(name: str) -> Callable[[Aim, Content, Occasion], Asking]:
    """Return what asks the service, whose own headers have `name` in them."""

    def ask(params: Aim, content: Content, occasion: Occasion) -> Asking:
        headers = {
            **bearer(params.api_key),
            f"x-{name}-litellm-hook": hook_of(occasion, content),
            f"x-{name}-litellm-version": __version__,
            f"x-{name}-call-id": occasion.call_id,
            f"x-{name}-user-email": occasion.headers.get(f"x-{name}-user-email", ""),
            f"x-{name}-gateway-key-alias": occasion.key_alias,
        }
        said = {header: value for header, value in headers.items() if value}
        (reply,) = yield [post(under(params.api_base, "/fw/v1/analyze"), chat(content), said)]
        return verdict(reply.read(Analyzed), content)

    return ask


TYPE = Type(names=("aim",), params=Aim, check=asking(analyzes("aim")), masks=PRE_AND_POST)
