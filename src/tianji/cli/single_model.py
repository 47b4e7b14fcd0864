"""`tianji serve --model M`: a configuration made out of flags."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

_DEFAULTS = ("api_base", "api_version", "temperature", "max_tokens")


@contextmanager
def configuration(flags: Mapping[str, object]) -> Iterator[Path]:
    """Give the path of a configuration that serves the one model of `flags`; it is there as long as the context lasts.

    Raises click.BadParameter for headers that are not a JSON object of text.
    """
    params: dict[str, object] = {"model": flags["model"]}
    params.update({name: flags[name] for name in _DEFAULTS if flags[name] is not None})
    if flags["headers"] is not None:
        params["extra_headers"] = _headers(str(flags["headers"]))
    names = ["*"] if flags["alias"] is None else [flags["alias"], "*"]
    tree = {
        "model_list": [{"model_name": name, "litellm_params": params} for name in names],
        "litellm_settings": {} if flags["max_budget"] is None else {"max_budget": flags["max_budget"]},
    }
    with tempfile.TemporaryDirectory(prefix="tianji-") as folder:
        file = Path(folder, "single_model.yaml")
        file.write_text(json.dumps(tree, indent=2))  # JSON is YAML
        file.chmod(0o600)  # headers may hold a key
        yield file


def _headers(text: str) -> dict[str, str]:
    try:
        headers = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--headers") from error
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise click.BadParameter('expected an object of text, such as {"x-team": "a"}', param_hint="--headers")
    return headers
