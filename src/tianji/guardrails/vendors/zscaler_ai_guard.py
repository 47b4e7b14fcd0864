"""Zscaler AI Guard: the last turn is held against a policy, or against the one that the vendor finds for the key."""

from typing import Any, ClassVar, Final, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post
from tianji.guardrails.verdict import Allow, Block, Findings, Rewrite, Unavailable

_WITH_POLICY, _WITHOUT = "/execute-policy", "/resolve-and-execute-policy"
_POLICY: Final = "zguard_policy_id"
_LONGEST: Final = 19  # digits of a policy's number


class Zscaler(Params, frozen=True, kw_only=True):
    """`api_base`: the whole URL. `policy_id`: below 1 the vendor finds it; metadata of request, key and team go before.

    send_user_api_key_*: whether the vendor is told whose request it is
    """

    environment: ClassVar = {
        "api_key": ("ZSCALER_AI_GUARD_API_KEY",),
        "api_base": ("ZSCALER_AI_GUARD_URL",),
        "policy_id": ("ZSCALER_AI_GUARD_POLICY_ID",),
        "send_user_api_key_alias": ("SEND_USER_API_KEY_ALIAS",),
        "send_user_api_key_user_id": ("SEND_USER_API_KEY_USER_ID",),
        "send_user_api_key_team_id": ("SEND_USER_API_KEY_TEAM_ID",),
    }

    api_key: str
    api_base: str = "https://api.us1.zseclipse.net/v1/detection/execute-policy"
    policy_id: int = -1
    send_user_api_key_alias: bool = False
    send_user_api_key_user_id: bool = False
    send_user_api_key_team_id: bool = False

    def headers(self, occasion: Occasion) -> dict[str, str]:
        """Return the headers of a call."""
        owner = {
            "user-api-key-alias": occasion.key_alias if self.send_user_api_key_alias else "",
            "user-api-key-user-id": occasion.user_id if self.send_user_api_key_user_id else "",
            "user-api-key-team-id": occasion.team_id if self.send_user_api_key_team_id else "",
        }
        return {**bearer(self.api_key), **{name: value for name, value in owner.items() if value}}


class _Detector(Struct):
    action: str | None = None


class _Answer(Struct, rename="camel"):
    status_code: int
    action: Literal["ALLOW", "DETECT", "BLOCK"]
    transaction_id: str | None = None
    detector_responses: dict[str, _Detector] | None = None
    masked_content: str | None = None


def _ask(params: Zscaler, content: Content, occasion: Occasion) -> Asking:
    body: dict[str, Any] = {"direction": "OUT" if content.answers else "IN", "content": content.joined(" ")}
    policy = _policy(params, occasion)
    base = params.api_base.rstrip("/")
    if policy >= 1:
        body["policyId"] = policy
    elif base.endswith(_WITH_POLICY):
        base = base.removesuffix(_WITH_POLICY) + _WITHOUT
    (reply,) = yield [post(base, body, params.headers(occasion))]
    answer = reply.read(_Answer)
    if answer.status_code != 200:
        raise Unavailable(f"statusCode {answer.status_code}")
    detectors = answer.detector_responses or {}
    hits = tuple(sorted(name for name, found in detectors.items() if found.action not in {None, "ALLOW"}))
    findings = Findings(scan_id=answer.transaction_id or "", categories=hits)
    if answer.action == "BLOCK":
        blocking = [name for name in hits if detectors[name].action == "BLOCK"]
        reason = f"Content blocked by Zscaler AI Guard: {', '.join(blocking)}"
        said = {"transactionId": answer.transaction_id, "blockingDetectors": blocking}
        return Block(reason, {"zscaler_ai_guard": said}, findings)
    if answer.masked_content is not None and len(content.texts) == 1:
        return Rewrite({0: answer.masked_content}, findings=findings)
    return Allow("DETECT" if answer.action == "DETECT" else "", findings)


def _policy(params: Zscaler, occasion: Occasion) -> int:
    for metadata in (occasion.metadata, occasion.key_metadata, occasion.team_metadata):
        found = str(metadata.get(_POLICY, ""))
        if found.isdecimal() and len(found) < _LONGEST:
            return int(found)
    return params.policy_id


TYPE = Type(
    names=("zscaler_ai_guard",),
    params=Zscaler,
    check=asking(_ask),
    hooks=PRE_AND_POST,
    masks=PRE_AND_POST,
    last_turn=True,
    timeout=5.0,
    transient=frozenset({429, 500, 502, 503, 504}),
)
