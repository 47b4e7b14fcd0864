"""The decision for a request without sending it, as an administrator sees it."""

from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.routing.needs import Needs
from tianji._core.routing.router import Table
from tianji.errors import InvalidRequest
from tianji.gateway.admission.caller import request_of, scope_of
from tianji.gateway.admission.steering import read_steering
from tianji.gateway.attempts.course import Courses, belonging, decision_of
from tianji.routing.abilities import ABILITY, OPERATION, names
from tianji.routing.auto import Decision
from tianji.routing.explain import Considered, explain


class Explanation(Struct, frozen=True):
    """What would happen to a request.

    model: as the client names it; group: what it is routed by, which an auto router may have chosen, with its reason
    needs: what a deployment must be able to do; input_tokens: None where no deployment's context is checked
    considered: the first group, then those it would fall back to
    """

    model: str
    group: str
    reason: str | None
    needs: list[str]
    input_tokens: int | None
    considered: list[Considered]


async def explained(table: Table, courses: Courses, exchange: Exchange, operation: str, now: float) -> Explanation:
    """Explain the request whose body and headers `exchange` has. `now` is monotonic seconds.

    Raises InvalidRequest, UnknownModel and whatever else the request itself would meet with.
    """
    if operation not in OPERATION:
        raise InvalidRequest(f"operation {operation!r} is not one of {', '.join(OPERATION)}", param="operation")
    body = scan(exchange.body)
    model = table.default_model or body.string(b"model")
    if not model:
        raise InvalidRequest("`model` is missing: name one of GET /v1/models", param="model")
    steer = read_steering(exchange, table, model)
    routed, reason = await _routed(table, model, body, exchange)
    found = table.groups.get(routed)
    group, resolution = table.resolve(routed) if found is None else (found, None)
    bits = OPERATION[operation] | courses.abilities(body, sum(ABILITY.values()))
    tokens = await courses.count(body, group.deployments[0].model) if table.window else None
    needs = Needs(
        bits=bits,
        input_tokens=tokens or 0,
        tokens=courses.reservation(body) if table.meters else 0,
        streamed=body.boolean(b"stream") is True,
        scope=scope_of(table, exchange, steer),
        affinity=belonging(table, group, exchange, body) if table.affine else 0,
    )
    considered = explain(table.router, request_of(table, exchange, steer, routed), needs, group, resolution, now)
    return Explanation(model, routed, reason, names(bits), tokens, considered)


async def _routed(table: Table, model: str, body: ObjectSpans, exchange: Exchange) -> tuple[str, str | None]:
    router = table.autos.get(model)
    if router is None:
        return model, None
    decision = decision_of(router, body, exchange)
    decision = decision if isinstance(decision, Decision) else await decision
    return decision.group, decision.reason
