"""IBM's FMS Guardrails: a detector server, or the orchestrator in front of several.

https://foundation-model-stack.github.io/fms-guardrails-orchestrator
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Call, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable


class IBM(Params, frozen=True, kw_only=True):
    """`is_detector_server`: false for the orchestrator; `score_threshold`: lower-scored detections do not count.

    verify_ssl: false for an installation of one's own with a certificate that nobody else has signed
    """

    environment: ClassVar = {"auth_token": ("IBM_GUARDRAILS_AUTH_TOKEN",)}
    aliases: ClassVar = {"api_key": "auth_token", "api_base": "base_url"}
    secrets: ClassVar = frozenset({"auth_token", "extra_headers"})

    auth_token: str
    base_url: str
    detector_id: str
    is_detector_server: bool = True
    detector_params: Mapping[str, Any] = {}
    extra_headers: Mapping[str, str] = {}
    score_threshold: float | None = None
    verify_ssl: bool = True


class _Detection(Struct):
    detection_type: str = ""
    detection: str = ""
    score: float | None = None


class _Orchestrated(Struct):
    detections: list[_Detection]


def _ask(params: IBM, content: Content, _occasion: Occasion) -> Asking:
    texts = [text.text for text in content.texts if text.text]
    headers = {**bearer(params.auth_token), **params.extra_headers}
    if params.is_detector_server:
        body = {"contents": texts, "detector_params": params.detector_params}
        url = under(params.base_url, "/api/v1/text/contents")
        (reply,) = yield [_call(params, url, body, {**headers, "detector-id": params.detector_id})]
        found = reply.read(list[list[_Detection]])
        if len(found) != len(texts):
            raise Unavailable("the answer has another number of texts")
    else:
        url = under(params.base_url, "/api/v2/text/detection/content")
        detectors = {params.detector_id: params.detector_params}
        replies = yield [_call(params, url, {"content": text, "detectors": detectors}, headers) for text in texts]
        found = [reply.read(_Orchestrated).detections for reply in replies]
    least = params.score_threshold
    hits = [hit for hits in found for hit in hits if least is None or hit.score is None or hit.score >= least]
    types = tuple(sorted({hit.detection_type or hit.detection for hit in hits}))
    if not hits:
        return Allow()
    scores = [hit.score for hit in hits if hit.score is not None]
    findings = Findings(score=max(scores, default=None), categories=types)
    return Block(f"IBM Guardrail detected: {', '.join(types)}", {"detections": types}, findings)


def _call(params: IBM, url: str, document: object, headers: Mapping[str, str]) -> Call:
    return replace(post(url, document, headers), verify=params.verify_ssl)


TYPE = Type(names=("ibm_guardrails",), params=IBM, check=asking(_ask))
