"""HiddenLayer's runtime detection, both versions of its interface.

Calls to the vendor's own cloud carry a token of its OAuth server; one's own installation asks for none. Headers of the
client that begin with `hl-` go along. Version 2 says in a header whether it blocks.
"""

from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    ClientCredentials,
    Occasion,
    Params,
    Reply,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, Verdict, replaced

_REQUESTER: Final = "LiteLLM"


class HiddenLayer(Params, frozen=True, kw_only=True):
    """`api_id` and `api_key`: client id and secret for the vendor's cloud."""

    environment: ClassVar = {
        "api_id": ("HIDDENLAYER_CLIENT_ID",),
        "api_key": ("HIDDENLAYER_CLIENT_SECRET",),
        "api_base": ("HIDDENLAYER_API_BASE",),
        "auth_url": ("HIDDENLAYER_AUTH_URL",),
    }

    api_id: str = ""
    api_key: str = ""
    api_base: str = "https://api.hiddenlayer.ai"
    auth_url: str = "https://auth.hiddenlayer.ai"
    version: Literal[1, 2, "1", "2", "v1", "v2"] = 2

    def auth(self) -> ClientCredentials | None:
        """Return what proves who asks; None for an installation of one's own."""
        host = urlsplit(self.api_base).hostname or ""
        if host != "hiddenlayer.ai" and not host.endswith(".hiddenlayer.ai"):
            return None
        url = under(self.auth_url, "/oauth2/token?grant_type=client_credentials")
        return ClientCredentials(url, self.api_id, self.api_key, basic=True)


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message


class _Evaluated(Struct):
    messages: list[_Message] | None = None
    choices: list[_Choice] | None = None


class _Evaluation(Struct):
    action: str
    threat_level: str | None = None


class _Messages(Struct):
    messages: list[_Message]


class _Modified(Struct):
    input: _Messages | None = None
    output: _Messages | None = None


class _Analysis(Struct):
    name: str = ""
    detected: bool = False


class _Interaction(Struct):
    evaluation: _Evaluation
    analysis: list[_Analysis] | None = None
    modified_data: _Modified | None = None


def _ask(params: HiddenLayer, content: Content, occasion: Occasion) -> Asking:
    own = {name: value for name, value in occasion.headers.items() if name.startswith("hl-")}
    version = 1 if str(params.version).endswith("1") else 2
    headers = {
        **own,
        "hl-runtime-edge-provider": "litellm",
        "hl-runtime-edge-provider-version": str(version),
    }
    said = [{"role": text.role, "content": text.text} for text in content.texts]
    if version == 1:
        side = "output" if content.answers else "input"
        requester = own.get("hl-requester-id", _REQUESTER)
        body = {"metadata": {"model": occasion.model, "requester_id": requester}, side: {"messages": said}}
        url = under(params.api_base, "/detection/v1/interactions")
        (reply,) = yield [post(url, body, headers, auth=params.auth())]
        return _of_interaction(reply.read(_Interaction), content)
    headers |= {"hl-requester-id": own.get("hl-requester-id", _REQUESTER), "hl-roundtrip-id": occasion.call_id}
    url = under(params.api_base, f"/detection/v2/{'response' if content.answers else 'request'}-evaluations")
    (reply,) = yield [post(url, _native(content, said, occasion), headers | own, auth=params.auth())]
    return _of_evaluation(reply, content)


def _native(content: Content, said: list[dict[str, str]], occasion: Occasion) -> dict[str, Any]:
    if content.answers:
        return {"choices": [{"index": index, "message": message} for index, message in enumerate(said)]}
    return {"messages": said, "model": occasion.model, **({"tools": content.tools} if content.tools else {})}


def _of_evaluation(reply: Reply, content: Content) -> Verdict:
    answer = reply.read(_Evaluated)
    headers = {name.lower(): value for name, value in reply.headers.items()}
    action = headers.get("hl-runtime-action", "").upper()
    if action == "BLOCK":
        return _refusal({}, Findings())
    messages = answer.messages
    if content.answers:
        messages = [choice.message for choice in answer.choices] if answer.choices is not None else None
    if messages is None and not action:
        raise Unavailable("the answer neither says what is to be done nor repeats what was sent")
    return Allow() if messages is None else replaced(content, [message.content for message in messages])


def _of_interaction(answer: _Interaction, content: Content) -> Verdict:
    reasons = tuple(each.name for each in answer.analysis or () if each.detected)
    findings = Findings(categories=reasons)
    action = answer.evaluation.action.lower()
    if action == "block":
        return _refusal({"block_reasons": reasons, "threat_level": answer.evaluation.threat_level}, findings)
    if action != "redact":
        return Allow(findings=findings)
    modified = answer.modified_data
    side = (modified.output if content.answers else modified.input) if modified else None
    if side is None:
        raise Unavailable("the answer lacks the masked texts")
    return replaced(content, [message.content for message in side.messages], findings)


def _refusal(further: dict[str, Any], findings: Findings) -> Block:
    detail = {"hiddenlayer_guardrail_response": "Blocked by Hiddenlayer.", **further}
    return Block("Violated guardrail policy", detail, findings)


TYPE = Type(names=("hiddenlayer",), params=HiddenLayer, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
