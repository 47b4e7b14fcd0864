"""decision_model: a model of the gateway's own says of each check how probable it is that it holds.

Its keys are LiteLLM's. What is longer than `max_input_chars` is judged in parts that overlap, all of them.
"""

from typing import Final, Literal

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails import models
from tianji.guardrails.content import Content
from tianji.guardrails.scoping import parts
from tianji.guardrails.vendor import Asking, Check, Occasion, Params, Question, Surroundings, Type
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable

_INSTRUCTIONS: Final = """You decide whether something holds of a conversation, which comes as JSON, one message a line.
It holds in this case:

{instructions}

Answer with one JSON object and nothing else: {{"probability": <how probable it is that it holds, from 0 to 1>}}"""


class Condition(Struct, frozen=True):
    """One check. `threshold`: the probability from which on it holds; action: what follows then."""

    name: str
    instructions: str
    threshold: float = 0.5
    action: Literal["block", "monitor", "log", "alert"] = "block"


class DecisionParams(Params, frozen=True, kw_only=True):
    """The keys of an entry."""

    decision_model: str
    checks: tuple[Condition, ...]
    max_input_chars: int = 24_000
    max_concurrent_decision_calls: int = 8

    def asks(self) -> tuple[str, ...]:
        """Return the model that decides."""
        return (self.decision_model,)


class _Decision(Struct):
    probability: float


class _Decisions:
    """What asks for them."""

    def __init__(self, params: DecisionParams) -> None:
        self._params = params

    def __call__(self, content: Content, _occasion: Occasion) -> Asking:
        params, flagged = self._params, ""
        pieces = parts(models.transcript(content), params.max_input_chars)
        pairs = [(check, piece) for check in params.checks for piece in pieces]
        for at in range(0, len(pairs), params.max_concurrent_decision_calls):
            some = pairs[at : at + params.max_concurrent_decision_calls]
            replies = yield [self._question(check, piece) for check, piece in some]
            for (check, _), reply in zip(some, replies, strict=True):
                probability = _probability(models.told(reply, _Decision))
                if probability < check.threshold:
                    continue
                if check.action == "block":
                    detail = {"check": check.name, "probability": probability, "threshold": check.threshold}
                    findings = Findings(score=probability, categories=(check.name,))
                    return Block(f"Blocked by the check {check.name}", detail, findings)
                flagged = flagged or f"the check {check.name} holds"
        return Allow(flagged)

    def _question(self, check: Condition, piece: str) -> Question:
        instructions = _INSTRUCTIONS.format(instructions=check.instructions)
        return models.judging(self._params.decision_model, instructions, piece)


def _probability(decision: _Decision) -> float:
    """Return a probability. Raises Unavailable for what is none."""
    if not 0 <= decision.probability <= 1:
        raise Unavailable("the model does not say a probability")
    return decision.probability


def _check(params: DecisionParams, _surroundings: Surroundings) -> Check:
    if not params.checks:
        raise ConfigurationError("checks: there is none, so nothing would be judged")
    if params.max_input_chars < 1 or params.max_concurrent_decision_calls < 1:
        raise ConfigurationError("max_input_chars and max_concurrent_decision_calls have to be above 0")
    return _Decisions(params)


TYPE = Type(names=("decision_model",), params=DecisionParams, check=_check, timeout=30.0)
