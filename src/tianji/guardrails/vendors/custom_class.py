"""`guardrail: module.Class`: a class in a file beside the configuration, as LiteLLM's custom guardrails are written.

`module` is the file, with dots for folders; the class is made of the entry's other keys, in processes of its own.
Called are apply_guardrail, or else async_pre_call_hook, async_moderation_hook and async_post_call_success_hook, with
the texts as a chat whatever the client speaks. An iterator over streams is not called: streams are judged whole. What
it imports of litellm and fastapi are stand-ins, and its environment has no secrets: they are given as keys of the
entry. An entry of the database never makes one.
"""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from tianji.errors import ConfigurationError
from tianji.guardrails.custom.service import Custom, Limits
from tianji.guardrails.vendor import AROUND, Hook, Sight, Surroundings, Type


class ClassParams(Limits, frozen=True, kw_only=True):
    """The keys of an entry. handler: what `guardrail` names; settings: what the class is made of, all others."""

    secrets: ClassVar[frozenset[str]] = frozenset({"settings"})
    handler: str
    settings: Mapping[str, Any] = {}

    @classmethod
    def arranged(cls, values: Mapping[str, Any], kind: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the class every key but those that say how its processes are kept."""
        own = {key: value for key, value in values.items() if key in Limits.__struct_fields__}
        others = {key: value for key, value in values.items() if key not in own}
        return {**own, "handler": kind, "settings": {**about, **others}}


class _Class(Custom):
    """An object of the class in processes of its own."""

    def __init__(self, params: ClassParams, surroundings: Surroundings) -> None:
        _check(params.handler, surroundings.folder)
        folder = str(surroundings.folder.resolve())
        told = {"handler": params.handler, "folder": folder, "settings": dict(params.settings)}
        super().__init__(told, params, surroundings)


TYPE: Final = Type(
    names=("custom_class",),
    params=ClassParams,
    service=_Class,
    hooks=AROUND | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL, Hook.POST_MCP_CALL},
    masks=frozenset({Hook.PRE_CALL, Hook.POST_CALL, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
    sees=Sight.ALL,
    timeout=30.0,
)


def _check(handler: str, folder: Path) -> None:
    """Raise ConfigurationError where there is no such class. Nothing of the file runs here."""
    *modules, name = handler.split(".")
    file = folder.joinpath(*modules).with_suffix(".py") if all(modules) and modules else folder
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{handler}: put {'/'.join(modules) or handler}.py beside the configuration")
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{handler}: {file.name} is no Python: {error}") from None
    if name not in {defined for node in tree.body for defined in _defined(node)}:
        raise ConfigurationError(f"{handler}: {file.name} defines no {name}")


def _defined(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return (node.name,)
    if isinstance(node, ast.ImportFrom | ast.Import):
        return tuple(alias.asname or alias.name for alias in node.names)
    if isinstance(node, ast.Assign):
        return tuple(target.id for target in node.targets if isinstance(target, ast.Name))
    return ()
