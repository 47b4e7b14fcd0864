"""llm_as_a_judge: a model of the gateway's own gives marks, and what gets too few does not pass.

Its keys are LiteLLM's. A request that fails is 400 here as with all guardrails, where LiteLLM says 422.
"""

from typing import ClassVar, Final

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails import models
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Check, Hook, Occasion, Params, Surroundings, Type
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable

_BEST: Final = 100
_INSTRUCTIONS: Final = """You examine {what}, which comes as JSON, one message a line. Give it a mark for each of
these criteria, from 0 (not met at all) to 100 (met entirely):

{criteria}

Answer with one JSON object and nothing else: {{"marks": {{"<name of the criterion>": <mark>, ...}}}}"""


class Criterion(Struct, frozen=True):
    """One of those by which is judged. `weight`: its part of the whole, in percent."""

    name: str
    weight: float
    description: str = ""


class JudgeParams(Params, frozen=True, kw_only=True):
    """The keys of an entry."""

    aliases: ClassVar = {"on_failure": "on_flagged"}

    judge_model: str
    criteria: tuple[Criterion, ...]
    overall_threshold: float = 80

    def asks(self) -> tuple[str, ...]:
        """Return the model that judges."""
        return (self.judge_model,)


class _Marks(Struct):
    marks: dict[str, float]


class _Judge:
    """What asks for marks."""

    def __init__(self, params: JudgeParams) -> None:
        self._params = params
        rows = [{"name": one.name, "description": one.description} for one in params.criteria]
        self._criteria = "\n".join(msgspec.json.encode(row).decode() for row in rows)

    def __call__(self, content: Content, _occasion: Occasion) -> Asking:
        said = models.transcript(content)
        if not said:
            return Allow()
        what = "the last message of a conversation" if content.answers else "what somebody asks of a model"
        instructions = _INSTRUCTIONS.format(what=what, criteria=self._criteria)
        (reply,) = yield [models.judging(self._params.judge_model, instructions, said)]
        marks = models.told(reply, _Marks).marks
        score = sum(one.weight * _mark(marks, one) for one in self._params.criteria) / _BEST
        findings = Findings(score=round(score, 2))
        if score >= self._params.overall_threshold:
            return Allow(findings=findings)
        detail = {"overall_score": findings.score, "overall_threshold": self._params.overall_threshold, "marks": marks}
        return Block("It does not meet the criteria of the judge", {"eval_information": detail}, findings)


def _mark(marks: dict[str, float], criterion: Criterion) -> float:
    """Return the mark for a criterion. Raises Unavailable where there is none."""
    mark = marks.get(criterion.name, -1)
    if not 0 <= mark <= _BEST:
        raise Unavailable("the model does not give every mark that it was asked for")
    return mark


def _check(params: JudgeParams, _surroundings: Surroundings) -> Check:
    total = sum(one.weight for one in params.criteria)
    if abs(total - _BEST) > 0.01 or any(one.weight < 0 for one in params.criteria):
        raise ConfigurationError(f"criteria: the weights make {total:g}, and have to make {_BEST}")
    return _Judge(params)


TYPE = Type(
    names=("llm_as_a_judge",),
    params=JudgeParams,
    check=_check,
    legacy=frozenset({Hook.POST_CALL}),
    last_turn=True,
    timeout=60.0,
    fails_open=True,
)
