"""DeepKeep's AI firewall: the generic interface below a path of its own, for one of the tenant's firewalls."""

from typing import ClassVar

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Type, asking, post, under
from tianji.guardrails.vendors.generic_guardrail_api import PATH, Answer, GenericParams, document, verdict


class DeepKeep(GenericParams, frozen=True, kw_only=True):
    """`firewall_id`: which of the tenant's firewalls judges; a request cannot choose another."""

    environment: ClassVar = {
        "api_key": ("DEEPKEEP_API_KEY",),
        "api_base": ("DEEPKEEP_API_BASE",),
        "firewall_id": ("DEEPKEEP_FIREWALL_ID",),
    }

    api_key: str
    firewall_id: str


def _ask(params: DeepKeep, content: Content, occasion: Occasion) -> Asking:
    body = document(content, occasion, params.additional_provider_specific_params, params.extra_headers)
    body["additional_provider_specific_params"]["firewall_id"] = params.firewall_id
    base = params.api_base.rstrip("/").removesuffix(PATH).removesuffix("/v3/openai")
    call = post(under(base, f"/v3/openai{PATH}"), body, {"x-api-key": params.api_key, **params.headers})
    (reply,) = yield [call]
    return verdict(reply.read(Answer), content)


TYPE = Type(names=("deepkeep",), params=DeepKeep, check=asking(_ask), masks=PRE_AND_POST)
