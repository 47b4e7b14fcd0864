"""The decision for a request without sending it: each deployment that could serve it, and why it would or not."""

from msgspec import Struct

from tianji._core.routing.needs import Needs
from tianji.errors import UnknownModel
from tianji.routing.failure import Kind
from tianji.routing.resolution import Resolution
from tianji.routing.router import Group, Hop, Request, Router


class Verdict(Struct, frozen=True):
    """One deployment. `reason` is `kept` or why it was dropped; `figure` what Selection.verdicts() says of it."""

    deployment: str
    reason: str
    figure: float


class Considered(Struct, frozen=True):
    """One group on the way of a request. `chosen` would serve; with `refused` the group is passed over altogether."""

    group: str
    strategy: str = ""
    chosen: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    refused: str | None = None


def explain(
    router: Router, request: Request, needs: Needs, group: Group, resolution: Resolution | None, now: float
) -> list[Considered]:
    """Return the group that serves, then those it falls back to if every attempt ends in an ordinary failure.

    The choices are those of `Selection.explain`, made by the code that chooses; nothing is taken.
    """
    hop = Hop(request.model, group, resolution)
    found = [_consider(hop, needs, now)]
    if request.disable_fallbacks:
        return found
    walk = router.fallbacks.walk(hop.names, request.wishes)
    entered = 0
    target = walk.next(Kind.INTERNAL, hop.names, 0, entered)
    while target is not None:
        try:
            hop = Hop(target.name, *router.resolve(target.name), target.depth)
        except UnknownModel:
            found.append(Considered(target.name, refused="unknown"))
            target = walk.next(Kind.INTERNAL, hop.names, hop.depth, entered)
            continue
        refused = request.admits(target.name, hop.group)
        if refused is None:
            found.append(_consider(hop, needs, now))
            entered += found[-1].chosen is not None
        else:
            found.append(Considered(target.name, refused=refused))
        target = walk.next(Kind.INTERNAL, hop.names, hop.depth, entered)
    return found


def _consider(hop: Hop, needs: Needs, now: float) -> Considered:
    selection = hop.group.selection
    position, verdicts = selection.explain(needs, now)
    ids = [health.id for health in selection.healths]
    return Considered(
        group=hop.name,
        strategy=selection.strategy,
        chosen=ids[position] if position >= 0 else None,
        verdicts=tuple(Verdict(name, *verdict) for name, verdict in zip(ids, verdicts, strict=True)),
    )
