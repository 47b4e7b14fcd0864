"""Amazon Bedrock Guardrails: a guardrail of the account, or its checks without one (`checks`).

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html. What it only anonymizes is
written back; what it blocks is refused. A failure that Bedrock wraps in status 200 has no `action` and is a failure.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Text
from tianji.guardrails.vendor import (
    AROUND,
    PRE_AND_POST,
    Asking,
    AwsSignature,
    Call,
    Check,
    Hook,
    Occasion,
    Params,
    Sight,
    Surroundings,
    Type,
    bearer,
    post,
)
from tianji.guardrails.verdict import UNSEEN, Allow, Answer, Block, Findings, Unavailable, Verdict, replaced

_MOST_IMAGES: Final = 20
_IMAGES: Final = {"data:image/png;base64": "png", "data:image/jpeg;base64": "jpeg"}


class Bedrock(Params, frozen=True, kw_only=True):
    """Keys that are empty come from where botocore would look. `api_key`: a bearer token instead of signatures.

    Thresholds are those of `checks`; null only notes what was found.
    """

    environment: ClassVar = {
        "api_key": ("AWS_BEARER_TOKEN_BEDROCK",),
        "aws_region_name": ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"),
    }
    aliases: ClassVar = {
        "guardrail_id": "guardrailIdentifier",
        "guardrail_version": "guardrailVersion",
        "region": "aws_region_name",
        "aws_session_name": "aws_role_session_name",
    }
    secrets: ClassVar = frozenset({"api_key", "aws_secret_access_key", "aws_session_token"})

    guardrailIdentifier: str = ""  # noqa: N815 - the key as it is written
    guardrailVersion: str | int = "DRAFT"  # noqa: N815
    checks: dict[Literal["contentFilter", "promptAttack", "sensitiveInformation"], dict[str, Any]] | None = None
    content_filter_threshold: float | None = 0.5
    prompt_attack_threshold: float | None = 0.5
    pii_confidence_threshold: float | None = 0.5
    api_key: str = ""
    aws_region_name: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = ""
    aws_session_token: str = ""
    aws_role_name: str = ""
    aws_role_session_name: str = ""
    aws_profile_name: str = ""
    aws_bedrock_runtime_endpoint: str = ""
    chunk_budget_chars: int = 25_000
    contextual_grounding_from_messages: bool = False
    disable_exception_on_block: bool = False
    skip_unscannable_attachments: bool = False

    def call(self, path: str, document: object) -> Call:
        """Return the call that posts a document there."""
        base = self.aws_bedrock_runtime_endpoint or f"https://bedrock-runtime.{self.aws_region_name}.amazonaws.com"
        url = base.rstrip("/") + path
        if self.api_key:
            return post(url, document, bearer(self.api_key))
        signature = AwsSignature(
            "bedrock",
            self.aws_region_name,
            self.aws_access_key_id,
            self.aws_secret_access_key,
            self.aws_session_token,
            self.aws_role_name,
            self.aws_role_session_name,
            self.aws_profile_name,
        )
        return post(url, document, auth=signature)


class _Output(Struct):
    text: str = ""


class _Applied(Struct):
    action: Literal["NONE", "GUARDRAIL_INTERVENED"]
    outputs: list[_Output] = []
    assessments: list[dict[str, Any]] = []


class _Score(Struct, rename="camel"):
    severity_score: float | None = None
    confidence_score: float | None = None
    category: str = ""
    type: str = ""

    @property
    def value(self) -> float:
        """Its score; the highest where Bedrock gives none."""
        return next((score for score in (self.severity_score, self.confidence_score) if score is not None), 1.0)


class _Section(Struct):
    results: list[_Score]


class _Results(Struct, rename="camel"):
    content_filter: _Section | None = None
    prompt_attack: _Section | None = None
    sensitive_information: _Section | None = None


class _Checked(Struct):
    results: _Results


def _build(params: Bedrock, _surroundings: Surroundings) -> Check:
    if bool(params.guardrailIdentifier) == bool(params.checks):
        raise ConfigurationError("bedrock: set either guardrailIdentifier or checks")
    if not params.aws_region_name and not params.aws_bedrock_runtime_endpoint:
        raise ConfigurationError("bedrock: set aws_region_name, or AWS_REGION")
    return partial(_invoke if params.checks else _apply, params)


def _apply(params: Bedrock, content: Content, occasion: Occasion) -> Asking:
    fixed = _images(content, skip=params.skip_unscannable_attachments)
    if fixed is None:
        return Block(UNSEEN)
    grounded = params.contextual_grounding_from_messages and content.answers
    if grounded:
        fixed += [_block(text, "grounding_source" if text.role == "system" else "query") for text in content.asked]
    dynamic = {name: value for name, value in occasion.dynamic.items() if name not in {"content", "source"}}
    source = "OUTPUT" if content.answers else "INPUT"
    path = f"/guardrail/{quote(params.guardrailIdentifier, safe='')}/version/{params.guardrailVersion}/apply"
    batches = list(_batches(content.texts, params.chunk_budget_chars)) or [[]]
    qualifier = "guard_content" if grounded else ""
    bodies = [[*fixed, *(_block(text, qualifier) for text in batch)] for batch in batches]
    replies = yield [params.call(path, {**dynamic, "source": source, "content": body}) for body in bodies]
    texts: list[str | None] = []
    for batch, answer in zip(batches, [reply.read(_Applied) for reply in replies], strict=True):
        if answer.action == "NONE":
            texts += [None] * len(batch)
        elif blocked := sorted({name for name, action in _judged(answer.assessments) if action == "BLOCKED"}):
            return _refusal(params, answer, tuple(blocked))
        elif len(answer.outputs) != len(batch):
            raise Unavailable("the answer has another number of texts")
        else:
            texts += [output.text for output in answer.outputs]
    return replaced(content, texts)


def _block(text: Text, qualifier: str) -> dict[str, Any]:
    return {"text": {"text": text.text, **({"qualifiers": [qualifier]} if qualifier else {})}}


def _images(content: Content, *, skip: bool) -> list[dict[str, Any]] | None:
    """Return the images as Bedrock takes them; None where one cannot be scanned and `skip` does not say to pass it."""
    found: list[dict[str, Any]] = []
    for image in content.images:
        kind, _, data = image.partition(",")
        if kind in _IMAGES and len(found) < _MOST_IMAGES:
            found.append({"image": {"format": _IMAGES[kind], "source": {"bytes": data}}})
        elif not skip:
            return None
    return found


def _batches(texts: tuple[Text, ...], most: int) -> Iterator[list[Text]]:
    """Share texts among calls of so many characters at most; a longer text goes alone."""
    batch: list[Text] = []
    for text in texts:
        if batch and sum(len(each.text) for each in batch) + len(text.text) > most:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _judged(assessments: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield name and action of all that any policy found, wherever it stands; never the text that it found."""
    left: list[Any] = [*assessments]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += item
        elif isinstance(item, dict):
            left += item.values()
            if isinstance(item.get("action"), str):
                yield str(item.get("name") or item.get("type") or "word"), item["action"]


