"""Microsoft Purview, data loss prevention: texts are processed under the policies of the person whose request it is.

https://learn.microsoft.com/graph/api/userdatasecurityandgovernance-processcontent. The protection scopes, which tell
who needs to be asked about, are not computed before: every text is processed.
"""

from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct, field

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    ClientCredentials,
    Hook,
    Occasion,
    Params,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable

_APPLICATION = "microsoft.graph.policyLocationApplication"


class Purview(Params, frozen=True, kw_only=True):
    """`user_id_field`: member of the request's metadata that names the person where key and end user do not."""

    secrets: ClassVar = frozenset({"client_secret"})

    tenant_id: str
    client_id: str
    client_secret: str
    purview_app_name: str = "LiteLLM"
    user_id_field: str = "user_id"
    api_base: str = "https://graph.microsoft.com/v1.0"
    auth_url: str = "https://login.microsoftonline.com"

    def auth(self) -> ClientCredentials:
        """Return what proves who asks."""
        url = under(self.auth_url, f"/{quote(self.tenant_id, safe='')}/oauth2/v2.0/token")
        return ClientCredentials(url, self.client_id, self.client_secret, "https://graph.microsoft.com/.default")

    def person(self, occasion: Occasion) -> str:
        """Return whose policies apply; what the client says comes last. Raises Unavailable for nobody's."""
        said = occasion.metadata.get(self.user_id_field)
        person = occasion.user_id or occasion.end_user or (said if isinstance(said, str) else "")
        if not person:
            raise Unavailable("nobody is named whose policies apply")
        return person


class _Action(Struct, rename="camel"):
    kind: str = field(name="@odata.type", default="")
    action: str | None = None
    restriction_action: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether it says to refuse."""
        restricts = self.kind.endswith("restrictAccessAction") or self.action == "restrictAccess"
        return restricts and self.restriction_action == "block"


class _Answer(Struct, rename="camel"):
    policy_actions: list[_Action]


def _ask(params: Purview, content: Content, occasion: Occasion) -> Asking:
    person = quote(params.person(occasion), safe="")
    url = under(params.api_base, f"/users/{person}/dataSecurityAndGovernance/processContent")
    activity = "downloadText" if content.answers else "uploadText"
    body = {
        "contentToProcess": {
            "contentEntries": [_entry(params, content, occasion)],
            "activityMetadata": {"activity": activity},
            "deviceMetadata": {},
            "protectedAppMetadata": {
                "name": params.purview_app_name,
                "version": "1.0",
                "applicationLocation": {"@odata.type": _APPLICATION, "value": params.client_id},
            },
            "integratedAppMetadata": {"name": params.purview_app_name, "version": "1.0"},
        }
    }
    (reply,) = yield [post(url, body, auth=params.auth())]
    if any(action.blocks for action in reply.read(_Answer).policy_actions):
        detail = {"activity": activity}
        return Block("Blocked by Microsoft Purview DLP policy", detail, Findings(categories=("restrictAccess",)))
    return Allow()


def _entry(params: Purview, content: Content, occasion: Occasion) -> dict[str, Any]:
    return {
        "@odata.type": "microsoft.graph.processConversationMetadata",
        "identifier": f"{occasion.call_id}-{content.direction}",
        "content": {"@odata.type": "microsoft.graph.textContent", "data": content.joined("\n\n")},
        "name": f"{params.purview_app_name} message",
        "correlationId": occasion.session_id or occasion.call_id,
        "sequenceNumber": 1 if content.answers else 0,
        "isTruncated": False,
    }


TYPE = Type(names=("microsoft_purview",), params=Purview, check=asking(_ask), hooks=PRE_AND_POST | {Hook.LOGGING_ONLY})
