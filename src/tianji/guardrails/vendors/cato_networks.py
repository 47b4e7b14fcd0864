"""Cato Networks' AI security, which speaks as AIM does; its socket for streams is not used either."""

from typing import ClassVar

from tianji import __version__
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.vendors.aim import Analyzed, chat, hook_of, verdict


class Cato(Params, frozen=True, kw_only=True):
    """The user's mail address is taken from the client's header `x-cato-user-email`."""

    environment: ClassVar = {"api_key": ("CATO_API_KEY",), "api_base": ("CATO_API_BASE",)}

    api_key: str
    api_base: str = "https://api.aisec.catonetworks.com"


def _ask(params: Cato, content: Content, occasion: Occasion) -> Asking:
    headers = {
        **bearer(params.api_key),
        "x-cato-litellm-hook": hook_of(occasion, content),
        "x-cato-litellm-version": __version__,
        "x-cato-call-id": occasion.call_id,
        "x-cato-user-email": occasion.headers.get("x-cato-user-email", ""),
        "x-cato-gateway-key-alias": occasion.key_alias,
    }
    said = {name: value for name, value in headers.items() if value}
    (reply,) = yield [post(under(params.api_base, "/fw/v1/analyze"), chat(content), said)]
    return verdict(reply.read(Analyzed), content)


TYPE = Type(names=("cato_networks",), params=Cato, check=asking(_ask), masks=PRE_AND_POST)
