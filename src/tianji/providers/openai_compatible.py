"""Providers that speak OpenAI's wire form: a row of the table and a deployment's params make an `Upstream`."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import urlsplit

from msgspec.structs import replace

from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins.credentials import Credentials
from tianji.providers.logins.exchanged import LOGINS
from tianji.providers.own.anthropic import CARRIED, SHARED, VERSION
from tianji.providers.own.anthropic import PATH as MESSAGES
from tianji.providers.own.openai import STREAM_OPTIONS, USED_TOOL_CHOICE
from tianji.providers.places import PLACES, Place
from tianji.providers.responses import PATH as RESPONSES
from tianji.providers.responses import responses_forms
from tianji.providers.steps import message_steps, tool_steps, value_steps
from tianji.providers.steps.parameters import OPENAI_PARAMS
from tianji.providers.steps.shaping import Rules, compile_shaping, native_shaping, plain_shaping
from tianji.providers.steps.step import Judge, Maker, Step
from tianji.providers.table import Form, ModelRule, Row
from tianji.providers.tasks import inside
from tianji.providers.upstream import EMBEDDINGS, MEDIA, PATHS, OwnForm, Upstream

VENDORS = "tianji.protocol.vendors"

STEPS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        message_steps.text_content,
        message_steps.tool_text_content,
        message_steps.no_cache_control,
        message_steps.no_message_names,
        message_steps.names_on_tools_only,
        message_steps.no_null_assistant_fields,
        message_steps.no_thinking_blocks,
        message_steps.reasoning_to_magistral,
        message_steps.video_files,
        message_steps.no_files,
        message_steps.reasoning_on_tool_turns,
        message_steps.reasoning_on_all_turns,
        message_steps.no_empty_assistant,
        message_steps.nine_letter_tool_ids,
        tool_steps.no_strict,
        tool_steps.plain_schemas,
        tool_steps.custom_tools_as_functions,
        tool_steps.function_tools_only,
        tool_steps.tool_choice_any,
        tool_steps.tool_choice_any_or_named,
        tool_steps.tool_choice_auto_or_none,
        tool_steps.tool_choice_harmless,
        tool_steps.required_choice_as_turn,
        tool_steps.web_search_as_tool,
        tool_steps.json_schema_only,
        value_steps.base64_or_nothing,
        value_steps.no_temperature,
        value_steps.groq_service_tier,
        value_steps.thinking_as_effort,
        value_steps.effort_as_thinking,
        value_steps.together_effort,
        value_steps.openrouter_effort,
        value_steps.thinking_beats_effort,
        value_steps.vllm_extras,
    )
}


def build(row: Row, deployment: Deployment) -> Upstream:
    """Compile a deployment of the row's provider. Raises ConfigurationError when it has no address."""
    own = deployment.api_base or deployment.variable(row.base_variables)
    base, query = address.split_base(_with_suffix(own, row.append) if own else _default_base(row, deployment))
    found = _credentials(row, deployment, base)
    headers = found.headers(row.key_header or "authorization")
    if "messages" in _spoken(row, deployment.model):
        headers.append(("anthropic-version", VERSION))
    for name, template in row.headers.items():
        value = address.fill(template, deployment.environ, found.key)
        if value:
            headers.append((name, value))
    protocol = _protocol(row, deployment.model)
    offers = [operation for operation in row.offers if protocol is None or operation != "chat"]
    paths: dict[str, str] = {operation: row.paths.get(operation, PATHS[operation]) for operation in offers}
    place = Place(base, deployment.model, paths, tuple(headers), own=own is not None)
    if row.place is not None:
        place = PLACES[row.place](deployment, place)
    if place.body:
        deployment = replace(deployment, extra_body={**deployment.extra_body, **place.body})
    upstream = Upstream(
        provider=row.name,
        model=place.model,
        base_url=place.base,
        headers=address.encode_headers([*place.headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, {**place.query, **deployment.extra_query}),
        paths=place.paths,
        shaping=compile_shaping(deployment, rules(row, deployment.model)),
        plain_shaping=plain_shaping(deployment),
        ranks=row.ranks,
        key_missing=found.missing,
        secrets=found.secrets,
        protocol=protocol,
        sign=found.sign,
        awaits=found.awaits,
        embeddings=EMBEDDINGS if row.embeds else None,
        infills=row.infills,
        own_forms=_own_forms(row, deployment, place.base),
        media={operation: f"{MEDIA}.{module}" for operation, module in row.forms.items()},
    )
    if not row.tasks:
        return upstream
    there = place if row.task_place is None else PLACES[row.task_place](deployment, place)
    return inside(upstream, row.tasks, there.base, {**dict(there.headers), **deployment.extra_headers})


def _own_forms(row: Row, deployment: Deployment, base: str) -> dict[str, OwnForm]:
    """Return how requests in other forms than OpenAI's chat go through, unless the operator wants chat alone."""
    if deployment.params.get("use_chat_completions_api") is True:
        return {}
    found: dict[str, OwnForm] = {}
    for name in _spoken(row, deployment.model):
        if name == "responses":
            found[name] = _of_responses(deployment, base, row.paths.get(name, RESPONSES))
        else:
            found[name] = _of_messages(deployment, base, row.paths.get(name), row.beside.get(name))
    return found


def _of_responses(deployment: Deployment, base: str, path: str) -> OwnForm:
    """Return how requests of the Responses API go through, whose path behind the address ends as usual."""
    form, at = responses_forms(deployment)["responses"], path.removesuffix(RESPONSES)
    query = address.encode_query("", deployment.extra_query)
    return replace(form, prefix=f"{urlsplit(base).path}{at}", query=query) if at else form


def _of_messages(deployment: Deployment, base: str, own: str | None, beside: str | None) -> OwnForm:
    """Return how requests of Anthropic's Messages go through; only Claude minds whose thoughts they hold."""
    path = own or MESSAGES.removeprefix("/v1" if beside is None and base.endswith("/v1") else "")
    steps = (tool_steps.usual_kind_unsaid, *((message_steps.own_thoughts,) if "claude" in deployment.model else ()))
    shaping = native_shaping(deployment, SHARED, steps)
    query = address.encode_query("", deployment.extra_query)
    return OwnForm(
        suffix=lambda _model, _streamed: path, shaping=shaping, carries=CARRIED, prefix=beside,
        query="" if beside is None else query,
    )  # fmt: skip


def _spoken(row: Row, model: str) -> frozenset[Form]:
    """Return the forms that a model has beside chat."""
    return row.speaks.union(*(rule.speaks for rule in row.models if _matches(rule, model)))


def _credentials(row: Row, deployment: Deployment, base: str) -> Credentials:
    key = deployment.api_key or deployment.variable(row.key_variables)
    if row.login is not None:
        return LOGINS[row.login](deployment, key, base)
    missing = None if key or row.keyless else _how_to_key(row)
    secrets = (key,) if key else ()
    if row.scheme is not None:
        return Credentials(token=key, scheme=row.scheme, missing=missing, secrets=secrets)
    return Credentials(key=key, missing=missing, secrets=secrets)


def _protocol(row: Row, model: str) -> str | None:
    named = next((rule.protocol for rule in row.models if rule.protocol and _matches(rule, model)), row.protocol)
    return None if named is None else f"{VENDORS}.{named}"


def _default_base(row: Row, deployment: Deployment) -> str:
    wanted = ", ".join(("api_base in the deployment's params", *row.base_variables))
    if row.base is None:
        raise ConfigurationError(f"{deployment.label()} has no address of its own: set one of {wanted}")
    base = address.fill(row.base, deployment.environ, None)
    if base is None:
        names = ", ".join(address.variables(row.base))
        raise ConfigurationError(f"{deployment.label()} needs {names} for its address: set it, or one of {wanted}")
    return base


def _with_suffix(base: str, suffix: str) -> str:
    plain = base.rstrip("/").removesuffix("/chat/completions")
    return base if not suffix or plain.endswith(suffix) or "?" in base else plain + suffix


def _how_to_key(row: Row) -> str:
    return f"set {' or '.join(row.key_variables)}, or api_key in the deployment's params"


def rules(row: Row, model: str) -> Rules:
    """Return what a provider of the table asks of a body for a model."""
    matching = [rule for rule in row.models if _matches(rule, model)]
    unsupported = row.lacks.union(*(rule.lacks for rule in matching))
    if row.takes is not None:
        unsupported |= OPENAI_PARAMS - row.takes
    names = [*row.steps, *(name for rule in matching for name in rule.steps)]
    steps = tuple(STEPS[name] for name in names)
    if row.limits:
        steps = (*steps, partial(_clamp, row))
    return Rules(
        unsupported=unsupported,
        removed=row.drops,
        rename=row.rename,
        steps=steps,
        conditions=(USED_TOOL_CHOICE, STREAM_OPTIONS),
        defaults=row.sets,
    )


def _clamp(row: Row, _: Judge) -> Step:
    return value_steps.clamp(row.limits)


def _matches(rule: ModelRule, model: str) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in rule.match)
