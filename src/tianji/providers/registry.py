"""The one way in: a deployment's params become an `Upstream`, whatever its provider is."""

from collections.abc import Mapping
from types import MappingProxyType

from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.providers import custom, names, table
from tianji.providers.custom import Custom
from tianji.providers.deployment import Deployment, read, text
from tianji.providers.modules import MODULES
from tianji.providers.upstream import Upstream


def build(
    params: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    drop_params: bool | None,
    customs: Mapping[str, Custom] = MappingProxyType({}),
) -> Upstream:
    """Compile one deployment.

    `params` are its litellm_params (tianji_params) as a plain mapping, `environ` the variables that may hold keys and
    addresses, `drop_params` the global setting, which the deployment's own beats. A model with `*` gives an upstream
    for no model in particular: put what the star stands for into `model` and build again, since rules and addresses
    depend on the name. `customs` are the providers of the configuration's own, by name.

    Raises ConfigurationError saying what to do: unknown provider, no address, a value of the wrong type, a provider
    that is not served. A missing key is no error; it is in `key_missing`.
    """
    model = text(params, "model", environ)
    if model is None:
        raise ConfigurationError("a deployment needs a model: set it to provider/model")
    proxy = params.get("use_litellm_proxy") is True or environ.get("USE_LITELLM_PROXY", "").lower() == "true"
    provider = text(params, "custom_llm_provider", environ)
    named = provider or model.partition("/")[0]
    if named in customs and named not in names.known():
        mine = read(params, environ, (named, model.removeprefix(f"{named}/")), drop_params=drop_params)
        return custom.build(mine, customs[named])
    name = names.parse(
        model,
        provider=provider,
        api_base=text(params, "api_base", environ) or text(params, "base_url", environ),
        proxy=proxy,
    )
    deployment = read(params, environ, name, drop_params=drop_params)
    return _build(name[0], deployment)


def _build(provider: str, deployment: Deployment) -> Upstream:
    built: Upstream
    if provider in MODULES:
        built = load(f"tianji.providers.own.{MODULES[provider]}").build(deployment)
        return built
    row = table.rows().get(provider)
    if row is None:
        raise ConfigurationError(f"{deployment.label()}: {provider} is not served: {table.unserved()[provider]}")
    built = load("tianji.providers.openai_compatible").build(row, deployment)
    return built
