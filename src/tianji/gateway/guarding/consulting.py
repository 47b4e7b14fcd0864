"""Models of the gateway's own, as guardrails ask them."""

from collections.abc import Iterable

from tianji._core.requests.forward import Endpoint
from tianji.auth.identity import MASTER
from tianji.dialects.openai import Dialect
from tianji.gateway.beforehand.own_requests import reply
from tianji.guardrails.vendor import Question, Reply


class Models:
    """Puts questions to them. `endpoints`: the operations of all dialects.

    They are asked in the gateway's name and not in the caller's: whoever has used up his own limits could otherwise
    have it that nobody judges him.
    """

    def __init__(self, endpoints: Iterable[tuple[Dialect, Endpoint]]) -> None:
        self._endpoints = {dialect.operation: endpoint for dialect, endpoint in endpoints}

    async def __call__(self, question: Question) -> Reply:
        """Return what a model says; status 0 where it broke off."""
        return Reply(*await reply(self._endpoints[question.operation], question.body, MASTER))
