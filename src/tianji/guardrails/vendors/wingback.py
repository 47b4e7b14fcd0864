"""Wingback: the generic interface, for one of the customer's applications."""

from typing import ClassVar

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Type, asking, post, under
from tianji.guardrails.vendors.generic_guardrail_api import PATH, Answer, GenericParams, document, verdict


class Wingback(GenericParams, frozen=True, kw_only=True):
    """`wingback_app_id`: the application there whose rules apply."""

    environment: ClassVar = {"api_key": ("WINGBACK_INTEGRATION_API_KEY",)}

    api_key: str
    api_base: str = "https://api.wingback.ai/connectors"
    wingback_app_id: str = ""


def _ask(params: Wingback, content: Content, occasion: Occasion) -> Asking:
    body = document(content, occasion, params.additional_provider_specific_params, params.extra_headers)
    if params.wingback_app_id:
        body["additional_provider_specific_params"]["wingback_app_id"] = params.wingback_app_id
    url = under(params.api_base.rstrip("/").removesuffix(PATH), PATH)
    (reply,) = yield [post(url, body, {"x-api-key": params.api_key, **params.headers})]
    return verdict(reply.read(Answer), content)


TYPE = Type(names=("wingback",), params=Wingback, check=asking(_ask), masks=PRE_AND_POST)
