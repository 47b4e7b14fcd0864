"""A deployment's params, read once: typed, environment references resolved, defaults set apart."""

from collections.abc import Mapping

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.providers.steps.parameters import goes_upstream

_ENV = "os.environ/"


class Deployment(Struct, frozen=True):
    """The part of a deployment's params that decides where its requests go and what they hold."""

    provider: str
    model: str
    params: Mapping[str, object]
    environ: Mapping[str, str]
    api_base: str | None
    api_key: str | None
    drop_params: bool | None  # None where nobody has said
    drop: tuple[str, ...]
    allowed: frozenset[str]
    extra_headers: Mapping[str, str]
    extra_body: Mapping[str, object]
    extra_query: Mapping[str, str]
    defaults: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """Return the param as text, None when it is absent or empty."""
        return text(self.params, name, self.environ)

    def variable(self, names: tuple[str, ...]) -> str | None:
        """Return the first of these environment variables that is set and not empty."""
        return next((value for name in names if (value := self.environ.get(name))), None)

    def label(self) -> str:
        """Name the deployment in a message."""
        return f"{self.provider}/{self.model}"


def read(
    params: Mapping[str, object], environ: Mapping[str, str], name: tuple[str, str], *, drop_params: bool | None
) -> Deployment:
    """Read `params` for the deployment whose (provider, model) is `name`; `drop_params` is the global setting.

    Raises ConfigurationError for a value of the wrong type.
    """
    base = text(params, "api_base", environ) or text(params, "base_url", environ)
    headers = {**_texts(params, "headers", environ), **_texts(params, "extra_headers", environ)}
    return Deployment(
        provider=name[0],
        model=name[1],
        params=params,
        environ=environ,
        api_base=base,
        api_key=text(params, "api_key", environ),
        drop_params=_flag(params.get("drop_params"), drop_params),
        drop=_names(params, "additional_drop_params"),
        allowed=frozenset(_names(params, "allowed_openai_params")),
        extra_headers=headers,
        extra_body=_map(params, "extra_body"),
        extra_query=_texts(params, "extra_query", environ),
        defaults={k: v for k, v in params.items() if v is not None and goes_upstream(k)},
    )


def text(params: Mapping[str, object], name: str, environ: Mapping[str, str]) -> str | None:
    """Return a param as text; `os.environ/NAME` is looked up. None when absent, null or empty."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be text, not {type(value).__name__}: quote the value")
    if value.startswith(_ENV):
        value = environ.get(value[len(_ENV) :], "")
    return value or None


def _flag(value: object, default: bool | None) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if value is None:
        return default
    raise ConfigurationError(f"drop_params must be true or false, not {value!r}")


def _map(params: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{name} must be a map with text keys")
    return value


def _texts(params: Mapping[str, object], name: str, environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in _map(params, name).items():
        if isinstance(value, bool):
            found[key] = "true" if value else "false"
        elif isinstance(value, int | float):
            found[key] = str(value)
        elif value is not None:
            found[key] = text({key: value}, key, environ) or ""
    return found


def _names(params: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = params.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"{name} must be a list of names")
    return tuple(value)
