"""What an auto router's parameters lead to: its JSON, in the file or beside it, and the folder of a static model."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from tianji.config.decode import decode
from tianji.config.problems import Findings, Place
from tianji.config.schema.auto_router import ADAPTIVE, COMPLEXITY, QUALITY, SemanticConfig
from tianji.config.schema.model import ModelEntry, ModelParams
from tianji.config.tree import Items, Map, kind

_STATIC_FILES: Final = ("model.safetensors", "tokenizer.json")
_REMEDY: Final = 'write {"routes": [{"name": "a-model-group", "utterances": ["an example"]}]}'


_DEFAULTS: Final = {
    COMPLEXITY: "complexity_router_default_model",
    QUALITY: "quality_router_default_model",
    ADAPTIVE: "adaptive_router_default_model",
}


def default_key(params: ModelParams) -> str:
    """Return the parameter that names the group for what the router does not decide."""
    return _DEFAULTS.get(params.model, "auto_router_default_model")


def default_model(params: ModelParams) -> str | None:
    """Return the group that takes what an auto router sends nowhere else.

    Where none is named, the first of the models that a quality or an adaptive router may choose from.
    """
    written: str | None = getattr(params, default_key(params)) or _of_config(params)
    return written or params.auto_router_default_model


def _of_config(params: ModelParams) -> str | None:
    if params.model == COMPLEXITY:
        return None if params.complexity_router_config is None else params.complexity_router_config.default_model
    if params.model == QUALITY and params.quality_router_config is not None:
        return params.quality_router_config.default_model or next(
            iter(params.quality_router_config.available_models), None
        )
    if params.model == ADAPTIVE and params.adaptive_router_config is not None:
        return next(iter(params.adaptive_router_config.available_models), None)
    return None


def semantic_config(entry: ModelEntry, directory: Path, findings: Findings) -> SemanticConfig | None:
    """Decode `auto_router_config`, or the file that `auto_router_config_path` names; None when neither can be used.

    directory: where the configuration lies. The first is JSON as text, as LiteLLM wants it, or a mapping.
    """
    params = entry.params
    value = params.auto_router_config
    key, place = f"{entry.model_name}: litellm_params.auto_router_config", entry.place
    if value is None and params.auto_router_config_path is not None:
        file = directory / params.auto_router_config_path
        key += "_path"
        try:
            value = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            findings.error(place, key, "cannot be read", f"put a readable file at {file}")
            return None
        place = Place(file, 0)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            findings.error(place, key, f"is not JSON: {error}", _REMEDY)
            return None
    if value is None:
        return None
    if not isinstance(value, dict):
        findings.error(place, key, f"must be a mapping, not {kind(value)}", _REMEDY)
        return None
    return decode(SemanticConfig, _placed_map(value, place), key, findings)


def _placed_map(value: dict[object, object], place: Place) -> Map:
    """Give every member the one place that is known: that of the whole."""
    return Map(place, [(str(key), _placed(member, place), place) for key, member in value.items()])


def _placed(value: object, place: Place) -> object:
    if isinstance(value, dict):
        return _placed_map(value, place)
    if isinstance(value, list):
        return Items(place, [(_placed(member, place), place) for member in value])
    return value


def embeds() -> bool:
    """Whether static models can be used: the package model2vec is there."""
    return find_spec("model2vec") is not None


def static_model_folder(name: str, directory: Path, environ: Mapping[str, str]) -> Path | None:
    """Find a static model by the name of its folder, or by that of a repository in Hugging Face's cache.

    Nothing is fetched: what is not on this machine is not found. `directory` is where the configuration lies.
    Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    folder = directory / name
    if _is_static_model(folder):
        return folder
    kept = [found for found in _snapshots(name, environ) if _is_static_model(found)]
    return max(kept, key=lambda found: found.stat().st_mtime, default=None)


def _snapshots(name: str, environ: Mapping[str, str]) -> list[Path]:
    home = Path(environ.get("HF_HOME") or Path(environ.get("HOME", "/"), ".cache", "huggingface"))
    cache = Path(environ.get("HF_HUB_CACHE") or home / "hub")
    return list(cache.glob(f"models--{name.replace('/', '--')}/snapshots/*")) if _is_repository(name) else []


def _is_repository(name: str) -> bool:
    """Whether `name` is `owner/model` and has nothing that a pattern of file names would read in its own way."""
    owner, _, model = name.partition("/")
    return all(part and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, model))


def _is_static_model(folder: Path) -> bool:
    return all((folder / file).is_file() for file in _STATIC_FILES)
