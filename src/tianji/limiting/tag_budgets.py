"""Budgets that the configuration gives to tags (`litellm_settings.tag_budget_config`)."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tianji.auth.limits import Limits
from tianji.config.schema import Config
from tianji.limiting.named import Named
from tianji.limiting.rows import Holder
from tianji.money import to_nanos

USUAL: Final = "1d"  # where no period is written


def tag_budgets(config: Config) -> Mapping[str, Limits]:
    """Return what the configuration says of tags, by name; an entry without a budget is none."""
    return {
        name: Limits(max_budget=to_nanos(written.limit), budget_duration=written.period or USUAL)
        for name, written in config.litellm_settings.tag_budget_config.items()
        if written.limit is not None
    }


def with_budgets(found: tuple[Named, ...], tags: Sequence[str], budgets: Mapping[str, Limits]) -> tuple[Named, ...]:
    """Return what is known of those whom a request names, with the budgets that the configuration gives to its tags.

    A tag that is stored with a budget goes by that; of one that is stored without, the rest holds as well.
    """
    if not budgets:
        return found
    stored = {one.holder.id: one for one in found if one.holder.kind == "tag"}
    more = {}
    for tag in tags:
        budget, known = budgets.get(tag), stored.get(tag)
        if budget is None or (known is not None and known.holder.limits.max_budget is not None):
            continue
        if known is None:
            more[tag] = Named(holder=Holder("tag", tag, budget))
        else:
            both = msgspec.structs.replace(
                known.holder.limits, max_budget=budget.max_budget, budget_duration=budget.budget_duration
            )
            more[tag] = msgspec.structs.replace(known, holder=Holder("tag", tag, both))
    others = tuple(one for one in found if one.holder.kind != "tag" or one.holder.id not in more)
    return (*others, *more.values())
