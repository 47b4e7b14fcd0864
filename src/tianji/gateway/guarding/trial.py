"""One guardrail looks at a text that somebody shows it, as it would look at that of a request or an answer."""

from typing import Any, Literal

from msgspec import Struct

from tianji.auth.identity import Identity
from tianji.gateway.guarding.answers.answering import Rules
from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.failures import GuardrailBlocked, GuardrailUnavailable
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.vendor import Hook, Occasion
from tianji.guardrails.verdict import Answer, Block, Rewrite


class Trial(Struct, kw_only=True):
    """What is asked. `language`, `entities`: for types that take them with a request."""

    guardrail_name: str
    text: str = ""
    language: str | None = None
    entities: list[str] | None = None
    input_type: Literal["request", "response"] = "request"
    messages: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None


async def applied(trial: Trial, guardrail: Guardrail, caller: Identity, rules: Rules) -> str:
    """Return what a guardrail leaves of the text. Raises GuardrailBlocked and GuardrailUnavailable."""
    hooks = guardrail.modes.all
    answers = trial.input_type == "response" or (Hook.POST_CALL in hooks and Hook.PRE_CALL not in hooks)
    said = Text(trial.text, "assistant" if answers else "user")
    asked = tuple(Text(str(one.get("content", "")), str(one.get("role", "user"))) for one in trial.messages or ())
    content = Content(Direction.RESPONSE if answers else Direction.REQUEST, (said,), asked=asked if answers else ())
    settings = {"language": trial.language, "entities": trial.entities}
    occasion = Occasion(
        name=guardrail.name,
        hook=Hook.POST_CALL if answers else Hook.PRE_CALL,
        key_alias=caller.key_alias or "",
        key_hash=caller.key,
        user_id=caller.user_id or "",
        team_id=caller.team_id or "",
        settings={name: value for name, value in settings.items() if value is not None},
        metadata=trial.metadata or {},
    )
    verdict = (await rules.runner.run(guardrail, content, occasion)).verdict
    if verdict is None:
        raise GuardrailUnavailable(guardrail.name)
    if isinstance(verdict, Block):
        error = GuardrailBlocked(verdict.reason, guardrail.name, {"error": verdict.reason, **verdict.detail})
        error.status = rules.block_status
        raise error
    if isinstance(verdict, Answer):
        return verdict.text
    return verdict.texts.get(0, trial.text) if isinstance(verdict, Rewrite) else trial.text
