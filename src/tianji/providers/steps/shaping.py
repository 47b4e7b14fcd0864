"""From a provider's rules and a deployment's params to `Shaping`, and the same rules run in plain Python."""

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError, UnsupportedParams
from tianji.providers.deployment import Deployment
from tianji.providers.steps import cache_marks, conversations, paths, value_steps
from tianji.providers.steps.parameters import CONTROL_FIELDS, NEVER_VALIDATED
from tianji.providers.steps.step import Judge, Maker, Step
from tianji.providers.upstream import Body, Condition, Shaping


class Rules(Struct, frozen=True):
    """What one provider asks of a body. `sends` are control fields that it takes all the same."""

    unsupported: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    sends: frozenset[str] = frozenset()
    rename: Mapping[str, str] = {}
    steps: tuple[Maker, ...] = ()
    conditions: tuple[Condition, ...] = ()
    defaults: Mapping[str, object] = {}


def compile_shaping(deployment: Deployment, rules: Rules) -> Shaping:
    """Join the rules with the deployment's settings.

    Raises ConfigurationError when the deployment's own defaults hold what its provider does not take, since every
    request would then be refused.
    """
    unsupported = rules.unsupported - deployment.allowed - set(rules.rename)
    makers = rules.steps
    if "n" in unsupported:
        unsupported -= {"n"}
        makers = (*makers, value_steps.single_choice)
    never = unsupported & NEVER_VALIDATED
    names = frozenset(name for name in deployment.drop if not paths.is_path(name))
    drop = ((CONTROL_FIELDS - rules.sends - deployment.allowed) | rules.removed | never | names) - {"extra_body"}
    unsupported -= drop
    refuse: frozenset[str] = frozenset()
    if deployment.drop_params:
        drop |= unsupported
    else:
        refuse = unsupported
    droppers = tuple(paths.dropper(paths.parse(name)) for name in deployment.drop if paths.is_path(name))
    own = (*conversations.arranging(deployment.params), *cache_marks.marking(deployment.params))
    merge = value_steps.merge_extra_body(_shared(CONTROL_FIELDS | names))

    def steps_when(drop_params: bool) -> tuple[Step, ...]:
        judge = Judge(deployment.provider, deployment.model, drop_params, deployment.allowed)
        return (merge, *own, *(maker(judge) for maker in makers), *droppers)

    steps = steps_when(bool(deployment.drop_params))
    defaults = _defaults(deployment, rules, drop, refuse, steps)
    override = {k: copy.deepcopy(v) for k, v in deployment.extra_body.items() if k != "model" and k not in names}
    for dropper in droppers:
        dropper.run(override)
    return Shaping(
        rename=tuple(rules.rename.items()),
        drop=_shared(drop),
        refuse=_shared(refuse),
        defaults=_encoded(defaults),
        override=_encoded(override),
        adapt_on=_shared(frozenset().union(*(step.on for step in steps))),
        adapt=_adapter(steps),
        adapt_bytes=tuple(group for step in steps for group in step.needles),
        conditions=rules.conditions,
        drop_params=deployment.drop_params,
        unsupported=_shared(unsupported),
        adapt_otherwise=_adapter(steps_when(not deployment.drop_params)),
        allowed=deployment.allowed,
    )


@functools.lru_cache(1024)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """Return one that is equal: most deployments have the same names, and four kilobytes of them each."""
    return names


def native_shaping(deployment: Deployment, shared: frozenset[str], steps: tuple[Maker, ...] = ()) -> Shaping:
    """Return the shaping of bodies in an upstream's own form, where OpenAI's names mean nothing.

    What is the gateway's is taken out, what the operator drops or sets is dropped or set; of the deployment's params
    those in `shared`, whose names mean the same there, are defaults. `metadata` and `tools` are the form's own; so is
    what `steps` change.
    """
    own = {name: value for name, value in deployment.defaults.items() if name in shared}
    there = msgspec.structs.replace(deployment, defaults=own, drop_params=True)
    return compile_shaping(there, Rules(sends=frozenset({"metadata"}), steps=steps))


def plain_shaping(deployment: Deployment) -> Shaping:
    """Return the shaping of what is no chat, pictures and sound say: only what the gateway and the operator want."""
    return compile_shaping(msgspec.structs.replace(deployment, drop_params=True), Rules())


