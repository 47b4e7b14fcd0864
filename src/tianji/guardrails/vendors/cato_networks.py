"""Cato Networks' AI security, which speaks as AIM does; its socket for streams is not used either."""

from typing import ClassVar

from tianji.guardrails.vendor import PRE_AND_POST, Type, asking
from tianji.guardrails.vendors.aim import Aim, analyzes


class Cato(Aim, frozen=True, kw_only=True):
    """The user's mail address is taken from the client's header `x-cato-user-email`."""

    environment: ClassVar = {"api_key": ("CATO_API_KEY",), "api_base": ("CATO_API_BASE",)}

    api_base: str = "https://api.aisec.catonetworks.com"


TYPE = Type(names=("cato_networks",), params=Cato, check=asking(analyzes("cato")), masks=PRE_AND_POST)
