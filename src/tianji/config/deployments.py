"""`model_list` into deployments: ids, fan-out, credentials, and the entries that fall out on their own."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from tianji.config import environment, spelling
from tianji.config.decode import decode, number
from tianji.config.durations import NO_DURATION, is_duration
from tianji.config.problems import Findings, Place
from tianji.config.schema.model import PRICE, PROMPT_SOURCES, PROVIDER_KEYS, ModelEntry, ModelInfo, ModelParams
from tianji.config.schema.router import NO_DELAY, is_delay
from tianji.config.tree import Items, Map, kind, plain

Accepts = Callable[[ModelParams], str | None]
"""Says why a deployment cannot be served, or None when it can."""

LEFT_OUT: Final = object()
_TYPED: Final = frozenset(ModelParams.__struct_fields__) - ModelParams.derived - {"extra"}
_TYPED_INFO: Final = frozenset(ModelInfo.__struct_fields__) - ModelInfo.derived - {"extra"}
_FEWER_STARS: Final = "has fewer stars than the `model_name`, so nothing says what they stand for"
_ENTRY_KEYS: Final = frozenset({"model_name", "litellm_params", "model_info"})
_STRUCTURES: Final = frozenset({"search_context_cost_per_query"})
_ENVIRONMENTS: Final = ("development", "staging", "production")
_NOT_NEGATIVE: Final = (
    "weight", "rpm", "tpm", "max_parallel_requests", "cooldown_time", "allowed_fails", "num_retries",
)  # fmt: skip


def available(entries: object, environ: Mapping[str, str]) -> object:
    """Put `LEFT_OUT` in the place of every entry whose `model_info.requires_env` names an unset variable."""
    if not isinstance(entries, Items):
        return entries
    return Items(
        entries.place, [(entry if _wanted(entry, environ) else LEFT_OUT, at) for _, entry, at in entries.members()]
    )


def _wanted(entry: object, environ: Mapping[str, str]) -> bool:
    info = entry.get("model_info") if isinstance(entry, Map) else None
    names = info.get("requires_env") if isinstance(info, Map) else None
    wanted = names if isinstance(names, Items) else [names]
    return all(environ.get(name) for name in wanted if isinstance(name, str))


class Builder:
    """Builds the deployments of one configuration."""

    def __init__(
        self,
        credentials: object,
        environ: Mapping[str, str],
        findings: Findings,
        accepts: Accepts | None,
        customs: frozenset[str] = frozenset(),
    ) -> None:
        """Take what the configuration says elsewhere; `customs` are the names of providers of its own."""
        self._environ = environ
        self._findings = findings
        self._accepts = accepts
        self._customs = customs
        self._credentials: dict[str, Map] = {}
        for entry in credentials if isinstance(credentials, Items) else ():
            name = entry.get("credential_name") if isinstance(entry, Map) else None
            values = entry.get("credential_values") if isinstance(entry, Map) else None
            if isinstance(name, str) and isinstance(values, Map):
                self._credentials[name] = values

    def build(self, entries: object, place: Place | None) -> tuple[ModelEntry, ...]:
        """Every deployment that can be used; faults are reported, each at the cost of its own entry where possible."""
        if entries is None:
            return ()
        if not isinstance(entries, Items):
            self._findings.error(place, "model_list", f"must be a list, not {kind(entries)}", "begin entries with `- `")
            return ()
        built: list[ModelEntry] = []
        for index, entry, at in entries.members():
            if entry is LEFT_OUT:
                continue
            path = f"model_list[{index}]"
            if isinstance(entry, Map):
                built.extend(self._entry(spelling.unify(entry, spelling.ENTRY, path, self._findings), path))
            else:
                remedy = "write `model_name:` and `litellm_params:`"
                self._findings.error(at, path, f"must be a mapping, not {kind(entry)}", remedy)
        return tuple(built)

    def _entry(self, entry: Map, path: str) -> Iterator[ModelEntry]:
        name, written = entry.get("model_name"), entry.get("litellm_params")
        sound = True
        if not isinstance(name, str):
            fault = f"must be text, not {kind(name)}" if "model_name" in entry else "is missing"
            self._findings.error(entry.at("model_name"), f"{path}.model_name", fault, "name the model, in quotes")
            sound = False
        if not isinstance(written, Map):
            fault = f"must be a mapping, not {kind(written)}" if "litellm_params" in entry else "is missing"
            place = entry.at("litellm_params")
            self._findings.error(place, f"{path}.litellm_params", fault, "add it, with a `model:` inside")
        elif "model" not in written:
            place = entry.at("litellm_params")
            self._findings.error(place, f"{path}.litellm_params.model", "is missing", ModelParams.remedies["model"])
        elif sound:
            yield from self._deployments(str(name), entry, written, path)

    def _deployments(self, name: str, entry: Map, written: Map, path: str) -> Iterator[ModelEntry]:
        faults = Findings()
        params = self._params(written, f"{path}.litellm_params", faults)
        info = self._info(entry, path, faults)
        if params is not None and info is not None:
            info = msgspec.structs.replace(info, prices={**params.prices, **info.prices})
            self._conditions(params, info, entry, path, faults)
            if params.model != "*" and 0 < params.model.count("*") < name.count("*"):
                remedy = "give it as many, or name one model"
                faults.error(written.at("model"), f"{path}.litellm_params.model", _FEWER_STARS, remedy)
        for problem in faults.problems:
            self._findings.add(
                msgspec.structs.replace(problem, dropped=True) if problem.severity == "error" else problem
            )
        if params is None or info is None or faults.failed or not self._here(info):
            return
        params = self._limits(params, entry, path)
        identity = str(info.id) if info.id is not None else deployment_id(name, written)
        extra = {key: plain(value) for key, value in entry.items() if key not in _ENTRY_KEYS}
        organizations = params.organization if isinstance(params.organization, tuple) else (params.organization,)
        for organization in organizations or (None,):
            one = params
            if isinstance(params.organization, tuple):
                whole = {**params.written, "organization": organization}
                one = msgspec.structs.replace(params, organization=organization, written=whole)
            yield ModelEntry(model_name=name, params=one, info=info, id=identity, place=entry.place, extra=extra)

    def _params(self, written: Map, path: str, faults: Findings) -> ModelParams | None:
        written = self._with_credentials(written, path, faults)
        params = decode(ModelParams, written, path, faults)
        if params is None:
            return None
        source, _, model = params.model.partition("/")
        if source in PROMPT_SOURCES and model:
            params = msgspec.structs.replace(params, model=model, prompt_source=source)
        passed: dict[str, object] = {}
        provider: dict[str, object] = {}
        for key, value in params.extra.items():
            if key.startswith("supports_"):
                remedy = "move it into model_info"
                faults.warning(written.at(key), f"{path}.{key}", "a capability flag has no effect here", remedy)
            elif value is not None and not PRICE.fullmatch(key):
                (provider if PROVIDER_KEYS.fullmatch(key) else passed)[key] = value
        whole = {
            key: getattr(params, key) if key in _TYPED else plain(value)
            for key, value in written.items()
            if value is not None
        }
        prices = _prices(written, path, faults)
        return msgspec.structs.replace(params, passed=passed, provider=provider, prices=prices, written=whole, extra={})

    def _with_credentials(self, written: Map, path: str, faults: Findings) -> Map:
        name = written.get("litellm_credential_name")
        if not isinstance(name, str):
            return written
        values = self._credentials.get(name)
        if values is None:
            remedy = "add it to credential_list"
            faults.warning(written.at("litellm_credential_name"), path, f"no credential is called {name!r}", remedy)
            return written
        added = [member for member in values.members() if member[0] not in written]
        return Map(written.place, [*written.members(), *added])

    def _info(self, entry: Map, path: str, faults: Findings) -> ModelInfo | None:
        value = entry.get("model_info")
        where = f"{path}.model_info"
        if value is None:
            return ModelInfo()
        if not isinstance(value, Map):
            faults.error(entry.at("model_info"), where, f"must be a mapping, not {kind(value)}", "write `key: value`")
            return None
        info = decode(ModelInfo, value, where, faults)
        if info is None:
            return None
        extra = {key: member for key, member in info.extra.items() if not PRICE.fullmatch(key)}
        whole = {key: getattr(info, key) if key in _TYPED_INFO else plain(member) for key, member in value.items()}
        return msgspec.structs.replace(info, prices=_prices(value, where, faults), written=whole, extra=extra)

    def _conditions(self, params: ModelParams, info: ModelInfo, entry: Map, path: str, faults: Findings) -> None:
        for pattern in params.tag_regex:
            try:
                re.compile(pattern)
            except re.error:
                where = f"{path}.litellm_params.tag_regex"
                faults.error(entry.at("litellm_params"), where, "is not a regular expression", "correct it")
        if info.supported_environments is not None:
            current = environment.lookup(self._environ, "ENVIRONMENT")
            if current not in _ENVIRONMENTS:
                where = f"{path}.model_info.supported_environments"
                remedy = f"set TIANJI_ENVIRONMENT to one of {', '.join(_ENVIRONMENTS)}"
                faults.error(entry.at("model_info"), where, "the environment that runs is not known", remedy)
        for key in _NOT_NEGATIVE:
            if (getattr(params, key) or 0) < 0:
                written = entry["litellm_params"]
                place = written.at(key) if isinstance(written, Map) else entry.place
                faults.error(place, f"{path}.litellm_params.{key}", "must not be negative", "write 0 or more")
        if not is_duration(params.budget_duration):
            faults.error(entry.at("litellm_params"), f"{path}.litellm_params.budget_duration", *NO_DURATION)
        if not is_delay(params.hedge_after):
            faults.error(entry.at("litellm_params"), f"{path}.litellm_params.hedge_after", *NO_DELAY)
        own = params.is_auto_router or (params.custom_llm_provider or params.model.partition("/")[0]) in self._customs
        refusal = self._accepts(params) if self._accepts and not own else None
        if refusal:
            written = entry["litellm_params"]
            place = written.at("model") if isinstance(written, Map) else entry.place
            faults.error(place, f"{path}.litellm_params.model", refusal, "until then nobody is sent there")

    def _here(self, info: ModelInfo) -> bool:
        wanted: tuple[str, ...] | None = info.supported_environments
        return wanted is None or environment.lookup(self._environ, "ENVIRONMENT") in wanted

    def _limits(self, params: ModelParams, entry: Map, path: str) -> ModelParams:
        """Apply the legacy place of `rpm` and `tpm`, beside `litellm_params`."""
        for key in ("rpm", "tpm"):
            limit = number(entry.get(key))
            if limit is None or getattr(params, key) is not None:
                if entry.get(key) is not None and limit is None:
                    self._findings.warning(entry.at(key), f"{path}.{key}", "is not a number, so it has no effect")
                continue
            if limit.is_integer():
                params = msgspec.structs.replace(
                    params, written={**params.written, key: int(limit)}, **{key: int(limit)}
                )
        return params


def _prices(section: Map, path: str, faults: Findings) -> dict[str, float]:
    prices: dict[str, float] = {}
    for key, value, place in section.members():
        if value is None or not PRICE.fullmatch(key) or key in _STRUCTURES:
            continue
        price = number(value)
        if price is None:
            faults.error(
                place, f"{path}.{key}", f"must be a number, not {kind(value)}", "write US dollars for one unit"
            )
        else:
            prices[key] = price
    return prices


def deployment_id(name: str, written: Map) -> str:
    """SHA-256, in hex, of the group's name and each parameter's key and value in file order (LiteLLM's rule).

    Text counts as it is, mappings as JSON, everything else as Python prints it. References are already resolved, so
    a changed key changes the id; `model_info.id` gives one that stays.
    """
    parts = [name]
    for key, value, _ in written.members():
        parts.append(key)
        simple = plain(value)
        if isinstance(simple, str):
            parts.append(simple)
        else:
            parts.append(json.dumps(simple) if isinstance(simple, dict) else str(simple))
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
