"""Google Cloud's Model Armor (https://cloud.google.com/security-command-center/docs/reference/model-armor/rest).

Texts and documents are held against a template of the project. Only regional hosts answer. What it finds and could
mask is refused unless the entry says to mask that direction.
"""

from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    AROUND,
    PRE_AND_POST,
    Asking,
    GoogleToken,
    Hook,
    Occasion,
    Params,
    Sight,
    Type,
    asking,
    post,
)
from tianji.guardrails.verdict import UNSEEN, Block, Findings, Verdict, replaced

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS: Final = {
    "application/pdf": "PDF",
    "text/plain": "TXT",
    "text/csv": "CSV",
    f"{_OFFICE}wordprocessingml.document": "WORD_DOCUMENT",
    f"{_OFFICE}spreadsheetml.sheet": "EXCEL_DOCUMENT",
    f"{_OFFICE}presentationml.presentation": "POWERPOINT_DOCUMENT",
}
_LONGEST: Final = 4 * 1024 * 1024 * 4 // 3  # of a document, in base64


class ModelArmor(Params, frozen=True, kw_only=True):
    """`credentials`: a service account, path or JSON; without one that of where the process runs."""

    secrets: ClassVar = frozenset({"credentials"})
    aliases: ClassVar = {"vertex_credentials": "credentials"}

    template_id: str
    project_id: str
    location: str = "us-central1"
    credentials: str = ""
    api_endpoint: str = ""
    mask_request_content: bool = False
    mask_response_content: bool = False
    skip_unscannable_attachments: bool = False
    sanitize_error_detail: bool = True

    def url(self, content: Content) -> str:
        """Return where contents of this direction are judged."""
        base = self.api_endpoint or f"https://modelarmor.{self.location}.rep.googleapis.com"
        parts = ("projects", self.project_id, "locations", self.location, "templates", self.template_id)
        method = "sanitizeModelResponse" if content.answers else "sanitizeUserPrompt"
        return f"{base.rstrip('/')}/v1/{'/'.join(quote(part, safe='') for part in parts)}:{method}"


class _Match(Struct, rename="camel"):
    match_state: Literal["MATCH_FOUND", "NO_MATCH_FOUND", "FILTER_MATCH_STATE_UNSPECIFIED"] = "NO_MATCH_FOUND"

    @property
    def found(self) -> bool:
        return self.match_state == "MATCH_FOUND"


class _Data(Struct):
    text: str


class _Deidentified(_Match, rename="camel"):
    data: _Data | None = None


class _Sdp(Struct, rename="camel"):
    inspect_result: _Match | None = None
    deidentify_result: _Deidentified | None = None


class _Filter(Struct, rename="camel"):
    rai_filter_result: _Match | None = None
    pi_and_jailbreak_filter_result: _Match | None = None
    malicious_uri_filter_result: _Match | None = None
    csam_filter_filter_result: _Match | None = None
    virus_scan_filter_result: _Match | None = None
    sdp_filter_result: _Sdp | None = None

    def matched(self) -> list[str]:
        """Return which filters refuse, apart from what could be masked."""
        plain = {
            "rai": self.rai_filter_result,
            "pi_and_jailbreak": self.pi_and_jailbreak_filter_result,
            "malicious_uris": self.malicious_uri_filter_result,
            "csam": self.csam_filter_filter_result,
            "virus_scan": self.virus_scan_filter_result,
            "sdp": self.sdp_filter_result.inspect_result if self.sdp_filter_result else None,
        }
        return [name for name, match in plain.items() if match is not None and match.found]


class _Result(Struct, rename="camel"):
    filter_results: dict[str, _Filter] | list[_Filter]
    filter_match_state: str = ""


class _Answer(Struct, rename="camel"):
    sanitization_result: _Result


def _ask(params: ModelArmor, content: Content, _occasion: Occasion) -> Asking:
    documents = [_document(attachment) for attachment in (*content.images, *content.files)]
    if None in documents and not params.skip_unscannable_attachments:
        return Block(UNSEEN)
    indexes = [index for index, text in enumerate(content.texts) if text.text]
    items: list[dict[str, Any]] = [{"text": content.texts[index].text} for index in indexes]
    items += [{"byteItem": document} for document in documents if document is not None]
    member = "modelResponseData" if content.answers else "userPromptData"
    url, token = params.url(content), GoogleToken(params.credentials)
    replies = yield [post(url, {member: item}, auth=token) for item in items]
    masks = params.mask_response_content if content.answers else params.mask_request_content
    texts: list[str | None] = [None] * len(content.texts)
    for number, result in enumerate([reply.read(_Answer).sanitization_result for reply in replies]):
        found = _judged(result)
        if isinstance(found, str) and masks and number < len(indexes):
            texts[indexes[number]] = found
        elif found:
            return _refusal(params, content, ("sdp",) if isinstance(found, str) else tuple(found))
    return replaced(content, texts)


def _judged(result: _Result) -> list[str] | str:
    """Return which filters refuse; the masked text where nothing but that is wrong; an empty list for nothing."""
    filters = result.filter_results.values() if isinstance(result.filter_results, dict) else result.filter_results
    matched = sorted({name for each in filters for name in each.matched()})
    for each in filters:
        masked = each.sdp_filter_result.deidentify_result if each.sdp_filter_result else None
        if masked is not None and masked.found and not matched:
            return masked.data.text if masked.data and masked.data.text else ["sdp"]
    return matched or (["unknown filter"] if result.filter_match_state == "MATCH_FOUND" else [])


def _document(attachment: str) -> dict[str, str] | None:
    kind, _, data = attachment.partition(";base64,")
    known = _DOCUMENTS.get(kind.removeprefix("data:"))
    return {"byteDataType": known, "byteData": data} if known and len(data) <= _LONGEST else None


def _refusal(params: ModelArmor, content: Content, matched: tuple[str, ...]) -> Verdict:
    reason = "Response blocked by Model Armor" if content.answers else "Content blocked by Model Armor"
    detail = {} if params.sanitize_error_detail else {"model_armor_response": {"filters": matched}}
    return Block(reason, detail, Findings(categories=matched))


TYPE = Type(
    names=("model_armor",),
    params=ModelArmor,
    check=asking(_ask),
    hooks=AROUND | {Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL, Hook.LOGGING_ONLY},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL, Hook.LOGGING_ONLY},
    last_turn=True,
    sees=Sight.ALL,
)