def apply(shaping: Shaping, body: Mapping[str, object], *, label: str) -> Body:
    """Shape a decoded body as `Shaping` says, `model` apart; the input stays as it is.

    `label` names provider and model in the message of UnsupportedParams. Gives the same members as splicing over the
    raw body, and is meant for slow paths.
    """
    refuse_unsupported(shaping, (k for k, v in body.items() if v is not None), label=label)
    gone = shaping.drop | shaping.refuse
    shaped = {k: v for k, v in body.items() if k not in gone}
    for condition in shaping.conditions:
        if condition.name in shaped and not _holds(condition, body):
            del shaped[condition.name]
    for old, new in shaping.rename:
        if old in shaped:
            value = shaped.pop(old)
            shaped.setdefault(new, value)
    for name, raw in shaping.defaults:
        if name not in shaped:
            shaped[name] = msgspec.json.decode(raw)
    if shaping.adapt is not None:
        shaped = shaping.adapt(shaped)
    for name, raw in shaping.override:
        shaped[name] = msgspec.json.decode(raw)
    return shaped


def refuse_unsupported(shaping: Shaping, names: Iterable[str], *, label: str) -> None:
    """Raise UnsupportedParams naming every refused name among `names`, which were sent with a value other than null."""
    bad = sorted(shaping.refuse.intersection(names))
    if bad:
        listed = ", ".join(map(repr, bad))
        raise UnsupportedParams(
            f"{label} does not take: {listed}. Remove them, or set drop_params: true to have them removed, "
            "or list them in allowed_openai_params to have them sent.",
            param=bad[0],
        )


def for_request(
    shaping: Shaping, *, drop_params: bool | None, additional: Sequence[str], allowed: Sequence[str]
) -> Shaping:
    """Return a deployment's shaping as one request wants it that carries these settings in its body.

    `additional` holds plain names. A `drop_params` of None leaves the deployment's setting; any other is as if the
    deployment had it, except that a default of the deployment that was dropped is not refused: no client sent it.
    """
    allow = frozenset(allowed) - CONTROL_FIELDS
    drop, refuse, adapt, otherwise = shaping.drop, shaping.refuse, shaping.adapt, shaping.adapt_otherwise
    if drop_params is None:
        drop_params = shaping.drop_params
    elif drop_params != bool(shaping.drop_params):
        adapt, otherwise = otherwise, adapt
        if drop_params:
            drop, refuse = drop | shaping.unsupported, frozenset[str]()
        else:
            drop, refuse = drop - shaping.unsupported, shaping.unsupported
    refuse = refuse - allow - set(additional)
    drop = (drop - allow) | set(additional)
    defaults = tuple(pair for pair in shaping.defaults if pair[0] not in drop)
    return msgspec.structs.replace(
        shaping,
        drop=drop,
        refuse=refuse,
        defaults=defaults,
        adapt=adapt,
        allowed=shaping.allowed | allow,
        drop_params=drop_params,
        adapt_otherwise=otherwise,
    )


def _adapter(steps: tuple[Step, ...]) -> Callable[[Body], Body]:
    def adapt(body: Body) -> Body:
        mine = copy.deepcopy(body)
        for step in steps:
            step.run(mine)
        return mine

    return adapt


def _defaults(
    deployment: Deployment, rules: Rules, drop: frozenset[str], refuse: frozenset[str], steps: tuple[Step, ...]
) -> Body:
    found: Body = {**rules.defaults, **copy.deepcopy(dict(deployment.defaults))}
    bad = sorted(refuse.intersection(found))
    if bad:
        raise ConfigurationError(
            f"{deployment.label()} does not take the params {', '.join(bad)} that its own entry sets: "
            "remove them, set drop_params: true, or list them in allowed_openai_params"
        )
    found = {k: v for k, v in found.items() if k not in drop}
    for old, new in rules.rename.items():
        if old in found:
            value = found.pop(old)
            found.setdefault(new, value)
    try:
        for step in steps:
            step.run(found)
    except UnsupportedParams as error:
        raise ConfigurationError(f"the params of {deployment.label()}: {error.message}") from error
    return found


def _holds(condition: Condition, body: Mapping[str, object]) -> bool:
    other = body.get(condition.other)
    if condition.value is None:
        return other is not None and other != []
    return other is not None and msgspec.json.encode(other) == condition.value


def _encoded(members: Mapping[str, object]) -> tuple[tuple[str, bytes], ...]:
    try:
        return tuple((name, msgspec.json.encode(value)) for name, value in members.items())
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"a param cannot be written as JSON: {error}") from error