def _refusal(params: Bedrock, answer: _Applied, blocked: tuple[str, ...]) -> Verdict:
    said = "\n".join(output.text for output in answer.outputs)
    findings = Findings(categories=blocked)
    if params.disable_exception_on_block:
        return Answer(said, findings)
    detail = {
        "bedrock_guardrail_response": said,
        "guardrailIdentifier": params.guardrailIdentifier,
        "guardrailVersion": params.guardrailVersion,
        "assessments": blocked,
    }
    return Block("Violated guardrail policy", detail, findings)


def _invoke(params: Bedrock, content: Content, _occasion: Occasion) -> Asking:
    if content.images and not params.skip_unscannable_attachments:  # checks are of texts alone
        return Block(UNSEEN)
    messages = [{"role": text.role, "content": [{"text": text.text}]} for text in content.texts]
    (reply,) = yield [params.call("/guardrail-checks/invoke", {"messages": messages, "checks": params.checks})]
    results = reply.read(_Checked).results
    sections = (
        (results.content_filter, params.content_filter_threshold),
        (results.prompt_attack, params.prompt_attack_threshold),
        (results.sensitive_information, params.pii_confidence_threshold),
    )
    scored = [(score, least) for section, least in sections if section for score in section.results]
    over = [score for score, least in scored if least is not None and score.value >= least]
    findings = Findings(categories=tuple(sorted({score.category or score.type for score in over})))
    if not over:
        return Allow(findings=findings)
    return Block("Violated guardrail policy", {"bedrock_guardrail_checks": findings.categories}, findings)


TYPE = Type(
    names=("bedrock", "bedrock_guardrail"),
    params=Bedrock,
    check=_build,
    hooks=AROUND | {Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL},
    sees=Sight.IMAGES,
    longest=25_000,
    attempts=4,
)
